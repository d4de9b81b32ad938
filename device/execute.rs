// SPDX-License-Identifier: GPL-2.0

//! Execution of the lines of an open file.

use super::{
    answers::Answers,
    batch::{Batch, Origin},
    command::{self, refusal::Refusal, Command},
    joined::Joined,
    line_error::LineError,
    lines::Line,
    monitor::Monitoring,
    objects,
    open_file::OpenFile,
    pending::{self, PendingTransaction},
};
use crate::rcu_table::{read_lock, HopId, Multipath, NextHop, Operation, Route, RouteLeg};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::prelude::*;

/// The informational words of `ip route` that the parser has skipped since the module was loaded.
// ORDERING: No other access depends on it.
static SKIPPED_WORDS: AtomicU64 = AtomicU64::new(0);

/// The parts of an open file that its lines act on.
pub(super) struct Executor<'a> {
    pub(super) file: &'a OpenFile,
    pub(super) answers: &'a mut Answers,
    pub(super) pending: &'a mut Option<PendingTransaction>,
    /// The command that the next line may continue.
    pub(super) joined: &'a mut Option<Joined>,
    pub(super) monitoring: &'a mut Option<Monitoring>,
    pub(super) batch: &'a mut Batch,
}

/// The bad line at which a write ends.
pub(super) struct Stop {
    /// The bytes of the write that precede the bad line.
    pub(super) at: usize,
    /// The number of the bad line.
    pub(super) line: u64,
    pub(super) error: Error,
}

/// The reason why a line was not executed.
pub(super) enum Failure<'a> {
    /// The line itself is bad.
    ThisLine(LineError<'a>),
    /// An earlier line is bad: the table refused its batched change.
    EarlierLine(Stop),
}

impl<'a> From<LineError<'a>> for Failure<'a> {
    fn from(error: LineError<'a>) -> Self {
        Self::ThisLine(error)
    }
}

impl From<Stop> for Failure<'_> {
    fn from(stop: Stop) -> Self {
        Self::EarlierLine(stop)
    }
}

