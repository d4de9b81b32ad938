// SPDX-License-Identifier: GPL-2.0

//! Commands of several lines.
//!
//! `ip route` prints each leg of a multipath route in a line of its own, and `ip -batch` joins a
//! line that ends with a backslash to the next one. The first line of a route does not say how many
//! legs follow. So the route takes effect when another line follows, or when the write ends. If the
//! next write starts with a leg, that leg extends the route. A route without legs waits for them,
//! unless it is the only line of its write. Comments and blank lines change nothing.

use super::{
    batch::Origin,
    command::{self, continuation, legs, Command},
    execute::{Executor, Failure, Stop},
    line_error::LineError,
    lines::Line,
    objects, pending,
};
use crate::rcu_table::{HopError, Mode, NextHop, Operation, Prefix, Table};
use kernel::prelude::*;

/// The maximum number of bytes of a command in several lines. It has room for 256 legs with all the
/// words that `ip route` prints. The parser reads it without a reschedule point.
pub(super) const MAX_JOINED: usize = 32 << 10;

/// A command that further lines may continue.
pub(super) struct Joined {
    /// The lines without comments, separated by newlines. The parser reads a newline or a backslash
    /// as a blank.
    text: KVVec<u8>,
    /// The length of the first line in `text`.
    head: usize,
    /// The first line.
    origin: Origin,
    /// Whether the last line ended with a backslash: the next line continues the command in any
    /// case.
    is_unfinished: bool,
    /// Whether the last line was not executed.
    is_pending: bool,
    /// The prefix and the metric of the route, if the executed lines have added it.
    added: Option<(Prefix, u32)>,
    /// The length of the executed lines in `text`.
    executed: usize,
    /// The informational words in the executed lines.
    skipped: u32,
}

/// Returns whether the next line continues a line in any case.
fn ends_with_backslash(line: &str) -> bool {
    line.ends_with('\\') && !line.contains('#')
}

impl Joined {
    /// Creates a command from its first line.
    ///
    /// Errors: `ENOMEM`.
    fn new(line: &str, origin: Origin) -> Result<Self, LineError<'static>> {
        let mut this = Self {
            text: KVVec::new(),
            head: 0,
            origin,
            is_unfinished: false,
            is_pending: true,
            added: None,
            executed: 0,
            skipped: 0,
        };
        this.push(line)?;
        this.head = this.text.len();
        Ok(this)
    }

    /// Appends a line.
    ///
    /// Errors: [`LineError::JoinedTooLong`], `ENOMEM`.
    fn push(&mut self, line: &str) -> Result<(), LineError<'static>> {
        let code = line.split('#').next().unwrap_or("").as_bytes();
        if self.text.len() + code.len() >= MAX_JOINED {
            return Err(LineError::JoinedTooLong);
        }
        let text = &mut self.text;
        text.extend_from_slice(code, GFP_KERNEL_ACCOUNT)
            .and_then(|()| text.extend_from_slice(b"\n", GFP_KERNEL_ACCOUNT))
            .map_err(|error| LineError::Kernel(error.into()))?;
        self.is_unfinished = ends_with_backslash(line);
        self.is_pending = true;
        Ok(())
    }

    /// Returns the whole command.
    fn text(&self) -> &str {
        // The lines are ASCII, so that the conversion cannot fail.
        core::str::from_utf8(&self.text).unwrap_or("")
    }

    /// Returns the lines that were executed.
    fn executed_text(&self) -> &str {
        core::str::from_utf8(&self.text[..self.executed]).unwrap_or("")
    }

    /// Returns the first line, with its newline.
    pub(super) fn head(&self) -> &[u8] {
        &self.text[..self.head]
    }

    /// Returns the number of the first line.
    pub(super) fn line(&self) -> u64 {
        self.origin.line
    }

    /// Returns whether closing the file now discards lines.
    pub(super) fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Starts another write.
    pub(super) fn begin_write(&mut self) {
        self.origin.start = 0;
    }
}

