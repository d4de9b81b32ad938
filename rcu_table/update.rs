// SPDX-License-Identifier: GPL-2.0

//! A change of the published table, of a transaction's draft, or of a reload's new contents.

use super::{
    next_hops::{Interner, NextHops},
    node::{CopiedNodes, Entry, Exclusive, Link, Roots, Runs, UnlinkedNodes},
    stats::Footprint,
    trie::{find_route, Balance, Edit},
    Family, NextHop, Prefix, Route,
};
use crate::rcu::read_lock;
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

/// The numbers of routes and the memory of both tries.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    routes: [usize; 2],
    in_use: [Footprint; 2],
    /// Bytes of all nodes that changes have built.
    copied: u64,
}

impl Totals {
    pub(super) fn routes(&self, family: Family) -> usize {
        self.routes[family as usize]
    }

    pub(super) fn all_routes(&self) -> usize {
        self.routes.iter().sum()
    }

    /// Returns the memory of the nodes.
    pub(super) fn in_use(&self) -> Footprint {
        let [mut sum, other] = self.in_use;
        sum.add(other);
        sum
    }

    pub(super) fn copied(&self) -> u64 {
        self.copied
    }

    /// Resets the totals of a family that was flushed.
    pub(super) fn clear(&mut self, family: Family) {
        self.routes[family as usize] = 0;
        self.in_use[family as usize] = Footprint::default();
    }

    /// Replaces the totals after a reload. The copied bytes of both add up.
    pub(super) fn replace(&mut self, new: Totals) {
        *self = Self {
            copied: self.copied + new.copied,
            ..new
        };
    }

    fn add(&mut self, family: Family, balance: Balance) {
        let in_use = &mut self.in_use[family as usize];
        in_use.add(balance.added);
        in_use.sub(balance.removed);
        self.copied += balance.added.bytes as u64;
    }
}

/// The parts of a table that every change uses.
pub(super) struct Resources<'u> {
    pub(super) exclusive: &'u Exclusive,
    pub(super) hops: &'u NextHops,
    pub(super) interner: &'u mut Interner,
    pub(super) runs: &'u mut Runs,
    pub(super) unlinked_nodes: &'u mut UnlinkedNodes,
    pub(super) max_routes: usize,
}

/// The tries that a change edits.
pub(super) struct Target<'t> {
    pub(super) roots: &'t Roots,
    pub(super) totals: &'t mut Totals,
    /// In a transaction, the published nodes that it has copied.
    pub(super) copied_nodes: Option<&'t mut CopiedNodes>,
}

impl<'t> Target<'t> {
    /// Creates the target of a change outside a transaction.
    pub(super) fn new(roots: &'t Roots, totals: &'t mut Totals) -> Self {
        Self {
            roots,
            totals,
            copied_nodes: None,
        }
    }
}

/// The next-hop numbers that a change acquired and replaced; 0 if none.
#[derive(Clone, Copy, Default)]
pub(super) struct HopChange {
    acquired: u32,
    replaced: u32,
}

impl HopChange {
    /// Releases the replaced next hop of a change that has been published.
    pub(super) fn commit(self, resources: &mut Resources<'_>) {
        if self.replaced != 0 {
            resources.interner.release(resources.hops, self.replaced);
        }
    }

    /// Releases the acquired next hop of a change that has been undone.
    pub(super) fn undo(self, resources: &mut Resources<'_>) {
        if self.acquired != 0 {
            resources.interner.release(resources.hops, self.acquired);
        }
    }
}

impl Resources<'_> {
    /// Applies an insert or a removal. The caller commits or undoes the returned change of next
    /// hops.
    ///
    /// Errors: those of the table's method. `EINVAL` for a flush, which needs no resources.
    pub(super) fn apply(&mut self, target: Target<'_>, operation: &Operation) -> Result<HopChange> {
        match operation {
            Operation::Insert(route, mode) => self.insert(target, route, *mode),
            Operation::Remove(prefix, metric, next_hop) => {
                self.remove(target, prefix, *metric, next_hop.as_ref())
            }
            Operation::Flush(_) => Err(EINVAL),
        }
    }

    fn insert(&mut self, mut target: Target<'_>, route: &Route, mode: Mode) -> Result<HopChange> {
        let (prefix, family) = (&route.prefix, route.prefix.family());
        let root = target.roots.of(family);
        let same = |entry: &Entry| entry.metric == route.metric;
        let replaced = find_route(root, prefix, self.exclusive, same);
        match (mode, &replaced) {
            (Mode::Add, Some(_)) => return Err(EEXIST),
            (Mode::Change, None) => return Err(ENOENT),
            (_, None) if target.totals.all_routes() >= self.max_routes => return Err(ENOSPC),
            _ => (),
        }
        let acquired = self.interner.acquire(self.hops, &route.next_hop)?;
        let hop_change = HopChange {
            acquired,
            replaced: replaced.map_or(0, |(_, entry)| entry.hop),
        };
        let inserted = self.edit(&mut target, family, |edit, root| {
            edit.insert(root, prefix, route.metric, acquired)
        });
        if let Err(error) = inserted {
            hop_change.undo(self);
            return Err(error);
        }
        if replaced.is_none() {
            target.totals.routes[family as usize] += 1;
        }
        Ok(hop_change)
    }

    fn remove(
        &mut self,
        mut target: Target<'_>,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result<HopChange> {
        let family = prefix.family();
        let hops = self.hops;
        let is_named = |number: u32, named: &NextHop| {
            let next_hop = hops.get(number, &read_lock());
            next_hop.is_some_and(|next_hop| next_hop.is_named_by(named))
        };
        let is_wanted = |entry: &Entry| {
            metric.iter().all(|metric| entry.metric == *metric)
                && next_hop.iter().all(|named| is_named(entry.hop, named))
        };
        let root = target.roots.of(family);
        let (number, entry) = find_route(root, prefix, self.exclusive, is_wanted).ok_or(ESRCH)?;
        self.edit(&mut target, family, |edit, root| {
            edit.remove(root, prefix, number)
        })?;
        target.totals.routes[family as usize] -= 1;
        Ok(HopChange {
            acquired: 0,
            replaced: entry.hop,
        })
    }

    /// Edits one family's trie and adds the memory to the totals.
    fn edit(
        &mut self,
        target: &mut Target<'_>,
        family: Family,
        make: impl for<'e> FnOnce(&mut Edit<'e>, &'e Link) -> Result,
    ) -> Result {
        let mut edit = Edit {
            family,
            exclusive: self.exclusive,
            runs: &mut *self.runs,
            unlinked_nodes: &mut *self.unlinked_nodes,
            copied_nodes: target.copied_nodes.as_deref_mut(),
            balance: Balance::default(),
        };
        make(&mut edit, target.roots.of(family))?;
        let balance = edit.balance;
        target.totals.add(family, balance);
        Ok(())
    }
}
