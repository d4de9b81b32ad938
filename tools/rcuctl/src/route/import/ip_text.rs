// SPDX-License-Identifier: GPL-2.0

//! The text of `ip route show` and of files for `ip -batch`.

use anstream::adapter::strip_str;

use super::Found;
use crate::device::grammar;

/// Returns whether a line is one of `ip`, or the text has comments alone.
pub fn is_ip(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(without_comment)
        .filter(|line| !line.is_empty())
        .peekable();
    lines.peek().is_none() || lines.any(|line| !grammar::is_bad_word(line))
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or("").trim()
}

/// Finds the routes. Joins the lines of a route with several next hops, and lines that end with a
/// backslash.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    // `ip -color` prints escape sequences.
    let text = &strip_str(text).to_string();
    let inet6 = is_inet6(text);
    // Whether the last candidate is open: legs, or any line, may continue it.
    let (mut may_continue, mut must_continue) = (false, false);
    for (line, number) in text.lines().zip(1..) {
        let words = without_comment(line);
        // A comment, a blank line or a note does not end the candidate.
        let is_between = may_continue && (words.is_empty() || grammar::is_note(words));
        let is_next = must_continue || may_continue && grammar::is_leg(words);
        must_continue = line.ends_with('\\') && !line.contains('#');
        match found.candidates.last_mut() {
            Some(open) if is_next => {
                open.words.push(' ');
                open.words.push_str(words);
                continue;
            }
            _ if is_between => continue,
            _ => may_continue = grammar::can_continue(words),
        }
        if words.is_empty() || grammar::is_note(words) {
            continue;
        }
        let names_verb = ["ip ", "-4 ", "-6 ", "route ", "add ", "append ", "replace "]
            .iter()
            .any(|verb| words.starts_with(verb));
        match inet6 && !names_verb {
            true => found.push(number, format!("-6 route add {words}")),
            false => found.push(number, words),
        }
    }
    found
}

/// Whether all destinations but `default` are IPv6: then `default` is, too.
fn is_inet6(text: &str) -> bool {
    let destinations = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()) || word.contains(':'))
    });
    let mut has_inet6 = false;
    for destination in destinations {
        match destination.contains(':') {
            true => has_inet6 = true,
            false if destination.contains('.') => return false,
            false => (),
        }
    }
    has_inet6
}
