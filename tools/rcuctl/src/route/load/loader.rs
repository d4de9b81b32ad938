// SPDX-License-Identifier: GPL-2.0

//! Lines of changes on their way to the device: by ioctl what can be, the rest as text.
//!
//! ```text
//!   line ──► grammar ──► operation ──► UPDATE ──► done
//!               │ none                    │ refused
//!               └──────────► text ◄───────┘
//!                              └──► done after all, or refused in the device's own words
//! ```

use std::ops::Range;

use nix::errno::Errno;

use super::explain::explain;
use super::transaction::Transaction;
use crate::device::transport::Transport;
use crate::device::uapi::Operation;
use crate::device::{Device, Refused};
use crate::error::{explain_applied, Error, Refusal, Result};
use crate::route::batch::Batch;
use crate::route::load::chunks::Chunk;

/// What takes effect at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each line.
    Line,
    /// All lines, or none.
    File,
    /// All lines, or none, in the place of what the table held.
    Table,
}

pub struct Loader<'a, C> {
    device: &'a mut Device<C>,
    file: String,
    /// How many operations one ioctl takes; none: all goes as text.
    most: Option<usize>,
    /// Lines that the device has taken.
    taken: u64,
    /// Lines that it has taken as text, or been asked to.
    written: u64,
    transaction: Option<Transaction>,
}

impl<'a, C: Transport> Loader<'a, C> {
    /// For the lines of `file`.
    pub fn new(device: &'a mut Device<C>, file: &str) -> Self {
        Self {
            most: device.most_operations(),
            device,
            file: file.to_string(),
            taken: 0,
            written: 0,
            transaction: None,
        }
    }

    /// Opens a transaction around all that follows, if one is wanted.
    pub fn begin(&mut self, atomicity: Atomicity) -> Result<()> {
        let line = match atomicity {
            Atomicity::Line => return Ok(()),
            Atomicity::File => "begin\n",
            Atomicity::Table => "begin reload\n",
        };
        self.written += 1;
        self.device.command(line).map_err(|error| match error {
            Error::Refused(refusal) if refusal.errno == Errno::EINVAL => Error::Usage(
                "the loaded module is too old for --atomic and --replace: it has no transactions"
                    .to_string(),
            ),
            error => error,
        })?;
        self.open(None, atomicity == Atomicity::Table);
        Ok(())
    }

    fn open(&mut self, opened: Option<u64>, reload: bool) {
        self.transaction = Some(Transaction {
            opened,
            before: self.taken,
            begin: self.written,
            lines: (!reload).then(Batch::default),
        });
    }

    /// How many operations one ioctl takes; none: there are no ioctls.
    pub fn most(&self) -> Option<usize> {
        self.most
    }

    /// Sends a piece of the file.
    pub fn send(&mut self, piece: &Chunk) -> Result<()> {
        match piece {
            Chunk::Changes { lines, operations } => self.change(lines, operations),
            Chunk::Control { line, number } => self.send_control(line, *number),
            Chunk::Query { word, number } => Err(Error::Usage(format!(
                "{}:{number}: {word} changes no route and cannot be loaded{}",
                self.file,
                explain_applied(Some(self.applied()))
            ))),
        }
    }

    /// Sends a `begin`, `commit` or `abort` of the file's own.
    fn send_control(&mut self, line: &[u8], number: u64) -> Result<()> {
        let word = line.split(u8::is_ascii_whitespace).next().unwrap_or(line);
        if self
            .transaction
            .as_ref()
            .is_some_and(|open| open.opened.is_none())
        {
            let word = String::from_utf8_lossy(word);
            return Err(Error::Usage(format!(
                "{}:{number}: {word}: with --atomic and --replace the file is one transaction",
                self.file
            )));
        }
        self.written += 1;
        let text = [line, b"\n"].concat();
        if let Some(refused) = self.device.submit(&text, &mut Vec::new())? {
            return Err(self.refused_control(refused, Some(number)));
        }
        match word {
            b"begin" => self.open(Some(number), line != word),
            b"abort" => self.taken = self.applied(),
            _ => {}
        }
        if word != b"begin" {
            self.transaction = None;
        }
        Ok(())
    }

