// SPDX-License-Identifier: GPL-2.0

//! Dumps of the table: in order and in pieces, resumed after the key of the last route.
//!
//! Each piece holds the table's mutex. Between two pieces updaters run, because the dump resumes at
//! a key, not at a pointer. A route that is present throughout appears exactly once. A route that
//! is added or removed meanwhile appears at most once.

use super::{
    prefix::{Family, Prefix},
    table::Table,
    update::route_of,
    walk::Walk,
    Route,
};
use crate::kernel_ext::sched;
use kernel::prelude::*;

/// The key of a route. A dump is sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The prefix.
    pub prefix: Prefix,
    /// The metric.
    pub metric: u32,
}

impl From<&Route> for Key {
    fn from(route: &Route) -> Self {
        Self {
            prefix: route.prefix,
            metric: route.metric,
        }
    }
}

/// The routes that a dump contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All routes, IPv4 before IPv6.
    All,
    /// The routes of one family.
    Family(Family),
    /// The routes with exactly this prefix.
    Prefix(Prefix),
}

impl Selector {
    fn has(&self, family: Family) -> bool {
        match self {
            Selector::All => true,
            Selector::Family(wanted) => *wanted == family,
            Selector::Prefix(prefix) => prefix.family() == family,
        }
    }
}

/// Routes that one dump copies before it lets updaters run.
const PIECE: usize = 128;

/// The result of [`Table::dump_piece`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpPiece {
    /// Whether no routes follow.
    pub is_last: bool,
    /// The generation of the table when the piece was read.
    pub generation: u64,
}

impl Table {
    /// Appends the routes of `selector` after the key `after`, in order, up to the capacity of
    /// `out`. If room is left, no routes follow.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex.
    /// Context: may sleep; holds the mutex for a bounded number of routes at a time. Allocates
    /// nothing.
    pub fn dump(&self, selector: Selector, after: Option<Key>, out: &mut KVec<Route>) -> Result {
        let mut after = after;
        loop {
            let piece = self.dump_piece(selector, after, out)?;
            after = out.last().map(Key::from).or(after);
            if piece.is_last || out.len() == out.capacity() {
                return Ok(());
            }
            sched::yield_now();
        }
    }

    /// Appends a bounded number of the routes of `selector` after the key `after`, in order, up to
    /// the capacity of `out`. All of them are routes of one generation.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex.
    /// Context: may sleep; holds the mutex once. Allocates nothing.
    pub fn dump_piece(
        &self,
        selector: Selector,
        after: Option<Key>,
        out: &mut KVec<Route>,
    ) -> Result<DumpPiece> {
        let _state = self.lock()?;
        Ok(DumpPiece {
            is_last: self.copy_routes(selector, after, out),
            generation: self.generation(),
        })
    }

    /// Appends at most [`PIECE`] routes. Returns whether no routes follow. The caller holds the
    /// mutex.
    fn copy_routes(&self, selector: Selector, after: Option<Key>, out: &mut KVec<Route>) -> bool {
        let end = out.len() + PIECE.min(out.capacity() - out.len());
        for family in Family::ALL {
            let is_past = after.is_some_and(|key| key.prefix.family() > family);
            if !selector.has(family) || is_past {
                continue;
            }
            let root = self.roots.root(family).level(family);
            let after = after.filter(|key| key.prefix.family() == family);
            let from = match selector {
                Selector::Prefix(prefix) => Some(prefix),
                _ => after.map(|key| key.prefix),
            };
            let mut walk = Walk::new(root, from.as_ref());
            while let Some((prefix, level, at)) = walk.next_prefix() {
                match selector {
                    Selector::Prefix(wanted) if prefix < wanted => continue,
                    Selector::Prefix(wanted) if prefix > wanted => break,
                    _ => (),
                }
                let mut is_full = false;
                level.each_number(at, |number| {
                    let route = route_of(&self.records, prefix, number);
                    let Some(route) = route else {
                        return;
                    };
                    if after.is_some_and(|after| Key::from(&route) <= after) {
                        return;
                    }
                    is_full |= out.len() == end || out.push_within_capacity(route).is_err();
                });
                if is_full {
                    return false;
                }
            }
        }
        true
    }
}
