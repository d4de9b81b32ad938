// SPDX-License-Identifier: GPL-2.0

//! Exact queries: the route of a prefix, and the answer of a number. They hold the updaters' mutex.

use super::{
    fib::{common_depth, depth_of, value_at, Level, Position, Record},
    table::Table,
    update::route_of,
    NextHop, Prefix, Route,
};
use crate::kernel_ext::sched;
use kernel::prelude::*;

/// The queries for which the mutex is held once. A level can have 32,640 routes, and a query can
/// read all of them.
const PIECE: usize = 32;

/// Returns the level that holds the routes of a prefix, if there is one.
fn level_of<'r>(root: Level<'r>, prefix: &Prefix) -> Option<Level<'r>> {
    let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
    let mut level = root;
    while level.depth() < target {
        level = level.child(value_at(bits, level.depth()))?;
        if level.depth() > target || common_depth(level.bits(), bits) < level.depth() {
            return None;
        }
    }
    Some(level)
}

impl Table {
    /// Passes to `found`, in order, the route of each key: that of the prefix with the metric, or
    /// with the lowest metric if the key has none.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex; `found` was then
    /// called for the first keys. Context: may sleep; holds the mutex for a bounded number of keys
    /// at a time. Allocates nothing.
    pub fn exact(
        &self,
        keys: &[(Prefix, Option<u32>)],
        mut found: impl FnMut(Option<Route>),
    ) -> Result {
        for piece in keys.chunks(PIECE) {
            let state = self.lock()?;
            for (prefix, metric) in piece {
                found(self.find_exact(prefix, *metric));
            }
            drop(state);
            sched::yield_now();
        }
        Ok(())
    }

    /// Returns the route of a key. The caller holds the mutex.
    fn find_exact(&self, prefix: &Prefix, metric: Option<u32>) -> Option<Route> {
        let family = prefix.family();
        let level = level_of(self.roots.root(family).level(family), prefix)?;
        let mut first = None;
        level.each_number(Position::of(prefix.bits(), prefix.len()), |number| {
            let route = route_of(&self.records, *prefix, number);
            let is_wanted = |route: &Route| metric.iter().all(|metric| route.metric == *metric);
            first = first.or(route.filter(is_wanted));
        });
        first
    }

    /// Passes to `found`, in order, the next hop and the metric of each number that
    /// [`Snapshot::numbers`](super::Snapshot::numbers) has returned; none for other numbers.
    /// Returns the numbering. If it is that of the lookup, the answers are those of the lookup too.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex.
    /// Context: may sleep; holds the mutex, so the caller limits the numbers of one call.
    pub fn answers(
        &self,
        numbers: &[u32],
        mut found: impl FnMut(Option<(NextHop, u32)>),
    ) -> Result<u64> {
        let state = self.lock()?;
        for number in numbers {
            let record = state.answers.last_of(&self.records, *number);
            found(record.map(|record: &Record| (record.next_hop(), record.metric())));
        }
        Ok(self.records.reuses())
    }
}
