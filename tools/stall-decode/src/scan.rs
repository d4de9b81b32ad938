// SPDX-License-Identifier: GPL-2.0

//! A cursor over the text of a line: what the parsers of the reports are written with.
//!
//! Texts are ASCII (`unwrap` sees to that), and nothing here panics: what is not there is `None`.

use memchr::memmem;

/// What is left of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Begins behind the first `key` in the text.
    pub(crate) fn after(text: &'a str, key: &str) -> Option<Self> {
        let at = memmem::find(text.as_bytes(), key.as_bytes())?;
        text.get(at + key.len()..).map(Self::new)
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    /// Takes a byte, which is one character of the text.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.rest = self.rest.get(1..)?;
        Some(byte)
    }

    pub(crate) fn spaces(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        self
    }

    /// Takes a literal if it is next.
    pub(crate) fn eat(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a literal, or gives up.
    pub(crate) fn expect(&mut self, literal: &str) -> Option<&mut Self> {
        self.eat(literal).then_some(self)
    }

    /// Takes as much as consists of such bytes.
    pub(crate) fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !is(byte));
        let end = end.unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let before = *self;
        let number = self.run(|byte| byte.is_ascii_digit()).parse().ok();
        if number.is_none() {
            *self = before;
        }
        number
    }

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

    /// Takes a hexadecimal number, with or without `0x`.
    pub(crate) fn hex(&mut self) -> Option<u64> {
        self.eat("0x");
        u64::from_str_radix(self.run(|byte| byte.is_ascii_hexdigit()), 16).ok()
    }

    /// Takes what stands before a white space.
    pub(crate) fn word(&mut self) -> &'a str {
        self.run(|byte| byte != b' ' && byte != b'\t')
    }

    /// Takes what stands before `stop`, and `stop`.
    pub(crate) fn until(&mut self, stop: &str) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_once(stop)?;
        self.rest = rest;
        Some(taken)
    }
}

/// The number that stands behind the first `key`.
pub(crate) fn number_after(text: &str, key: &str) -> Option<u64> {
    Scan::after(text, key)?.spaces().number()
}

/// `name:pid` or `name/pid`, of which the name may have the separator in it.
pub(crate) fn name_and_pid(text: &str, separator: char) -> Option<(&str, u32)> {
    let (name, pid) = text.rsplit_once(separator)?;
    Some((name.trim(), pid.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stop_where_they_end() {
        let mut scan = Scan::new("12-...!: 0x1f -3");
        assert_eq!(scan.number(), Some(12));
        assert_eq!(scan.number(), None);
        assert_eq!(scan.until(": "), Some("-...!"));
        assert_eq!(scan.hex(), Some(0x1f));
        assert_eq!(scan.spaces().signed(), Some(-3));
        assert!(scan.is_empty());
    }

    #[test]
    fn what_is_too_large_is_not_there() {
        let mut scan = Scan::new("99999999999999999999 4294967296");
        assert_eq!(scan.number(), None);
        assert_eq!(scan.word(), "99999999999999999999");
        assert_eq!(scan.spaces().small(), None);
        assert_eq!(scan.number(), Some(1 << 32));
    }

    #[test]
    fn a_name_may_have_the_separator() {
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