impl Executor<'_> {
    /// Executes a line. `start` is the number of bytes of the write that precede it. A change may
    /// stay in the batch until [`Self::apply_batch`]. The read side also reports an error.
    pub(super) fn execute(&mut self, line: &Line<'_>, start: usize) -> Result<(), Stop> {
        let origin = Origin {
            line: line.number,
            start,
        };
        let done = self.join_or_execute(line, origin);
        done.or_else(|failure| self.stop(failure, origin.line, origin))
    }

    /// Returns the stop for a failure, after the changes before it. `line` is the number of the bad
    /// line, and `origin` that of the first line of its command.
    pub(super) fn stop(
        &mut self,
        failure: Failure<'_>,
        line: u64,
        origin: Origin,
    ) -> Result<(), Stop> {
        match failure {
            Failure::EarlierLine(stop) => Err(stop),
            Failure::ThisLine(error) => {
                self.apply_batch()?;
                Err(self.report(&error, line, origin))
            }
        }
    }

    /// Applies the batched changes.
    pub(super) fn apply_batch(&mut self) -> Result<(), Stop> {
        let changes = &self.file.stats().changes;
        let applied = self.batch.apply(self.file.table(), changes);
        applied.map_err(|refused| {
            let error = LineError::Change(refused.prefix, refused.error);
            self.report(&error, refused.origin.line, refused.origin)
        })
    }

    /// Appends the message of an error to the answers.
    fn report(&mut self, error: &LineError<'_>, line: u64, origin: Origin) -> Stop {
        let number = error.line().unwrap_or(line);
        // If memory or room for the message is short, the caller still returns the errno.
        if !self.answers.is_overfull() {
            let _ = self
                .answers
                .append(format_args!("line {number}: {error}\n"));
        }
        Stop {
            at: origin.start,
            line: origin.line,
            error: error.errno(),
        }
    }

    /// Executes the command of a line or of several lines. A change may stay in the batch.
    pub(super) fn execute_or_batch<'a>(
        &mut self,
        parsed: Result<(Option<Command>, u32), Refusal<'a>>,
        text: &str,
        origin: Origin,
    ) -> Result<(), Failure<'a>> {
        let (command, skipped) = parsed.map_err(LineError::Command)?;
        SKIPPED_WORDS.fetch_add(skipped.into(), Ordering::Relaxed);
        let Some(command) = command else {
            return Ok(());
        };
        if self.answers.is_full() {
            return Err(LineError::AnswersFull.into());
        }
        let operation = match command {
            Command::Insert(mode, route) => Operation::Insert(route, mode),
            Command::Delete(prefix, metric, next_hop) => {
                Operation::Remove(prefix, metric, next_hop)
            }
            Command::InsertNamed(mode, mut route, object) => {
                route.next_hop = self.named(route.next_hop, object)?;
                Operation::Insert(route, mode)
            }
            Command::DeleteNamed(prefix, metric, next_hop, object) => {
                Operation::Remove(prefix, metric, Some(self.named(next_hop, object)?))
            }
            Command::InsertLegs(mode, prefix, metric, object) => {
                self.apply_batch()?;
                self.check_may_change()?;
                let legs = objects::legs(text).map_err(LineError::Kernel)?;
                let hold = self.hold(&legs).map_err(LineError::Kernel)?;
                let next_hop = self.named_legs(&hold, object)?;
                let route = Route {
                    prefix,
                    metric,
                    next_hop,
                };
                return Ok(self.change_legs(&Operation::Insert(route, mode), hold, origin)?);
            }
            Command::DeleteLegs(prefix, metric, object) => {
                self.apply_batch()?;
                self.check_may_change()?;
                let legs = objects::legs(text).map_err(LineError::Kernel)?;
                let hold = self.hold(&legs).map_err(|error| match error {
                    // The table has no room for these legs, so no route has them.
                    error if error == ENOSPC => LineError::Change(Some(prefix), ESRCH),
                    error => LineError::Kernel(error),
                })?;
                let next_hop = self.named_legs(&hold, object)?;
                let remove = Operation::Remove(prefix, metric, Some(next_hop));
                return Ok(self.change_legs(&remove, hold, origin)?);
            }
            Command::Object(command) => {
                self.apply_batch()?;
                return Ok(objects::execute(self, command, text)?);
            }
            Command::Flush(family) if self.pending.is_some() => Operation::Flush(family),
            other => {
                self.apply_batch()?;
                return Ok(self.execute_alone(&other, origin.line)?);
            }
        };
        if self.batch.is_full() {
            self.apply_batch()?;
        }
        Ok(self.change(&operation, origin)?)
    }

    /// Executes a command that cannot be batched.
    fn execute_alone(&mut self, command: &Command, number: u64) -> Result<(), LineError<'static>> {
        match *command {
            // A batch allocates memory, but a flush must succeed when memory is short.
            Command::Flush(family) => {
                self.check_may_change()?;
                let flushed = self.file.table().flush(family);
                flushed.map_err(LineError::Kernel)?;
                self.file.stats().changes.add(1);
                Ok(())
            }
            Command::Begin { reload } => self.begin(reload, number),
            Command::Commit => self.commit(),
            Command::Monitor { has_generations } => self.monitor(has_generations),
            Command::Abort => match self.pending.take() {
                Some(_) => Ok(()),
                None => Err(LineError::NoTransaction),
            },
            _ => self.answer(command),
        }
    }

    /// Returns the next hop of a line that names both an object and a next hop. If the object has
    /// this next hop, the route uses the object. Otherwise the line is that of another machine, and
    /// the route uses the next hop.
    pub(super) fn named(
        &self,
        next_hop: NextHop,
        object: HopId,
    ) -> Result<NextHop, LineError<'static>> {
        let found = self.file.table().single_object(object);
        Ok(match found.map_err(LineError::Kernel)? {
            Some(found) if found == next_hop => NextHop::Object(object),
            _ => next_hop,
        })
    }

    /// Finds or creates the legs that a line names.
    ///
    /// Errors: those of [`Multipath::new`].
    pub(super) fn hold(&self, legs: &[RouteLeg]) -> Result<Multipath> {
        Multipath::new(self.file.shared_table(), legs)
    }

    /// Returns the next hop of a line with legs, and possibly with an object. If the object is a
    /// group with these legs, the route uses the object.
    pub(super) fn named_legs(
        &self,
        hold: &Multipath,
        object: Option<HopId>,
    ) -> Result<NextHop, LineError<'static>> {
        match object {
            Some(object) if hold.is_equal_to(object).map_err(LineError::Kernel)? => {
                Ok(NextHop::Object(object))
            }
            _ => Ok(hold.next_hop()),
        }
    }

    /// Makes a change of a route with legs, or adds it to the open transaction, which keeps the
    /// legs.
    fn change_legs(
        &mut self,
        operation: &Operation,
        hold: Multipath,
        origin: Origin,
    ) -> Result<(), LineError<'static>> {
        let changed = match self.pending {
            None => operation.apply(self.file.table()),
            Some(pending) if pending.is_full() => return Err(LineError::TransactionFull),
            Some(pending) => pending.apply_legs(operation, hold, origin.line),
        };
        self.file.stats().changes.add(usize::from(changed.is_ok()));
        changed.map_err(|error| LineError::Change(pending::prefix_of(operation), error))
    }

    /// Adds a change to the open transaction, or to the batch.
    pub(super) fn change(
        &mut self,
        operation: &Operation,
        origin: Origin,
    ) -> Result<(), LineError<'static>> {
        self.check_may_change()?;
        let added = match self.pending {
            None => self.batch.add(operation, origin),
            Some(pending) if pending.is_full() => return Err(LineError::TransactionFull),
            Some(pending) => {
                let added = pending.apply(operation, Some(origin.line));
                self.file.stats().changes.add(usize::from(added.is_ok()));
                added
            }
        };
        added.map_err(|error| LineError::Change(pending::prefix_of(operation), error))
    }

    fn begin(&mut self, reload: bool, line: u64) -> Result<(), LineError<'static>> {
        self.check_may_change()?;
        if self.pending.is_some() {
            return Err(LineError::TransactionOpen);
        }
        let pending = self.file.begin(reload, Some(line));
        *self.pending = Some(pending.map_err(LineError::Kernel)?);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LineError<'static>> {
        self.check_may_change()?;
        let pending = self.pending.take().ok_or(LineError::NoTransaction)?;
        pending.commit(self.file.table()).map_err(LineError::Commit)
    }

    /// Starts to monitor the table: later reads return the changes made from now on.
    fn monitor(&mut self, has_generations: bool) -> Result<(), LineError<'static>> {
        // A file that already monitors counts once towards the limit. Its second `monitor` must not
        // fail: another thread may wait for changes, and would then wait for ever.
        if let Some(monitoring) = self.monitoring {
            monitoring.restart(has_generations);
            return Ok(());
        }
        let follower = self.file.follow().map_err(|error| match error {
            error if error == EBUSY => LineError::MonitorsFull(self.file.max_monitors()),
            error => LineError::Kernel(error),
        })?;
        *self.monitoring = Some(Monitoring::new(follower, has_generations));
        Ok(())
    }

    /// Answers a query from the table, without the changes of the open transaction.
    fn answer(&mut self, query: &Command) -> Result<(), LineError<'static>> {
        let table = self.file.table();
        let answers = &mut *self.answers;
        let answered = match *query {
            Command::Get(address) => {
                let found = table.lookup(address, &read_lock());
                self.file.stats().lookups.add(1);
                let route = found.ok_or(LineError::NoRoute(address))?;
                answers.append(format_args!("{route}\n"))
            }
            Command::Show(selector) => answers.append_dump(selector),
            Command::Stats => table.stats().and_then(|stats| {
                let rows = stats.rows();
                let mut rows = rows.iter();
                rows.try_for_each(|(name, value)| answers.append(format_args!("{name} {value}\n")))
                    .and_then(|()| {
                        let skipped = SKIPPED_WORDS.load(Ordering::Relaxed);
                        answers.append(format_args!("skipped_words {skipped}\n"))
                    })
            }),
            Command::Help => answers.append(command::HELP),
            _ => Ok(()),
        };
        answered.map_err(LineError::Kernel)
    }

    pub(super) fn check_may_change(&self) -> Result<(), LineError<'static>> {
        self.file.check_may_change().map_err(|_| LineError::Denied)
    }
}
