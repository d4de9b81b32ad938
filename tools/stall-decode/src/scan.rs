// SPDX-License-Identifier: GPL-2.0

//! A cursor over the text of a line, used by all parsers.
//!
//! Texts are ASCII, as `unwrap::printable` makes them. Nothing here panics: missing text is `None`.

use memchr::memmem;

/// CPUs parsed per list.
const MAX_LISTED: u32 = 64;

/// The unparsed rest of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Starts after the first `key` in the text.
    pub(crate) fn after(text: &'a str, key: &str) -> Option<Self> {
        let at = memmem::find(text.as_bytes(), key.as_bytes())?;
        text.get(at + key.len()..).map(Self::new)
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    /// Consumes a byte, which is one character of the text.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.rest = self.rest.get(1..)?;
        Some(byte)
    }

    pub(crate) fn spaces(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        self
    }

    /// Consumes a literal if it is next.
    pub(crate) fn eat(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Consumes a literal, or returns `None`.
    pub(crate) fn expect(&mut self, literal: &str) -> Option<&mut Self> {
        self.eat(literal).then_some(self)
    }

    /// Consumes the leading bytes that match.
    pub(crate) fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !is(byte));
        let end = end.unwrap_or(self.rest.len());
        let (matched, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        matched
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let before = *self;
        let number = self.run(|byte| byte.is_ascii_digit()).parse().ok();
        if number.is_none() {
            *self = before;
        }
        number
    }

    /// Consumes a number that fits 32 bits.
    pub(crate) fn small(&mut self) -> Option<u32> {
        let before = *self;
        let number = self.number()?.try_into().ok();
        if number.is_none() {
            *self = before;
        }
        number
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let negative = self.eat("-");
        let number: i64 = self.number()?.try_into().ok()?;
        Some(if negative { -number } else { number })
    }

    /// Consumes a hexadecimal number, with or without `0x`.
    pub(crate) fn hex(&mut self) -> Option<u64> {
        self.eat("0x");
        u64::from_str_radix(self.run(|byte| byte.is_ascii_hexdigit()), 16).ok()
    }

    /// Consumes a list of CPUs: `1,3-5`.
    pub(crate) fn cpu_list(&mut self) -> Vec<u32> {
        let mut cpus = Vec::new();
        while let Some(first) = self.spaces().small() {
            let mut last = first;
            if self.eat("-") {
                last = self.small().unwrap_or(first);
            }
            let last = last.min(first.saturating_add(MAX_LISTED - 1));
            cpus.extend((first..=last).take(MAX_LISTED as usize - cpus.len()));
            if !self.eat(",") {
                break;
            }
        }
        cpus
    }

    /// Consumes the text before white space.
    pub(crate) fn word(&mut self) -> &'a str {
        self.run(|byte| byte != b' ' && byte != b'\t')
    }

    /// Consumes the text through `stop`, and returns the part before `stop`.
    pub(crate) fn until(&mut self, stop: &str) -> Option<&'a str> {
        let (before, rest) = self.rest.split_once(stop)?;
        self.rest = rest;
        Some(before)
    }
}

/// Returns the number after the first `key`.
pub(crate) fn number_after(text: &str, key: &str) -> Option<u64> {
    Scan::after(text, key)?.spaces().number()
}

/// Like [`number_after`], for a number that fits 32 bits.
pub(crate) fn small_after(text: &str, key: &str) -> Option<u32> {
    number_after(text, key)?.try_into().ok()
}

/// Splits `name:pid` or `name/pid`. The name may contain the separator.
pub(crate) fn name_and_pid(text: &str, separator: char) -> Option<(&str, u32)> {
    let (name, pid) = text.rsplit_once(separator)?;
    Some((name.trim(), pid.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_at_the_first_other_byte() {
        let mut scan = Scan::new("12-...!: 0x1f -3");
        assert_eq!(scan.number(), Some(12));
        assert_eq!(scan.number(), None);
        assert_eq!(scan.until(": "), Some("-...!"));
        assert_eq!(scan.hex(), Some(0x1f));
        assert_eq!(scan.spaces().signed(), Some(-3));
        assert!(scan.rest().is_empty());
    }

    #[test]
    fn numbers_that_overflow_are_rejected() {
        let mut scan = Scan::new("99999999999999999999 4294967296");
        assert_eq!(scan.number(), None);
        assert_eq!(scan.word(), "99999999999999999999");
        assert_eq!(scan.spaces().small(), None);
        assert_eq!(scan.number(), Some(1 << 32));
    }

    #[test]
    fn a_task_name_may_contain_the_separator() {
        assert_eq!(
            name_and_pid("kworker/0:1:57", ':'),
            Some(("kworker/0:1", 57))
        );
        assert_eq!(
            name_and_pid("kworker/0:1/57", '/'),
            Some(("kworker/0:1", 57))
        );
        assert_eq!(name_and_pid("init", ':'), None);
        assert_eq!(name_and_pid("init:x", ':'), None);
    }
}