impl Executor<'_> {
    /// Joins a line to the command of the lines before it, or executes it.
    pub(super) fn join_or_execute<'a>(
        &mut self,
        line: &Line<'a>,
        origin: Origin,
    ) -> Result<(), Failure<'a>> {
        if let Some(joined) = self.joined {
            let (first, is_unfinished) = (joined.origin, joined.is_unfinished);
            match line.text {
                Ok(text) if is_unfinished || legs::is_leg(text) => {
                    return Ok(self.continue_command(text, line.number)?);
                }
                Ok(text) if continuation::is_blank(text) => return Ok(()),
                Ok(text) if continuation::is_note(text) => {
                    return self.execute_or_batch(command::parse(text), text, origin);
                }
                Err(bad) if is_unfinished => {
                    let error = LineError::Line(bad);
                    return Ok(self.stop(error.into(), line.number, first)?);
                }
                _ => self.end_command()?,
            }
        }
        let text = line.text.map_err(LineError::Line)?;
        let parsed = command::parse(text);
        if ends_with_backslash(text) || continuation::can_continue(text, &parsed) {
            *self.joined = Some(Joined::new(text, origin)?);
            return Ok(());
        }
        self.execute_or_batch(parsed, text, origin)
    }

    /// Appends a line to the command. Executes the command if no further line continues it.
    fn continue_command(&mut self, text: &str, number: u64) -> Result<(), Stop> {
        let Some(joined) = self.joined else {
            return Ok(());
        };
        let (origin, is_leg) = (joined.origin, !joined.is_unfinished);
        let checked = match is_leg {
            true => legs::check(text).map_err(LineError::Command),
            false => Ok(()),
        };
        if let Err(error) = checked.and_then(|()| joined.push(text)) {
            return self.stop(error.into(), number, origin);
        }
        match is_leg || joined.is_unfinished {
            true => Ok(()),
            false => self.end_command(),
        }
    }

    /// Executes the command, which no further line continues.
    fn end_command(&mut self) -> Result<(), Stop> {
        self.execute_joined()?;
        *self.joined = None;
        Ok(())
    }

    /// Executes the command at the end of a write, and applies the batch. Lines of the next write
    /// may continue the command. If it is incomplete, it waits for them, unless it is the only line
    /// of the write. `only` is the number of that line.
    pub(super) fn end_write(&mut self, only: Option<u64>) -> Result<(), Stop> {
        if let Some(joined) = self.joined {
            let may_wait = only != Some(joined.line());
            let waits = may_wait && is_incomplete(self.file.table(), joined.text());
            if !joined.is_unfinished && !waits {
                self.execute_joined()?;
            }
        }
        self.apply_batch()
    }

    /// Executes the command if it has lines that were not executed.
    fn execute_joined(&mut self) -> Result<(), Stop> {
        if !self.joined.as_ref().is_some_and(Joined::is_pending) {
            return Ok(());
        }
        let Some(mut joined) = self.joined.take() else {
            return Ok(());
        };
        let origin = joined.origin;
        let mut parsed = command::parse(joined.text());
        let (mut added, mut skipped) = (None, 0);
        let mut is_outdated = false;
        if let Ok((command, words)) = &mut parsed {
            skipped = *words;
            *words -= joined.skipped.min(skipped);
            if let Some((prefix, metric, mode)) = command.as_mut().and_then(insertion) {
                added = Some((prefix, metric));
                // The legs extend the route. Only if they decide the family of `default`, the route
                // of the earlier lines is another one.
                match joined.added {
                    Some(before) if Some(before) == added => *mode = Mode::Change,
                    before => is_outdated = before.is_some(),
                }
            }
        }
        // A refused route must not remove the one of the earlier lines.
        let done = self
            .execute_or_batch(parsed, joined.text(), origin)
            .and_then(|()| match is_outdated {
                true => self.remove_outdated(joined.executed_text(), origin),
                false => Ok(()),
            })
            .or_else(|failure| self.stop(failure, origin.line, origin));
        (joined.added, joined.skipped, joined.is_pending) = (added, skipped, false);
        joined.executed = joined.text.len();
        // A refused command stays until the write has ended: the next write may repeat it.
        *self.joined = Some(joined);
        done
    }

    /// Removes the route that earlier lines of a command have added. Keeps a route that another
    /// program has put in its place.
    fn remove_outdated<'a>(&mut self, text: &str, origin: Origin) -> Result<(), Failure<'a>> {
        self.apply_batch()?;
        let Ok((Some(insert), _)) = command::parse(text) else {
            return Ok(());
        };
        let remove = self.deletion(&insert, text)?;
        if self.pending.is_some() {
            return Ok(self.change(&remove, origin)?);
        }
        match remove.apply(self.file.table()) {
            Err(error) if error != ESRCH => {
                Err(LineError::Change(pending::prefix_of(&remove), error).into())
            }
            removed => {
                self.file.stats().changes.add(usize::from(removed.is_ok()));
                Ok(())
            }
        }
    }

    /// Returns the operation that removes the route of a command, if it has the same next hop.
    fn deletion(&self, insert: &Command, text: &str) -> Result<Operation, LineError<'static>> {
        let (prefix, metric, next_hop) = match *insert {
            Command::Insert(_, route) => (route.prefix, route.metric, route.next_hop),
            Command::InsertNamed(_, route, object) => {
                let next_hop = self.named(route.next_hop, object)?;
                (route.prefix, route.metric, next_hop)
            }
            Command::InsertLegs(_, prefix, metric, object) => {
                let legs = objects::legs(text).map_err(LineError::Kernel)?;
                // The route or its transaction keeps the legs.
                let hold = self.hold(&legs).map_err(LineError::Kernel)?;
                (prefix, metric, self.named_legs(&hold, object)?)
            }
            _ => return Err(LineError::Kernel(EINVAL)),
        };
        Ok(Operation::Remove(prefix, Some(metric), Some(next_hop)))
    }
}

/// Returns whether a command waits for another line: it is a route without next hop, or with an
/// object that does not exist here.
fn is_incomplete(table: &Table, text: &str) -> bool {
    match command::parse(text) {
        Ok((Some(Command::Insert(_, route)), _)) => match route.next_hop {
            NextHop::Object(id) => id.number().is_some_and(|number| {
                matches!(objects::find(table, number), Err(HopError::Missing))
            }),
            _ => false,
        },
        parsed => continuation::can_continue(text, &parsed),
    }
}

/// Returns the prefix, the metric and the mode of a command that adds a route.
fn insertion(command: &mut Command) -> Option<(Prefix, u32, &mut Mode)> {
    match command {
        Command::Insert(mode, route) | Command::InsertNamed(mode, route, _) => {
            Some((route.prefix, route.metric, mode))
        }
        Command::InsertLegs(mode, prefix, metric, _) => Some((*prefix, *metric, mode)),
        _ => None,
    }
}