    /// Sends lines, the first of them as operations. In a transaction of the file's own all goes as
    /// text, so that the device's line numbers are right.
    fn change(&mut self, lines: &Batch, operations: &[Operation]) -> Result<()> {
        let own = |open: &Transaction| open.opened.is_some();
        let by_text = self.transaction.as_ref().is_some_and(own);
        let sent = if by_text {
            0
        } else {
            self.update(lines, operations)?
        };
        self.write(lines, sent..lines.len())?;
        if let Some(open) = &mut self.transaction {
            open.keep(lines);
        }
        Ok(())
    }

    /// Sends operations. What one refuses is sent as text: the device says why in its own words, or
    /// takes it, as something has changed meanwhile.
    fn update(&mut self, lines: &Batch, operations: &[Operation]) -> Result<usize> {
        let mut next = 0;
        while next < operations.len() {
            let rest = &operations[next..];
            let progress = self.device.update(rest);
            let done = progress.done.min(rest.len());
            next += done;
            self.taken += done as u64;
            let refused = progress.result.is_err() || done == 0;
            if refused && next < operations.len() {
                self.write(lines, next..next + 1)?;
                next += 1;
            }
        }
        Ok(next)
    }

    /// Sends lines as text.
    fn write(&mut self, batch: &Batch, lines: Range<usize>) -> Result<()> {
        let (first, count) = (lines.start, lines.len());
        let refused = self.device.submit(batch.text(lines), &mut Vec::new())?;
        let accepted = match &refused {
            None => count,
            Some(refused) => batch.lines_in(first, refused.accepted),
        };
        self.taken += accepted as u64;
        self.written += accepted as u64;
        let Some(refused) = refused else {
            return Ok(());
        };
        let applied = Some(self.applied());
        Err(batch.error(&self.file, first + accepted, refused.refusal, applied))
    }

    /// Lines that the device has taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Lines that have happened, if nothing more comes: not those of a transaction that is open.
    pub fn applied(&self) -> u64 {
        self.transaction
            .as_ref()
            .map_or(self.taken, |open| open.before)
    }

    /// Ends the transaction. Returns how many lines have happened.
    pub fn finish(&mut self) -> Result<u64> {
        match &self.transaction {
            None => {}
            Some(Transaction {
                opened: Some(number),
                before,
                ..
            }) => {
                return Err(Error::Usage(format!(
                    "{}:{number}: begin without commit: nothing from here on has happened{}",
                    self.file,
                    explain_applied(Some(*before))
                )));
            }
            Some(open) if self.most.is_some() && open.lines.is_some() => self.commit()?,
            Some(_) => {
                if let Some(refused) = self.device.submit(b"commit\n", &mut Vec::new())? {
                    return Err(self.refused_control(refused, None));
                }
            }
        }
        self.transaction = None;
        Ok(self.taken)
    }

    /// Commits by ioctl, which says which operation failed, wherever it came from.
    fn commit(&mut self) -> Result<()> {
        self.device.commit().map_err(|no| {
            let open = self.transaction.as_ref();
            let failed = no.failed.and_then(|index| open?.line(index));
            let refusal = Refusal {
                errno: no.errno,
                message: explain(failed.map_or(b"commit", |(line, _)| line), no.errno),
            };
            self.refused(failed.map(|(_, number)| number), refusal)
        })
    }

    /// A refused `begin`, `commit` or `abort`, which stood at `number` of the file, if there. The device
    /// names the line of a transaction that is to blame.
    fn refused_control(&self, refused: Refused, number: Option<u64>) -> Error {
        let open = self.transaction.as_ref();
        let blamed = refused.number.and_then(|number| open?.text_line(number));
        self.refused(blamed.or(number), refused.refusal)
    }

    fn refused(&self, line: Option<u64>, refusal: Refusal) -> Error {
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

    /// Forgets the transaction that is open, if any.
    pub fn abort(&mut self) {
        if self.transaction.take().is_some() {
            // A commit that failed has ended it already, and the close would end it as well.
            let _ = self.device.command("abort\n");
        }
    }
}
