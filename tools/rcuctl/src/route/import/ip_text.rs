// SPDX-License-Identifier: GPL-2.0

//! The text of `ip route show` and of files for `ip -batch`.

use super::{Found, MULTIPATH};
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

/// Finds the routes. A line with leading blanks continues a route with several next hops.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let inet6 = is_inet6(text);
    for (line, number) in text.lines().zip(1..) {
        let words = without_comment(line);
        if words.is_empty() {
            continue;
        }
        if words.starts_with("nexthop ") {
            // Only the first of them follows its route.
            if let Some(head) = found.candidates.pop() {
                match head.line == number - 1 {
                    true => found.refuse(head.line, format!("nexthop: {MULTIPATH}")),
                    false => found.candidates.push(head),
                }
            }
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
