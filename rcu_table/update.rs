// SPDX-License-Identifier: GPL-2.0

//! One change: of the published table, in a transaction, or in a table that is being built aside.

use super::{
    next_hops::{Interner, NextHops},
    node::{Condemned, Doomed, Entry, Exclusive, Link, Roots, Runs},
    stats::Footprint,
    table::{next_hop_of, Mode},
    trie::{find_route, Balance, Edit},
    Family, NextHop, Prefix, Route,
};
use kernel::prelude::*;

/// What a table holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Contents {
    routes: [usize; 2],
    in_use: [Footprint; 2],
    /// Memory written by changes, in bytes.
    copied: u64,
}

impl Contents {
    pub(super) fn routes(&self, family: Family) -> usize {
        self.routes[family as usize]
    }

    pub(super) fn all_routes(&self) -> usize {
        self.routes.iter().sum()
    }

    /// The memory of the nodes.
    pub(super) fn in_use(&self) -> Footprint {
        let [mut sum, other] = self.in_use;
        sum.add(other);
        sum
    }

    /// One family's routes are gone.
    pub(super) fn forget(&mut self, family: Family) {
        self.routes[family as usize] = 0;
        self.in_use[family as usize] = Footprint::default();
    }

    pub(super) fn copied(&self) -> u64 {
        self.copied
    }

    /// Others have been built aside and take the place of these.
    pub(super) fn take_over(&mut self, others: Contents) {
        *self = Self {
            copied: self.copied + others.copied,
            ..others
        };
    }

    fn balance(&mut self, family: Family, balance: Balance) {
        let in_use = &mut self.in_use[family as usize];
        in_use.add(balance.added);
        in_use.sub(balance.removed);
        self.copied += balance.added.bytes as u64;
    }
}

/// What an insert must not exceed.
pub(super) struct Limits {
    pub(super) max_routes: usize,
}

/// What updates need besides the table's contents, each of them part of the table.
pub(super) struct Tools<'u> {
    pub(super) exclusive: &'u Exclusive,
    pub(super) hops: &'u NextHops,
    pub(super) next_hops: &'u mut Interner,
    pub(super) runs: &'u mut Runs,
    pub(super) doomed: &'u mut Doomed,
}

/// What is changed.
pub(super) struct Target<'t> {
    pub(super) roots: &'t Roots,
    pub(super) contents: &'t mut Contents,
    /// For a transaction.
    pub(super) condemned: Option<&'t mut Condemned>,
}

impl<'t> Target<'t> {
    /// What no transaction is at work on.
    pub(super) fn published(roots: &'t Roots, contents: &'t mut Contents) -> Self {
        Self {
            roots,
            contents,
            condemned: None,
        }
    }
}

/// The next hop that came into use by a change and the one that went out of it; 0 is none.
#[derive(Clone, Copy, Default)]
pub(super) struct Exchanged {
    new: u32,
    old: u32,
}

impl Exchanged {
    /// The change stands.
    pub(super) fn release_old(self, tools: &mut Tools<'_>) {
        if self.old != 0 {
            tools.next_hops.release(tools.hops, self.old);
        }
    }

    /// The change has been undone.
    pub(super) fn release_new(self, tools: &mut Tools<'_>) {
        if self.new != 0 {
            tools.next_hops.release(tools.hops, self.new);
        }
    }
}

impl Tools<'_> {
    /// Makes one change of a family's trie.
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
            doomed: &mut *self.doomed,
            condemned: target.condemned.as_deref_mut(),
            balance: Balance::default(),
        };
        make(&mut edit, target.roots.of(family))?;
        let balance = edit.balance;
        target.contents.balance(family, balance);
        Ok(())
    }
}

/// [`Table::insert`](super::Table::insert), but for letting go of the replaced next hop.
pub(super) fn insert_route(
    tools: &mut Tools<'_>,
    mut target: Target<'_>,
    limits: &Limits,
    route: &Route,
    mode: Mode,
) -> Result<Exchanged> {
    let (prefix, family) = (&route.prefix, route.prefix.family());
    let root = target.roots.of(family);
    let same = |entry: &Entry| entry.metric == route.metric;
    let replaced = find_route(root, prefix, tools.exclusive, same);
    match (mode, &replaced) {
        (Mode::Add, Some(_)) => return Err(EEXIST),
        (Mode::Change, None) => return Err(ENOENT),
        (_, None) if target.contents.all_routes() >= limits.max_routes => return Err(ENOSPC),
        _ => (),
    }
    let new = tools.next_hops.acquire(tools.hops, &route.next_hop)?;
    let exchanged = Exchanged {
        new,
        old: replaced.map_or(0, |(_, entry)| entry.hop),
    };
    let inserted = tools.edit(&mut target, family, |edit, root| {
        edit.insert(root, prefix, route.metric, new)
    });
    if let Err(error) = inserted {
        exchanged.release_new(tools);
        return Err(error);
    }
    if replaced.is_none() {
        target.contents.routes[family as usize] += 1;
    }
    Ok(exchanged)
}

/// [`Table::remove`](super::Table::remove), but for letting go of the next hop.
pub(super) fn remove_route(
    tools: &mut Tools<'_>,
    mut target: Target<'_>,
    prefix: &Prefix,
    metric: Option<u32>,
    next_hop: Option<&NextHop>,
) -> Result<Exchanged> {
    let family = prefix.family();
    let hops = tools.hops;
    let is_named = |number: u32, named: &NextHop| {
        next_hop_of(hops, number).is_some_and(|next_hop| next_hop.is_named_by(named))
    };
    let wanted = |entry: &Entry| {
        metric.iter().all(|metric| entry.metric == *metric)
            && next_hop.iter().all(|named| is_named(entry.hop, named))
    };
    let root = target.roots.of(family);
    let (number, entry) = find_route(root, prefix, tools.exclusive, wanted).ok_or(ESRCH)?;
    tools.edit(&mut target, family, |edit, root| {
        edit.remove(root, prefix, number)
    })?;
    target.contents.routes[family as usize] -= 1;
    Ok(Exchanged {
        new: 0,
        old: entry.hop,
    })
}
