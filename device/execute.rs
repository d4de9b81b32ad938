// SPDX-License-Identifier: GPL-2.0

//! Running the lines of an open file.

use super::{
    answers::Answers,
    batch::{Batch, Origin},
    command::{self, Command},
    complaint::Complaint,
    file::OpenFile,
    lines::Line,
    pending::{self, Pending},
};
use crate::rcu_table::{read_lock, Operation};
use kernel::prelude::*;

/// What lines act on.
pub(super) struct Executor<'a> {
    pub(super) file: &'a OpenFile,
    pub(super) answers: &'a mut Answers,
    pub(super) pending: &'a mut Option<Pending>,
    pub(super) batch: &'a mut Batch,
}

/// Where in a write to stop, and with which errno.
pub(super) struct Stop {
    /// How many bytes of the write precede the line that is bad.
    pub(super) at: usize,
    /// The number of that line.
    pub(super) line: u64,
    pub(super) error: Error,
}

/// Why a line did not happen.
enum Halt<'a> {
    /// It is bad itself.
    Here(Complaint<'a>),
    /// One before it, whose change had waited, is bad.
    Before(Stop),
}

impl<'a> From<Complaint<'a>> for Halt<'a> {
    fn from(complaint: Complaint<'a>) -> Self {
        Self::Here(complaint)
    }
}

impl Executor<'_> {
    /// Runs one line, before which there are `start` bytes of the write. A change may wait until
    /// [`Self::make_changes`]. A complaint goes to the read side as well.
    pub(super) fn execute(&mut self, line: &Line<'_>, start: usize) -> Result<(), Stop> {
        let origin = Origin {
            line: line.number,
            start,
        };
        match self.run(line, origin) {
            Ok(()) => Ok(()),
            Err(Halt::Before(stop)) => Err(stop),
            Err(Halt::Here(complaint)) => {
                self.make_changes()?;
                Err(self.complain(&complaint, origin))
            }
        }
    }

    /// Makes the changes that wait.
    pub(super) fn make_changes(&mut self) -> Result<(), Stop> {
        self.batch.make(self.file.table()).map_err(|refused| {
            let complaint = Complaint::Change(refused.prefix, refused.error);
            self.complain(&complaint, refused.origin)
        })
    }

    fn complain(&mut self, complaint: &Complaint<'_>, origin: Origin) -> Stop {
        let number = complaint.line().unwrap_or(origin.line);
        // Without memory or room for the message the errno has to do.
        if !self.answers.is_overfull() {
            let _ = self
                .answers
                .say(format_args!("line {number}: {complaint}\n"));
        }
        Stop {
            at: origin.start,
            line: origin.line,
            error: complaint.errno(),
        }
    }

    fn run<'a>(&mut self, line: &Line<'a>, origin: Origin) -> Result<(), Halt<'a>> {
        let text = line.text.map_err(Complaint::Line)?;
        let Some(command) = command::parse(text).map_err(Complaint::Command)? else {
            return Ok(());
        };
        if self.answers.is_full() {
            return Err(Complaint::Unread.into());
        }
        let operation = match command {
            Command::Insert(mode, route) => Operation::Insert(route, mode),
            Command::Delete(prefix, metric, next_hop) => {
                Operation::Remove(prefix, metric, next_hop)
            }
            Command::Flush(family) if self.pending.is_some() => Operation::Flush(family),
            other => {
                self.make_changes().map_err(Halt::Before)?;
                return Ok(self.run_alone(&other, origin.line)?);
            }
        };
        if self.batch.is_full() {
            self.make_changes().map_err(Halt::Before)?;
        }
        Ok(self.change(&operation, origin)?)
    }

    /// Runs what is no change.
    fn run_alone(&mut self, command: &Command, number: u64) -> Result<(), Complaint<'static>> {
        match *command {
            // Not in a batch, which takes memory.
            Command::Flush(family) => {
                self.check_may_change()?;
                let flushed = self.file.table().flush(family);
                flushed.map_err(Complaint::Kernel)
            }
            Command::Begin { reload } => self.begin(reload, number),
            Command::Commit => self.commit(),
            Command::Abort => match self.pending.take() {
                Some(_) => Ok(()),
                None => Err(Complaint::NotBegun),
            },
            _ => self.answer(command),
        }
    }

    /// Leaves a change to the batch, or to the open transaction.
    fn change(&mut self, operation: &Operation, origin: Origin) -> Result<(), Complaint<'static>> {
        self.check_may_change()?;
        let done = match self.pending {
            None => self.batch.add(operation, origin),
            Some(pending) if pending.is_full() => return Err(Complaint::Full),
            Some(pending) => pending.apply(operation, Some(origin.line)),
        };
        done.map_err(|error| Complaint::Change(pending::prefix_of(operation), error))
    }

    fn begin(&mut self, reload: bool, line: u64) -> Result<(), Complaint<'static>> {
        self.check_may_change()?;
        if self.pending.is_some() {
            return Err(Complaint::Begun);
        }
        let pending = self.file.begin(reload, Some(line));
        *self.pending = Some(pending.map_err(Complaint::Kernel)?);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Complaint<'static>> {
        self.check_may_change()?;
        let pending = self.pending.take().ok_or(Complaint::NotBegun)?;
        pending.commit(self.file.table()).map_err(Complaint::Commit)
    }

    /// Answers from the table as it is, whatever the open transaction is going to change.
    fn answer(&mut self, query: &Command) -> Result<(), Complaint<'static>> {
        let table = self.file.table();
        let answers = &mut *self.answers;
        let answered = match *query {
            Command::Get(address) => {
                let found = table.lookup(address, &read_lock());
                let route = found.ok_or(Complaint::NoRoute(address))?;
                answers.say(format_args!("{route}\n"))
            }
            Command::Show(selector) => answers.show(selector),
            Command::Stats => {
                let rows = table.stats().rows();
                let mut rows = rows.iter();
                rows.try_for_each(|(name, value)| answers.say(format_args!("{name} {value}\n")))
            }
            Command::Help => answers.say(command::HELP),
            _ => Ok(()),
        };
        answered.map_err(Complaint::Kernel)
    }

    fn check_may_change(&self) -> Result<(), Complaint<'static>> {
        self.file.check_may_change().map_err(|_| Complaint::Denied)
    }
}
