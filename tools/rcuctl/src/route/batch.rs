// SPDX-License-Identifier: GPL-2.0

//! Lines to send to the device in one write, each with its line number in the user's file.

use std::ops::Range;

use crate::device::grammar::MAX_LINE as DEVICE_LINE;
use crate::error::{Error, Refusal};
use crate::route::text::split_legs;

const MAX_BYTES: usize = 64 * 1024;
/// The answers to this many lines fit into the kernel's buffer of unread answers.
const MAX_LINES: usize = 1024;

#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// The offset of each line in `bytes`, and its number in the file.
    lines: Vec<(usize, u64)>,
}

impl Batch {
    /// Appends line `number` of the file, given as parts without the newline. A line that is too
    /// long for the device gets a backslash and a newline before each leg.
    pub fn push(&mut self, parts: &[&[u8]], number: u64) {
        let start = self.bytes.len();
        self.lines.push((start, number));
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let long = std::str::from_utf8(&self.bytes[start..]);
        if let Some(long) = long.ok().filter(|line| line.len() > DEVICE_LINE) {
            let (head, legs) = split_legs(long);
            let lines = legs.iter().fold(head.to_string(), |lines, leg| {
                lines + " \\\nnexthop " + leg.trim_ascii()
            });
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(lines.as_bytes());
        }
        self.bytes.push(b'\n');
    }

    pub fn append(&mut self, other: &Self) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let lines = other.lines.iter();
        self.lines
            .extend(lines.map(|(offset, number)| (start + offset, *number)));
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= MAX_BYTES || self.lines.len() >= MAX_LINES
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }

    /// The given lines, each with its newline.
    pub fn text(&self, lines: Range<usize>) -> &[u8] {
        &self.bytes[self.start(lines.start)..self.start(lines.end)]
    }

    pub fn line(&self, index: usize) -> &[u8] {
        self.text(index..index + 1)
    }

    pub fn last_line(&self) -> &[u8] {
        self.text(self.len().saturating_sub(1)..self.len())
    }

    /// The offset of a line, or the end of the bytes.
    fn start(&self, index: usize) -> usize {
        self.lines
            .get(index)
            .map_or(self.bytes.len(), |line| line.0)
    }

    /// The number of a line in the file.
    pub fn number(&self, index: usize) -> u64 {
        self.lines.get(index).map_or(0, |line| line.1)
    }

    /// Counts the lines that end within `bytes` bytes from the start of line `first`.
    pub fn lines_in(&self, first: usize, bytes: usize) -> usize {
        let end = self.start(first) + bytes;
        let ends = (first + 1..=self.len()).map(|line| self.start(line));
        ends.take_while(|&line_end| line_end <= end).count()
    }

    /// Counts the lines that the device counts: a long line is several of them.
    pub fn device_lines(&self, lines: Range<usize>) -> usize {
        let text = self.text(lines);
        text.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// The error of a refused line.
    pub fn error(&self, file: &str, index: usize, refusal: Refusal, applied: Option<u64>) -> Error {
        Error::Line {
            file: file.to_string(),
            line: self.number(index),
            applied,
            refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    fn two() -> Batch {
        let mut batch = Batch::default();
        batch.push(&[b"replace ", b"a"], 3);
        batch.push(&[b"b"], 9);
        batch
    }

    #[test]
    fn lines_keep_their_text_and_number() {
        let batch = two();
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.text(0..2), b"replace a\nb\n");
        assert_eq!(batch.text(1..2), b"b\n");
        assert_eq!(batch.text(2..2), b"");
        assert_eq!(
            (batch.line(0), batch.line(1)),
            (&b"replace a\n"[..], &b"b\n"[..])
        );
        assert_eq!((batch.number(0), batch.number(1)), (3, 9));
        assert_eq!(batch.last_line(), b"b\n");
        assert_eq!(Batch::default().last_line(), b"");

        let mut both = two();
        both.append(&batch);
        assert_eq!(both.text(1..4), b"b\nreplace a\nb\n");
        assert_eq!((both.line(2), both.number(3)), (&b"replace a\n"[..], 9));
    }

    #[test]
    fn an_offset_is_mapped_to_its_line() {
        let batch = two();
        assert_eq!(
            [0, 9, 10, 11, 12].map(|bytes| batch.lines_in(0, bytes)),
            [0, 0, 1, 1, 2]
        );
        assert_eq!([0, 1, 2].map(|bytes| batch.lines_in(1, bytes)), [0, 0, 1]);

        let refusal = Refusal {
            errno: Errno::EINVAL,
            message: "bad".to_string(),
        };
        let error = batch.error("routes", 1, refusal, Some(1));
        assert!(
            matches!(
                error,
                Error::Line {
                    line: 9,
                    applied: Some(1),
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_line_too_long_for_the_device_is_several_of_its_lines() {
        let legs = " nexthop dev a weight 1".repeat(50);
        let mut batch = Batch::default();
        batch.push(&[b"replace 10.0.0.0/8", legs.as_bytes()], 3);
        batch.push(&[b"b"], 4);
        let text = String::from_utf8_lossy(batch.line(0)).into_owned();
        assert!(text.starts_with("replace 10.0.0.0/8 \\\nnexthop dev a weight 1 \\\nnexthop "));
        assert!(text.ends_with("nexthop dev a weight 1\n"));
        assert_eq!((batch.len(), batch.device_lines(0..2)), (2, 52));
        let end = text.len();
        let bytes = [20, end - 1, end, end + 2];
        assert_eq!(bytes.map(|bytes| batch.lines_in(0, bytes)), [0, 0, 1, 2]);
    }

    #[test]
    fn bytes_and_lines_limit_a_batch() {
        let mut batch = Batch::default();
        for number in 0..MAX_LINES as u64 {
            assert!(!batch.is_full());
            batch.push(&[b"a"], number);
        }
        assert!(batch.is_full());
        batch.clear();
        assert!(!batch.is_full());
        batch.push(&[&[b'x'; MAX_BYTES]], 1);
        assert!(batch.is_full());
    }
}
