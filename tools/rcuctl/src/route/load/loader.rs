// SPDX-License-Identifier: GPL-2.0

//! Sends the lines of a file to the device: as operations of an ioctl where possible, else as text.
//!
//! ```text
//!   line ──► grammar ──► operation ──► UPDATE ──► applied
//!               │ none                    │ refused
//!               └──────────► text ◄───────┘
//!                              └──► applied, or refused with the device's message
//! ```

use std::ops::Range;

use nix::errno::Errno;

use super::chunks::Chunk;
use super::explain::explain;
use super::transaction::Transaction;
use crate::device::transport::Transport;
use crate::device::uapi::Operation;
use crate::device::{Device, Refused};
use crate::error::{explain_applied, Error, Refusal, Result};
use crate::route::batch::Batch;

/// The unit that is applied atomically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each line on its own.
    Line,
    /// All lines or none.
    File,
    /// All lines or none, replacing the whole table.
    Table,
}

impl Atomicity {
    /// From the options of the command line.
    pub fn new(replace: bool, atomic: bool) -> Self {
        match (replace, atomic) {
            (true, _) => Self::Table,
            (false, true) => Self::File,
            (false, false) => Self::Line,
        }
    }

    /// The line that opens the transaction around the file, if there is one.
    pub fn begin(self) -> Option<&'static str> {
        match self {
            Self::Line => None,
            Self::File => Some("begin\n"),
            Self::Table => Some("begin reload\n"),
        }
    }
}

pub struct Loader<'a, C> {
    device: &'a mut Device<C>,
    file: String,
    /// The number of operations per ioctl; `None` if the device has no ioctls.
    max_operations: Option<usize>,
    /// Lines that the device accepted.
    accepted: u64,
    /// Lines sent as text: the device numbers only these.
    text_lines: u64,
    transaction: Option<Transaction>,
}

impl<'a, C: Transport> Loader<'a, C> {
    pub fn new(device: &'a mut Device<C>, file: &str) -> Self {
        Self {
            max_operations: device.max_operations(),
            device,
            file: file.to_string(),
            accepted: 0,
            text_lines: 0,
            transaction: None,
        }
    }

    /// Opens a transaction around the whole file, unless each line is applied on its own.
    pub fn begin(&mut self, atomicity: Atomicity) -> Result<()> {
        let Some(line) = atomicity.begin() else {
            return Ok(());
        };
        self.text_lines += 1;
        self.device.command(line).map_err(|error| match error {
            Error::Refused(refusal) if refusal.errno == Errno::EINVAL => Error::Usage(
                "the loaded module is too old for --atomic and --replace: it has no transactions"
                    .to_string(),
            ),
            error => error,
        })?;
        self.open_transaction(None, atomicity == Atomicity::Table);
        Ok(())
    }

    fn open_transaction(&mut self, file_line: Option<u64>, is_reload: bool) {
        self.transaction = Some(Transaction {
            file_line,
            accepted_before: self.accepted,
            text_line: self.text_lines,
            lines: (!is_reload).then(Batch::default),
        });
    }

    pub fn max_operations(&self) -> Option<usize> {
        self.max_operations
    }

    pub fn send(&mut self, chunk: &Chunk) -> Result<()> {
        match chunk {
            Chunk::Changes { lines, operations } => self.send_changes(lines, operations),
            Chunk::Control { line, number } => self.send_control(line, *number),
            Chunk::Query { word, number } => Err(Error::Usage(format!(
                "{}:{number}: {word} is a query and cannot be loaded{}",
                self.file,
                explain_applied(Some(self.applied()))
            ))),
        }
    }

    /// Sends a `begin`, `commit` or `abort` of the file.
    fn send_control(&mut self, line: &[u8], number: u64) -> Result<()> {
        let word = line.split(u8::is_ascii_whitespace).next().unwrap_or(line);
        let open = self.transaction.as_ref();
        if open.is_some_and(|open| open.file_line.is_none()) {
            let word = String::from_utf8_lossy(word);
            return Err(Error::Usage(format!(
                "{}:{number}: {word}: --atomic and --replace make the whole file one transaction",
                self.file
            )));
        }
        self.text_lines += 1;
        let text = [line, b"\n"].concat();
        if let Some(refused) = self.device.submit(&text, &mut Vec::new())? {
            return Err(self.refused_control(refused, Some(number)));
        }
        match word {
            b"begin" => self.open_transaction(Some(number), line != word),
            b"abort" => self.accepted = self.applied(),
            _ => {}
        }
        if word != b"begin" {
            self.transaction = None;
        }
        Ok(())
    }

