// SPDX-License-Identifier: GPL-2.0

//! Lines of a file on their way to the device, and the numbers that they had in the file.

use std::ops::Range;

use crate::error::{Error, Refusal};

/// Bytes sent in one write.
const BYTES: usize = 64 * 1024;
/// Lines sent in one write; their answers must fit what the kernel keeps unread.
const LINES: usize = 4096;

#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    numbers: Vec<u64>,
}

impl Batch {
    /// Adds a line, given in pieces without the newline, which stood at `number` in its file.
    pub fn push(&mut self, pieces: &[&[u8]], number: u64) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
        self.bytes.push(b'\n');
        self.numbers.push(number);
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES || self.numbers.len() >= LINES
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn lines(&self) -> u64 {
        self.numbers.len() as u64
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.numbers.clear();
    }

    /// How many lines end in a part of the bytes.
    pub fn lines_in(&self, part: Range<usize>) -> usize {
        self.bytes[part]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
    }

    /// Where the line that `position` lies in is over.
    pub fn end_of_line(&self, position: usize) -> usize {
        let rest = &self.bytes[position..];
        position
            + rest
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(rest.len(), |end| end + 1)
    }

    /// The file's line that was refused at byte `position`, as an error.
    pub fn error(
        &self,
        file: &str,
        position: usize,
        refusal: Refusal,
        applied: Option<u64>,
    ) -> Error {
        let line = self
            .numbers
            .get(self.lines_in(0..position))
            .copied()
            .unwrap_or_default();
        Error::Line {
            file: file.to_string(),
            line,
            applied,
            refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn a_refused_byte_finds_its_line_in_the_file() {
        let mut batch = Batch::default();
        batch.push(&[b"replace ", b"a"], 3);
        batch.push(&[b"b"], 9);
        assert_eq!(batch.bytes(), b"replace a\nb\n");
        assert_eq!(batch.lines_in(0..10), 1);
        assert_eq!(batch.end_of_line(0), 10);
        assert_eq!(batch.end_of_line(10), 12);
        assert_eq!(batch.end_of_line(12), 12);

        let refusal = Refusal {
            errno: Errno::EINVAL,
            message: "bad".to_string(),
        };
        let error = batch.error("routes", 10, refusal, Some(1));
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
    fn a_batch_is_full_by_bytes_or_by_lines() {
        let mut batch = Batch::default();
        for number in 0..LINES as u64 {
            assert!(!batch.is_full());
            batch.push(&[b"a"], number);
        }
        assert!(batch.is_full());
        batch.clear();
        assert!(!batch.is_full());
        batch.push(&[&[b'x'; BYTES]], 1);
        assert!(batch.is_full());
    }
}
