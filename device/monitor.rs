// SPDX-License-Identifier: GPL-2.0

//! The command `monitor`: reads of the file return each change of the table, as `ip monitor route`
//! prints it.
//!
//! A line is a route that was added or has replaced another route, or one of these:
//!
//! ```text
//! Deleted ROUTE     the route was removed
//! nexthop OBJECT    the next-hop object was added or replaced: "nexthop id 5 dev eth0"
//! Deleted nexthop id N    the next-hop object was removed
//! Flushed FAMILY    all routes of the family were removed
//! Reloaded          other routes have replaced the whole table
//! Overrun N         the reader was slow, and N changes are lost
//! Generation N      only after `monitor generation`: the changes of generation N end here
//! ```
//!
//! For the monitors, the table keeps the next hops of multipath routes in its last changes, up to
//! 2 MiB. If they are gone when the line is read, an added route has no line, and `Deleted` has no
//! next hops.
//!
//! No other change comes between the lines of a transaction. After `Reloaded` and `Overrun` the
//! reader must read the table again. The table may then already have the changes of later lines:
//! a route replaces itself, and a deleted route is absent.

use super::{
    answers::Answers,
    objects::{self, HopText, ObjectText, RouteText},
    open_file::{OpenFile, State},
    signal,
};
use crate::rcu_table::{
    Change, Event, Family, Follower, HopError, HopId, HopObject, NextHop, Table,
};
use core::fmt;
use kernel::{iov::IovIterDest, prelude::*};

/// The number of events that a read turns into text at a time.
const PIECE: usize = 64;

/// The position of a file that does not monitor: no change has it.
pub(super) const NO_POSITION: u64 = u64::MAX;

/// The stream of changes of a file that monitors the table.
pub(super) struct Monitoring {
    follower: Follower,
    /// Whether a line ends the changes of each generation.
    has_generations: bool,
}

impl Monitoring {
    pub(super) fn new(follower: Follower, has_generations: bool) -> Self {
        Self {
            follower,
            has_generations,
        }
    }

    /// Skips unread changes: the next reads return the changes made from now on.
    pub(super) fn restart(&mut self, has_generations: bool) {
        self.follower.skip();
        self.has_generations = has_generations;
    }

    /// Returns the position of the next event.
    pub(super) fn position(&self) -> u64 {
        self.follower.position()
    }

    /// Appends the next events to the answers.
    ///
    /// Errors: `ENOMEM`, `EINTR`; the event remains the next one.
    fn append_to(&mut self, table: &Table, answers: &mut Answers) -> Result {
        for _ in 0..PIECE {
            let Some((event, next)) = self.follower.peek() else {
                break;
            };
            answers.append(Line {
                event,
                group: group_of(table, &event)?,
                route: route_of(table, &event)?,
                has_generations: self.has_generations,
            })?;
            self.follower.advance(next);
        }
        Ok(())
    }
}

/// Returns the group that an event has added or replaced; none if it was removed later. The ring
/// has no room for members, so the group may have been replaced later.
fn group_of(table: &Table, event: &Event) -> Result<Option<HopObject>> {
    match event {
        Event::Change {
            change: Change::Object(id, None),
            ..
        } => match id.number().map(|id| objects::find(table, id)) {
            Some(Ok(group)) => Ok(Some(group)),
            Some(Err(HopError::Kernel(error))) => Err(error),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Returns the route of an event with the next hops of its object; none for other events.
fn route_of(table: &Table, event: &Event) -> Result<Option<RouteText>> {
    match event {
        Event::Change {
            change: Change::Inserted(route) | Change::Removed(route),
            ..
        } => RouteText::of(table, route).map(Some),
        _ => Ok(None),
    }
}

/// An event as text.
struct Line {
    event: Event,
    /// The route that the event has changed.
    route: Option<RouteText>,
    /// The group that the event has changed; none if it was removed later.
    group: Option<HopObject>,
    has_generations: bool,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (change, generation, is_last) = match self.event {
            Event::Lost(changes) => return writeln!(f, "Overrun {changes}"),
            Event::Change {
                change,
                generation,
                is_last,
            } => (change, generation, is_last),
        };
        match change {
            Change::Inserted(_) => match &self.route {
                Some(route) if !route.is_outdated() => writeln!(f, "{route}")?,
                // The line that reports the next change of this route follows.
                _ => (),
            },
            Change::Removed(_) => {
                if let Some(route) = &self.route {
                    writeln!(f, "Deleted {route}")?;
                }
            }
            Change::Flushed(Family::Inet) => writeln!(f, "Flushed inet")?,
            Change::Flushed(Family::Inet6) => writeln!(f, "Flushed inet6")?,
            Change::Reloaded => writeln!(f, "Reloaded")?,
            Change::Object(id, next_hop) => self.write_object(f, id, next_hop)?,
            Change::ObjectRemoved(id) => {
                writeln!(f, "Deleted nexthop id {}", id.number().unwrap_or(0))?;
            }
        }
        match is_last && self.has_generations {
            true => writeln!(f, "Generation {generation}"),
            false => Ok(()),
        }
    }
}

impl Line {
    fn write_object(
        &self,
        f: &mut fmt::Formatter<'_>,
        id: HopId,
        next_hop: Option<NextHop>,
    ) -> fmt::Result {
        let number = id.number().unwrap_or(0);
        match (next_hop, &self.group) {
            (Some(next_hop), _) => writeln!(f, "nexthop id {number}{}", HopText(next_hop, None)),
            (None, Some(group)) => writeln!(f, "nexthop {}", ObjectText(number, group)),
            // The line that reports the removal follows.
            (None, None) => Ok(()),
        }
    }
}

/// Copies answers, and then changes if the file monitors the table. Ends when the destination is
/// full, when nothing is left, or when a signal is pending. Returns the number of copied bytes.
///
/// Errors, if nothing was copied: those of [`Answers::read`]; `ENOMEM`; `ERESTARTSYS` if a signal
/// is pending. Context: may sleep.
pub(super) fn read(state: &mut State, table: &Table, to: &mut IovIterDest<'_>) -> Result<usize> {
    let mut total = 0;
    loop {
        match state.answers.read(table, to) {
            Ok(copied) => total += copied,
            Err(error) if total == 0 => return Err(error),
            Err(_) => return Ok(total),
        }
        if to.is_empty() || state.answers.is_readable() {
            return Ok(total);
        }
        let Some(monitoring) = &mut state.monitoring else {
            return Ok(total);
        };
        match monitoring.append_to(table, &mut state.answers) {
            Err(error) if total == 0 && !state.answers.is_readable() => return Err(error),
            _ if !state.answers.is_readable() => return Ok(total),
            // A busy updater can replace each multipath route before its line is printed.
            _ if !signal::yield_and_check() => (),
            _ if total > 0 => return Ok(total),
            _ => return Err(ERESTARTSYS),
        }
    }
}

/// Waits until the file has answers or changes to read.
///
/// Errors: `ERESTARTSYS` if a signal ends the wait. Context: may sleep.
pub(super) fn wait(file: &OpenFile) -> Result {
    let monitor = file.table().monitor();
    let mut log = monitor.log().lock();
    while !file.has_unread(&log) {
        if monitor.changed().tasks().wait_interruptible(&mut log) {
            return Err(ERESTARTSYS);
        }
    }
    Ok(())
}
