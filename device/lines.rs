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

    /// Forgets what came behind a line, for that has not been taken.
    pub(crate) fn go_on_behind(&mut self, line: u64) {
        (self.count, self.len) = (line, 0);
    }

    /// Takes bytes up to and including a newline. Returns how many, and the line if it ended.
    pub(crate) fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> (usize, Option<Line<'a>>) {
        let room = MAX_LINE - self.len;
        // The newline of a line that fits is among these.
        let near = &bytes[..bytes.len().min(room + 1)];
        let scan = Scan::of(near);
        match scan.newline {
            // All of it is here, as nearly every line is: no copy.
            Some(end) if self.len == 0 => (end + 1, Some(self.ended(scan.text(&near[..end])))),
            Some(end) => {
                let line = self.append(&near[..end]);
                self.len = 0;
                let text = Scan::of(&self.line[..line]).text(&self.line[..line]);
                (end + 1, Some(numbered(&mut self.count, text)))
            }
            None if near.len() > room => {
                self.len = 0;
                (near.len(), Some(self.ended(Err(BadLine::TooLong))))
            }
            None => {
                self.append(near);
                (near.len(), None)
            }
        }
    }

    /// Appends to the line that has begun. Returns its length.
    fn append(&mut self, part: &[u8]) -> usize {
        self.line[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        self.len
    }

    fn ended<'a>(&mut self, text: Result<&'a str, BadLine>) -> Line<'a> {
        numbered(&mut self.count, text)
    }
}

fn numbered<'a>(count: &mut u64, text: Result<&'a str, BadLine>) -> Line<'a> {
    *count += 1;
    Line {
        number: *count,
        text,
    }
}

/// What one look at the bytes of a line finds.
struct Scan {
    newline: Option<usize>,
    /// The first byte that is not text, before the newline.
    not_text: Option<usize>,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        let mut not_text = None;
        let mut at = 0;
        loop {
            at += printable(&bytes[at..]);
            match bytes.get(at) {
                None | Some(b'\n') => {
                    return Self {
                        newline: (at < bytes.len()).then_some(at),
                        not_text,
                    }
                }
                Some(b'\t' | b'\r') => (),
                Some(_) => not_text = not_text.or(Some(at)),
            }
            at += 1;
        }
    }

    /// The scanned line as text.
    fn text<'a>(&self, line: &'a [u8]) -> Result<&'a str, BadLine> {
        match self.not_text {
            Some(at) => Err(BadLine::NotText(line[at], at + 1)),
            // Only ASCII got here.
            None => Ok(core::str::from_utf8(line).unwrap_or("")),
        }
    }
}

/// How many bytes at the start are from space to tilde: eight at a time, as each byte of a large table
/// comes by here.
fn printable(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        // The first byte is the lowest, so that a borrow from one that is found touches later ones only.
        let word = word
            .iter()
            .rev()
            .fold(0, |word, &byte| (word << 8) | u64::from(byte));
        let below_space = word.wrapping_sub(ONES * u64::from(b' ')) & !word;
        let above_tilde = word | ((word & !TOPS) + ONES);
        let found = (below_space | above_tilde) & TOPS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = words.remainder();
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    at + rest
        .iter()
        .position(|byte| !plain(byte))
        .unwrap_or(rest.len())
}
