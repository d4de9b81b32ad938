// SPDX-License-Identifier: GPL-2.0

//! Splits a line into words.

use super::refusal::{refuse, Parsed, Reason, Refusal};
use crate::rcu_table::Family;

/// The first byte of an escape sequence.
const ESCAPE: u8 = 0x1b;

/// Returns the length of a separator at the start of `bytes`; 0 if they start with a word.
///
/// `ip -color` prints escape sequences before and after a word. `ip -oneline` prints a backslash
/// instead of a newline, sometimes directly after a word.
fn separator(bytes: &[u8]) -> usize {
    match bytes {
        [b'\\', ..] => 1,
        [byte, ..] if byte.is_ascii_whitespace() => 1,
        [ESCAPE, b'[', color @ ..] => {
            let end = color
                .iter()
                .position(|byte| !matches!(byte, b'0'..=b'9' | b';'));
            match end.map(|end| (end, color[end])) {
                Some((end, b'm')) => end + 3,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// The words of a line, up to a comment.
pub(super) struct Words<'a> {
    rest: &'a str,
    /// The word before `rest`: a missing argument is reported at this word.
    last: &'a str,
    /// The family that an option of the line names.
    pub(super) family: Option<Family>,
    /// The family of `default` that a word implies: `ip` prints `pref` for IPv6 only.
    pub(super) implied: Option<Family>,
    /// The words after the first `nexthop` of a route, or the members of a group. A word `nexthop`
    /// or `group` can also be the value of another word.
    pub(super) list: &'a str,
    /// The informational words that were skipped.
    pub(super) skipped: u32,
}

impl<'a> Words<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Self {
            rest: line.split('#').next().unwrap_or(""),
            last: "",
            family: None,
            implied: None,
            list: "",
            skipped: 0,
        }
    }

    /// Stores that the rest of the line is its list.
    pub(super) fn begin_list(&mut self) {
        self.list = self.rest;
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            match separator(&bytes[start..]) {
                0 => break,
                len => start += len,
            }
        }
        let word = bytes.get(start..).filter(|word| !word.is_empty())?;
        let len = (1..word.len()).find(|at| separator(&word[*at..]) > 0);
        let end = start + len.unwrap_or(word.len());
        // Both are character boundaries: each lies beside an ASCII byte or at the end.
        let word = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        self.last = word;
        Some(word)
    }

    /// Skips and counts the rest of the line, and the word before it.
    pub(super) fn skip_all(&mut self) {
        self.skipped += 1;
        while self.next().is_some() {
            self.skipped += 1;
        }
    }

    pub(super) fn expect(&mut self, what: &'static str) -> Parsed<'a, &'a str> {
        let last = self.last;
        self.next()
            .ok_or(Refusal::new(last, Reason::MissingArgument(what)))
    }

    pub(super) fn end(&mut self) -> Parsed<'a, ()> {
        self.next()
            .map_or(Ok(()), |word| refuse(word, Reason::UnknownWord))
    }
}
