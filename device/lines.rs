// SPDX-License-Identifier: GPL-2.0

//! Cutting what is written into lines, wherever the writes are split.

/// The longest line, without its newline.
pub(crate) const MAX_LINE: usize = 255;

/// A line that is not text of a bearable length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// More than [`MAX_LINE`] bytes.
    TooLong,
    /// A byte that is not ASCII text, and where, counted from 1.
    NotText(u8, usize),
}

/// A line that has ended, or cannot be one.
pub(crate) struct Line<'a> {
    /// Counted from 1 since the file was opened.
    pub(crate) number: u64,
    pub(crate) text: Result<&'a str, BadLine>,
}

/// Collects a line over any number of writes.
pub(crate) struct Lines {
    line: [u8; MAX_LINE],
    len: usize,
    /// Lines seen since the file was opened.
    count: u64,
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self {
            line: [0; MAX_LINE],
            len: 0,
            count: 0,
        }
    }

    /// The number of a line that has begun and not ended.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (self.len > 0).then_some(self.count + 1)
    }

    /// Takes bytes up to and including a newline. Returns how many, and the line if it ended.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Line<'_>>) {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = MAX_LINE - self.len;
        if part.len() > room {
            return (room + 1, Some(self.finish(|_| Err(BadLine::TooLong))));
        }
        self.line[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        match end {
            Some(end) => (end + 1, Some(self.finish(text))),
            None => (part.len(), None),
        }
    }

    fn finish(&mut self, text: impl Fn(&[u8]) -> Result<&str, BadLine>) -> Line<'_> {
        let len = core::mem::take(&mut self.len);
        self.count += 1;
        Line {
            number: self.count,
            text: text(&self.line[..len]),
        }
    }
}

fn text(line: &[u8]) -> Result<&str, BadLine> {
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r');
    match line.iter().position(|byte| !allowed(byte)) {
        Some(at) => Err(BadLine::NotText(line[at], at + 1)),
        // Only ASCII got here.
        None => Ok(core::str::from_utf8(line).unwrap_or("")),
    }
}
