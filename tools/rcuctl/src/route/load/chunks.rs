// SPDX-License-Identifier: GPL-2.0

//! Splits a file of changes into chunks: lines that one write or one ioctl can carry.

use std::io::BufRead;
use std::mem::take;

use crate::device::uapi::Operation;
use crate::device::{grammar, wire};
use crate::error::Result;
use crate::input::Input;
use crate::route::batch::Batch;

#[derive(Debug)]
pub enum Chunk {
    Changes {
        lines: Batch,
        /// The first lines as operations. Further lines have no operation and must be sent as text.
        operations: Vec<Operation>,
    },
    /// `begin`, `commit` or `abort`.
    Control { line: Vec<u8>, number: u64 },
    /// A query, by its first word.
    Query { word: String, number: u64 },
}

pub struct Chunks<R> {
    input: Input<R>,
    overwrite: bool,
    /// The number of operations per ioctl; `None` if the device has no ioctls.
    max_operations: Option<usize>,
    /// The line after a chunk of changes, if it is no change.
    pending: Option<Chunk>,
    /// Reused buffers of the next chunk.
    lines: Batch,
    operations: Vec<Operation>,
}

impl<R: BufRead> Chunks<R> {
    /// With `overwrite`, lines that add a route become `replace` lines.
    pub fn new(input: Input<R>, overwrite: bool, max_operations: Option<usize>) -> Self {
        Self {
            input,
            overwrite,
            max_operations,
            pending: None,
            lines: Batch::default(),
            operations: Vec::new(),
        }
    }

    pub fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// Reuses the buffers of a chunk.
    pub fn recycle(&mut self, chunk: Chunk) {
        if let Chunk::Changes {
            mut lines,
            mut operations,
        } = chunk
        {
            lines.clear();
            operations.clear();
            (self.lines, self.operations) = (lines, operations);
        }
    }

    /// Returns the next chunk; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Chunk>> {
        if let Some(chunk) = self.pending.take() {
            return Ok(Some(chunk));
        }
        let mut lines = take(&mut self.lines);
        let mut operations = take(&mut self.operations);
        while let Some(line) = self.input.next_route()? {
            let number = line.number;
            match classify(line.content, self.overwrite) {
                Line::Unchanged => lines.push(&[line.content], number),
                Line::Replace(route) => lines.push(&[b"replace ", route], number),
                Line::Control => {
                    let line = line.content.to_vec();
                    self.pending = Some(Chunk::Control { line, number });
                    break;
                }
                Line::Query(word) => {
                    let word = String::from_utf8_lossy(word).into_owned();
                    self.pending = Some(Chunk::Query { word, number });
                    break;
                }
            }
            if let Some(max_operations) = self.max_operations {
                operations.extend(operation(lines.last_line()));
                if operations.len() < lines.len() || operations.len() >= max_operations {
                    break;
                }
            }
            if lines.is_full() {
                break;
            }
        }
        match lines.len() {
            0 => Ok(self.pending.take()),
            _ => Ok(Some(Chunk::Changes { lines, operations })),
        }
    }
}

/// Converts a line to an operation, if an ioctl can express it.
fn operation(line: &[u8]) -> Option<Operation> {
    wire::operation(&grammar::command(line)?)
}

/// The request for a line of the file.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Unchanged,
    /// A `replace` of this route.
    Replace(&'a [u8]),
    Control,
    Query(&'a [u8]),
}

fn classify(line: &[u8], overwrite: bool) -> Line<'_> {
    let end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    match &line[..end] {
        b"nexthop" if is_object_query(&line[end..]) => Line::Query(b"nexthop"),
        word @ (b"get" | b"show" | b"list" | b"stats" | b"help") => Line::Query(word),
        b"begin" | b"commit" | b"abort" => Line::Control,
        _ if !overwrite => Line::Unchanged,
        b"add" => Line::Replace(line[end..].trim_ascii_start()),
        word if starts_route(word) => Line::Replace(line),
        _ => Line::Unchanged,
    }
}

/// Whether the words after `nexthop` are a query.
fn is_object_query(words: &[u8]) -> bool {
    let verb = words
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty());
    matches!(verb, None | Some(b"get" | b"show" | b"list" | b"ls"))
}

/// Whether a line with this first word adds a route without the word `add`.
fn starts_route(word: &[u8]) -> bool {
    matches!(
        word,
        b"blackhole" | b"unreachable" | b"prohibit" | b"default"
    ) || word.first().is_some_and(u8::is_ascii_digit)
        || word.iter().any(|byte| matches!(byte, b'/' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first line of each chunk, its number of lines, and its number of operations.
    fn chunks(file: &str, max_operations: Option<usize>) -> Vec<(String, usize, usize)> {
        let input = Input::new("routes", file.as_bytes());
        let mut chunks = Chunks::new(input, false, max_operations);
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().expect("readable") {
            all.push(match &chunk {
                Chunk::Changes { lines, operations } => {
                    let first = String::from_utf8_lossy(lines.line(0).trim_ascii()).into_owned();
                    (first, lines.len(), operations.len())
                }
                Chunk::Control { line, .. } => (String::from_utf8_lossy(line).into(), 1, 0),
                Chunk::Query { word, .. } => (word.clone(), 1, 0),
            });
            chunks.recycle(chunk);
        }
        assert_eq!(chunks.bytes_read(), file.len() as u64);
        all
    }

    fn expect(found: &[(String, usize, usize)], expected: &[(&str, usize, usize)]) {
        let expected = expected
            .iter()
            .map(|(line, lines, operations)| (line.to_string(), *lines, *operations));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_line_without_operation_ends_a_chunk() {
        let file = "::/0 dev a\n::/1 dev a\nfrobnicate\n::/2 dev a\nbegin\nshow\n::/3 dev a\n";
        expect(
            &chunks(file, Some(100)),
            &[
                ("::/0 dev a", 3, 2),
                ("::/2 dev a", 1, 1),
                ("begin", 1, 0),
                ("show", 1, 0),
                ("::/3 dev a", 1, 1),
            ],
        );
        expect(
            &chunks(file, None),
            &[
                ("::/0 dev a", 4, 0),
                ("begin", 1, 0),
                ("show", 1, 0),
                ("::/3 dev a", 1, 0),
            ],
        );
    }

    #[test]
    fn a_route_over_several_lines_is_one_line() {
        let file = "default proto static\n\tnexthop via 10.0.0.1 dev a weight 1\n\n\
                    \tnexthop dev b # comment\n::/1 dev a\nnexthop add id 5 dev a\n";
        let joined = "default proto static nexthop via 10.0.0.1 dev a weight 1 nexthop dev b";
        expect(
            &chunks(file, Some(100)),
            &[(joined, 1, 0), ("::/1 dev a", 2, 1)],
        );
    }

    #[test]
    fn max_operations_limits_a_chunk() {
        let found = chunks(&"::/0 dev a\n".repeat(5), Some(2));
        expect(
            &found,
            &[
                ("::/0 dev a", 2, 2),
                ("::/0 dev a", 2, 2),
                ("::/0 dev a", 1, 1),
            ],
        );
    }
}
