// SPDX-License-Identifier: GPL-2.0

//! A change of one route: of the published table, of a transaction, or of a reload's new contents.

use super::{
    answers::Answers,
    fib::{Edit, Editor, Record, Records, Retirees},
    monitor::Change,
    Family, NextHop, Prefix, Route,
};
use kernel::prelude::*;

/// The condition on the route that an insert finds under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No route; otherwise `EEXIST`.
    Add,
    /// A route; otherwise `ENOENT`.
    Change,
    /// Either.
    Replace,
}

/// A change of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Table::insert`](super::Table::insert).
    Insert(Route, Mode),
    /// [`Table::remove`](super::Table::remove).
    Remove(Prefix, Option<u32>, Option<NextHop>),
    /// [`Table::flush`](super::Table::flush).
    Flush(Option<Family>),
}

impl Operation {
    /// Returns the prefix; none for a flush.
    pub(super) fn prefix(&self) -> Option<&Prefix> {
        match self {
            Self::Insert(route, _) => Some(&route.prefix),
            Self::Remove(prefix, _, _) => Some(prefix),
            Self::Flush(_) => None,
        }
    }
}

/// The most routes of one prefix, with different metrics. It bounds a level's size.
const MAX_METRICS: usize = 64;

/// The numbers of answers that a change of one route acquired and replaced; 0 if none.
#[derive(Clone, Copy, Default)]
pub(super) struct HopChange {
    acquired: u32,
    replaced: u32,
}

impl HopChange {
    /// Counts the change in a number of routes.
    pub(super) fn count(self, routes: &mut usize) {
        match (self.acquired, self.replaced) {
            (0, 0) => (),
            (0, _) => *routes -= 1,
            (_, 0) => *routes += 1,
            _ => (),
        }
    }

    /// Returns whether the operation had no effect.
    pub(super) fn is_none(self) -> bool {
        self.acquired == 0 && self.replaced == 0
    }

    /// Returns the effect of an operation, or `None` if it had none. The caller must not have
    /// released the answer that the change replaced.
    pub(super) fn describe(self, records: &Records, operation: &Operation) -> Option<Change> {
        match operation {
            Operation::Insert(route, _) => (!self.is_none()).then_some(Change::Inserted(*route)),
            Operation::Remove(prefix, _, _) => {
                route_of(records, *prefix, self.replaced).map(Change::Removed)
            }
            Operation::Flush(_) => None,
        }
    }
}

/// The parts of a table that every change uses.
pub(super) struct Resources<'u> {
    pub(super) records: &'u Records,
    pub(super) answers: &'u mut Answers,
    pub(super) retirees: &'u mut Retirees,
    pub(super) max_routes: usize,
}

impl Resources<'_> {
    /// Releases the answer that a change has replaced.
    pub(super) fn commit(&mut self, change: HopChange) {
        if change.replaced != 0 {
            self.answers.release(self.records, change.replaced);
        }
    }

    /// Applies an insert or a removal. `routes` are the numbers of routes of both families; the
    /// caller counts the change.
    ///
    /// Errors: those of the table's method; nothing has changed then. `EINVAL` for a flush.
    pub(super) fn apply(
        &mut self,
        editor: &mut Editor<'_>,
        routes: [usize; 2],
        operation: &Operation,
    ) -> Result<HopChange> {
        match operation {
            Operation::Insert(route, mode) => {
                let is_full = routes.iter().sum::<usize>() >= self.max_routes;
                self.insert(editor, is_full, route, *mode)
            }
            Operation::Remove(prefix, metric, next_hop) => {
                self.remove(editor, prefix, *metric, next_hop.as_ref())
            }
            Operation::Flush(_) => Err(EINVAL),
        }
    }

    fn insert(
        &mut self,
        editor: &mut Editor<'_>,
        is_full: bool,
        route: &Route,
        mode: Mode,
    ) -> Result<HopChange> {
        let (mut change, mut is_equal) = (HopChange::default(), false);
        let (records, metric) = (self.records, route.metric);
        let done = editor.apply(&route.prefix, |numbers| {
            let (mut before, mut all, mut existing) = (0, 0, None);
            for (index, number) in numbers.enumerate() {
                let other = Answers::metric_of(records, number);
                before += usize::from(other < metric);
                existing = existing.or((other == metric).then_some((index, number)));
                all += 1;
            }
            match (mode, existing) {
                (Mode::Add, Some(_)) => return Err(EEXIST),
                (Mode::Change, None) => return Err(ENOENT),
                (_, None) if is_full || all >= MAX_METRICS => return Err(ENOSPC),
                _ => (),
            }
            is_equal = existing.is_some_and(|(_, number)| {
                let record = records.for_updater(number);
                record.is_some_and(|record| record.next_hop() == route.next_hop)
            });
            if is_equal {
                // The editor changes nothing after an error. The caller does not see this one.
                return Err(EEXIST);
            }
            let (answers, retirees) = (&mut *self.answers, &mut *self.retirees);
            change.acquired = answers.acquire(records, retirees, &route.next_hop, metric)?;
            Ok(match existing {
                Some((index, number)) => {
                    change.replaced = number;
                    Edit::Replace(index, change.acquired)
                }
                None => Edit::Insert(before, change.acquired),
            })
        });
        if is_equal {
            return Ok(HopChange::default());
        }
        if let Err(error) = done {
            self.undo(change);
            return Err(error);
        }
        Ok(change)
    }

    fn remove(
        &mut self,
        editor: &mut Editor<'_>,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result<HopChange> {
        let records = self.records;
        let is_wanted = |number: u32| {
            let record = records.for_updater(number);
            record.is_some_and(|record| {
                metric.iter().all(|metric| record.metric() == *metric)
                    && next_hop
                        .iter()
                        .all(|named| record.next_hop().is_named_by(named))
            })
        };
        let mut replaced = 0;
        editor.apply(prefix, |numbers| {
            let mut numbers = numbers.enumerate();
            let found = numbers.find(|(_, number)| is_wanted(*number));
            let (index, number) = found.ok_or(ESRCH)?;
            replaced = number;
            Ok(Edit::Remove(index))
        })?;
        Ok(HopChange {
            acquired: 0,
            replaced,
        })
    }

    /// Gives back the answer that a change has acquired. The mutex was held since, so no reader has
    /// seen an answer that this change alone uses.
    pub(super) fn undo(&mut self, change: HopChange) {
        if change.acquired != 0 {
            self.answers.give_back(self.records, change.acquired);
        }
    }
}

/// Returns the route of a prefix with a number.
pub(super) fn route_of(records: &Records, prefix: Prefix, number: u32) -> Option<Route> {
    let record: &Record = records.for_updater(number)?;
    Some(Route {
        prefix,
        metric: record.metric(),
        next_hop: record.next_hop(),
    })
}