    /// Sends lines, the first of them as operations. Sends the file's own transactions as text, so
    /// that the device can name a line of them.
    fn send_changes(&mut self, lines: &Batch, operations: &[Operation]) -> Result<()> {
        let open = self.transaction.as_ref();
        let sent = match open.is_some_and(|open| open.file_line.is_some()) {
            true => 0,
            false => self.send_operations(lines, operations)?,
        };
        self.send_text(lines, sent..lines.len())?;
        if let Some(open) = &mut self.transaction {
            open.record(lines);
        }
        Ok(())
    }

    /// Sends operations and returns their number. Sends a refused one again as text: the device
    /// then explains the refusal, or accepts the line because the table has changed.
    fn send_operations(&mut self, lines: &Batch, operations: &[Operation]) -> Result<usize> {
        let mut next = 0;
        while next < operations.len() {
            let rest = &operations[next..];
            let update = self.device.update(rest);
            let done = update.done.min(rest.len());
            next += done;
            self.accepted += done as u64;
            let is_refused = update.result.is_err() || done == 0;
            if is_refused && next < operations.len() {
                self.send_text(lines, next..next + 1)?;
                next += 1;
            }
        }
        Ok(next)
    }

    fn send_text(&mut self, batch: &Batch, lines: Range<usize>) -> Result<()> {
        let (first, count) = (lines.start, lines.len());
        let refused = self.device.submit(batch.text(lines), &mut Vec::new())?;
        let accepted = match &refused {
            None => count,
            Some(refused) => batch.lines_in(first, refused.accepted),
        };
        self.accepted += accepted as u64;
        self.text_lines += batch.device_lines(first..first + accepted) as u64;
        let Some(refused) = refused else {
            return Ok(());
        };
        let applied = Some(self.applied());
        Err(batch.error(&self.file, first + accepted, refused.refusal, applied))
    }

    /// The number of lines that the device accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The number of accepted lines outside of the open transaction.
    pub fn applied(&self) -> u64 {
        let open = self.transaction.as_ref();
        open.map_or(self.accepted, |open| open.accepted_before)
    }

    /// Commits the transaction around the file, if any. Returns the number of lines applied.
    pub fn finish(&mut self) -> Result<u64> {
        match &self.transaction {
            None => {}
            Some(Transaction {
                file_line: Some(number),
                accepted_before,
                ..
            }) => {
                return Err(Error::Usage(format!(
                    "{}:{number}: begin without commit: no line from here on was applied{}",
                    self.file,
                    explain_applied(Some(*accepted_before))
                )));
            }
            Some(open) if self.max_operations.is_some() && open.lines.is_some() => self.commit()?,
            Some(_) => {
                if let Some(refused) = self.device.submit(b"commit\n", &mut Vec::new())? {
                    return Err(self.refused_control(refused, None));
                }
            }
        }
        self.transaction = None;
        Ok(self.accepted)
    }

    /// Commits by ioctl, which returns the index of the failed operation. The text protocol can
    /// name only an operation that was sent as text.
    fn commit(&mut self) -> Result<()> {
        self.device.commit().map_err(|failure| {
            let open = self.transaction.as_ref();
            let failed = failure.failed.and_then(|index| open?.line(index));
            let refusal = Refusal {
                errno: failure.errno,
                message: explain(failed.map_or(b"commit", |(line, _)| line), failure.errno),
            };
            self.refused_line(failed.map(|(_, number)| number), refusal)
        })
    }

    /// The error of a refused `begin`, `commit` or `abort`, which is line `number` of the file if
    /// it is in the file. The device may name an earlier line of the transaction.
    fn refused_control(&self, refused: Refused, number: Option<u64>) -> Error {
        let open = self.transaction.as_ref();
        let failed = refused.number.and_then(|number| open?.text_line(number));
        self.refused_line(failed.or(number), refused.refusal)
    }

    fn refused_line(&self, line: Option<u64>, refusal: Refusal) -> Error {
        match line {
            None => Error::Refused(refusal),
            Some(line) => Error::Line {
                file: self.file.clone(),
                line,
                applied: Some(self.applied()),
                refusal,
            },
        }
    }

    /// Aborts the open transaction, if any.
    pub fn abort(&mut self) {
        if self.transaction.take().is_some() {
            // Fails harmlessly if a failed commit has ended the transaction.
            let _ = self.device.command("abort\n");
        }
    }
}
