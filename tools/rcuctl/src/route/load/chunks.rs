// SPDX-License-Identifier: GPL-2.0

//! A file of changes, in pieces that can be sent at once.

use std::io::BufRead;
use std::mem::take;

use crate::device::grammar;
use crate::device::uapi::Operation;
use crate::device::wire;
use crate::error::Result;
use crate::input::Input;
use crate::route::batch::Batch;

#[derive(Debug)]
pub enum Chunk {
    Changes {
        lines: Batch,
        /// What the first of them do. The others, if any, no ioctl can say.
        operations: Vec<Operation>,
    },
    /// `begin`, `commit` or `abort`.
    Control { line: Vec<u8>, number: u64 },
    /// What changes nothing, by its first word.
    Query { word: String, number: u64 },
}

pub struct Chunks<R> {
    input: Input<R>,
    overwrite: bool,
    /// How many operations one ioctl takes; none: there are no ioctls.
    most: Option<usize>,
    /// A line that ended the piece before it.
    next: Option<Chunk>,
    /// What the next piece is put into, to spare the allocations.
    lines: Batch,
    operations: Vec<Operation>,
}

impl<R: BufRead> Chunks<R> {
    /// With `overwrite`, a route that is there already gives way, and is no error.
    pub fn new(input: Input<R>, overwrite: bool, most: Option<usize>) -> Self {
        Self {
            input,
            overwrite,
            most,
            next: None,
            lines: Batch::default(),
            operations: Vec::new(),
        }
    }

    /// Bytes of the file that were read so far.
    pub fn read(&self) -> u64 {
        self.input.read()
    }

    /// Takes back a piece that is done with.
    pub fn recycle(&mut self, piece: Chunk) {
        if let Chunk::Changes {
            mut lines,
            mut operations,
        } = piece
        {
            lines.clear();
            operations.clear();
            (self.lines, self.operations) = (lines, operations);
        }
    }

    /// The next piece; none at the end of the file.
    pub fn next(&mut self) -> Result<Option<Chunk>> {
        if let Some(piece) = self.next.take() {
            return Ok(Some(piece));
        }
        let mut lines = take(&mut self.lines);
        let mut operations = take(&mut self.operations);
        while let Some(line) = self.input.next_line()? {
            let number = line.number;
            match change(line.content, self.overwrite) {
                Change::AsIs => lines.push(&[line.content], number),
                Change::Replace(route) => lines.push(&[b"replace ", route], number),
                Change::Control => {
                    let line = line.content.to_vec();
                    self.next = Some(Chunk::Control { line, number });
                    break;
                }
                Change::Query(word) => {
                    let word = String::from_utf8_lossy(word).into_owned();
                    self.next = Some(Chunk::Query { word, number });
                    break;
                }
            }
            let Some(most) = self.most else {
                if lines.is_full() {
                    break;
                }
                continue;
            };
            operations.extend(operation(lines.last_line()));
            if operations.len() < lines.len() || operations.len() >= most || lines.is_full() {
                break;
            }
        }
        match lines.len() {
            0 => Ok(self.next.take()),
            _ => Ok(Some(Chunk::Changes { lines, operations })),
        }
    }
}

/// What a line does, if that can be said to an ioctl.
fn operation(line: &[u8]) -> Option<Operation> {
    wire::operation(&grammar::command(line)?)
}

/// What becomes of a line of the file.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    AsIs,
    Replace(&'a [u8]),
    /// It opens or ends a transaction.
    Control,
    Query(&'a [u8]),
}

fn change(line: &[u8], overwrite: bool) -> Change<'_> {
    let end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    match &line[..end] {
        // Their answers would go nowhere.
        word @ (b"get" | b"show" | b"list" | b"stats" | b"help") => Change::Query(word),
        b"begin" | b"commit" | b"abort" => Change::Control,
        _ if !overwrite => Change::AsIs,
        b"add" => Change::Replace(line[end..].trim_ascii_start()),
        word if starts_route(word) => Change::Replace(line),
        _ => Change::AsIs,
    }
}

/// Whether a line whose first word this is means `add` without saying so.
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

    /// Each piece's first line, its lines and its operations.
    fn pieces(file: &str, most: Option<usize>) -> Vec<(String, usize, usize)> {
        let input = Input::new("routes", file.as_bytes());
        let mut pieces = Chunks::new(input, false, most);
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().expect("readable") {
            all.push(match &piece {
                Chunk::Changes { lines, operations } => {
                    let first = String::from_utf8_lossy(lines.line(0).trim_ascii()).into_owned();
                    (first, lines.len(), operations.len())
                }
                Chunk::Control { line, .. } => (String::from_utf8_lossy(line).into(), 1, 0),
                Chunk::Query { word, .. } => (word.clone(), 1, 0),
            });
            pieces.recycle(piece);
        }
        assert_eq!(pieces.read(), file.len() as u64);
        all
    }

    fn expect(found: &[(String, usize, usize)], expected: &[(&str, usize, usize)]) {
        let expected = expected
            .iter()
            .map(|(line, lines, operations)| (line.to_string(), *lines, *operations));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_operation_ends_a_piece() {
        let file = "::/0 dev a\n::/1 dev a\nfrobnicate\n::/2 dev a\nbegin\nshow\n::/3 dev a\n";
        expect(
            &pieces(file, Some(100)),
            &[
                ("::/0 dev a", 3, 2),
                ("::/2 dev a", 1, 1),
                ("begin", 1, 0),
                ("show", 1, 0),
                ("::/3 dev a", 1, 1),
            ],
        );
        expect(
            &pieces(file, None),
            &[
                ("::/0 dev a", 4, 0),
                ("begin", 1, 0),
                ("show", 1, 0),
                ("::/3 dev a", 1, 0),
            ],
        );
    }

    #[test]
    fn a_piece_has_no_more_operations_than_the_device_takes() {
        let found = pieces(&"::/0 dev a\n".repeat(5), Some(2));
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
