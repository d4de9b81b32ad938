// SPDX-License-Identifier: GPL-2.0

//! Splits a line into words.

use super::refusal::{refuse, Parsed, Reason, Refusal};
use crate::rcu_table::Family;

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
        let mut bytes = self.rest.bytes();
        let start = bytes.position(|byte| !byte.is_ascii_whitespace())?;
        let end = bytes
            .position(|byte| byte.is_ascii_whitespace())
            .map_or(self.rest.len(), |len| start + 1 + len);
        // Both are character boundaries: each lies beside an ASCII byte or at the end.
        let word = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        self.last = word;
        Some(word)
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
