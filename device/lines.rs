// SPDX-License-Identifier: GPL-2.0

//! Splits written bytes into lines. A line may be split over any number of writes.

/// The maximum length of a line, without its newline.
pub(crate) const MAX_LINE: usize = 1023;

/// The reason why a line was refused before parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// More than [`MAX_LINE`] bytes.
    TooLong,
    /// More than [`MAX_LINE`] bytes of JSON, as `ip -json` prints it.
    Json,
    /// A byte that is not ASCII text, and its column, counted from 1.
    NotText(u8, usize),
}

/// A line whose newline was written, or that is too long.
pub(crate) struct Line<'a> {
    /// The number of the line in its file, counted from 1.
    pub(crate) number: u64,
    pub(crate) text: Result<&'a str, BadLine>,
}

/// A state of [`Lines`]: see [`Lines::mark`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    count: u64,
    len: usize,
}

impl Mark {
    /// Returns the number of lines that had ended.
    pub(crate) fn count(self) -> u64 {
        self.count
    }
}

/// Splits the written bytes of a file into lines.
pub(crate) struct Lines {
    /// The start of a line whose newline was not written yet.
    line: [u8; MAX_LINE],
    len: usize,
    /// The number of lines that have ended since the file was opened.
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

    /// Returns the number of the line whose newline was not written yet, if there is one.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (self.len > 0).then_some(self.count + 1)
    }

    /// Returns the state before a write.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            count: self.count,
            len: self.len,
        }
    }

    /// Returns the number of the only line of a write that has begun and ended between lines; none
    /// if the write had several lines, or a part of one. `before` is the state before the write.
    pub(crate) fn only_line_since(&self, before: Mark) -> Option<u64> {
        let is_only = before.len == 0 && self.len == 0 && self.count == before.count + 1;
        is_only.then_some(self.count)
    }

    /// Forgets a write that fails. Until then, the write must feed only bytes that end a line: a
    /// kept start of a later line would overwrite the start before the write.
    pub(crate) fn restore(&mut self, mark: Mark) {
        (self.count, self.len) = (mark.count, mark.len);
    }

    /// Discards everything after a line, because the write ended there.
    pub(crate) fn rewind_to(&mut self, line: u64) {
        (self.count, self.len) = (line, 0);
    }

    /// Returns whether these bytes end the line whose newline was not written yet: they contain a
    /// newline, or make the line too long.
    pub(crate) fn is_ended_by(&self, bytes: &[u8]) -> bool {
        bytes.len() > MAX_LINE - self.len || bytes.contains(&b'\n')
    }

    /// Consumes bytes up to and including a newline. Returns their number, and the line if it
    /// ended.
    pub(crate) fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> (usize, Option<Line<'a>>) {
        let room = MAX_LINE - self.len;
        // If the line is not too long, its newline is among these bytes.
        let near = &bytes[..bytes.len().min(room + 1)];
        let scan = Scan::of(near);
        match scan.newline {
            // Most lines are not split over writes, and need no copy.
            Some(end) if self.len == 0 => {
                let text = scan.text(&near[..end]);
                (end + 1, Some(numbered(&mut self.count, text)))
            }
            Some(end) => {
                let line = self.append(&near[..end]);
                self.len = 0;
                let text = Scan::of(&self.line[..line]).text(&self.line[..line]);
                (end + 1, Some(numbered(&mut self.count, text)))
            }
            None if near.len() > room => {
                let first = if self.len == 0 { near[0] } else { self.line[0] };
                self.len = 0;
                let text = Err(match first {
                    b'[' => BadLine::Json,
                    _ => BadLine::TooLong,
                });
                (near.len(), Some(numbered(&mut self.count, text)))
            }
            None => {
                self.append(near);
                (near.len(), None)
            }
        }
    }

    /// Appends to the unfinished line. Returns its length.
    fn append(&mut self, part: &[u8]) -> usize {
        self.line[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        self.len
    }
}

fn numbered<'a>(count: &mut u64, text: Result<&'a str, BadLine>) -> Line<'a> {
    *count += 1;
    Line {
        number: *count,
        text,
    }
}

/// The positions of special bytes in a line.
struct Scan {
    newline: Option<usize>,
    /// The first byte before the newline that is not text.
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
                // The parser accepts the colors of `ip -color`, and refuses a word with this byte.
                Some(b'\t' | b'\r' | 0x1b) => (),
                Some(_) => not_text = not_text.or(Some(at)),
            }
            at += 1;
        }
    }

    /// Returns the scanned line as text.
    fn text<'a>(&self, line: &'a [u8]) -> Result<&'a str, BadLine> {
        match self.not_text {
            Some(at) => Err(BadLine::NotText(line[at], at + 1)),
            // The line is ASCII, so that the conversion cannot fail.
            None => Ok(core::str::from_utf8(line).unwrap_or("")),
        }
    }
}

/// Counts the leading bytes from space to tilde. It tests eight bytes at a time, because it scans
/// every byte of a large table.
fn printable(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        // The first byte becomes the lowest: the borrow from a match changes only later bytes.
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
    at + rest
        .iter()
        .position(|byte| !matches!(byte, b' '..=b'~'))
        .unwrap_or(rest.len())
}
