// SPDX-License-Identifier: GPL-2.0

//! The table: two tries and the mutex that updaters hold.

use super::{
    next_hop::NextHops,
    prefix::{left_aligned, Family, Prefix},
    stats::{Footprint, Stats},
    trie::{Change, Trie},
    Guard, NextHop, Route,
};
use crate::rcu::read_lock;
use core::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};
use kernel::{new_mutex, prelude::*, sync::Mutex};

/// What an insert expects to find under the route's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: `EEXIST` otherwise.
    Add,
    /// A route: `ENOENT` otherwise.
    Change,
    /// Either.
    Replace,
}

/// What only the updater that holds the mutex touches.
struct Updater {
    next_hops: NextHops,
    routes: [usize; 2],
    in_use: Footprint,
}

/// An IP route table for both families.
#[pin_data]
pub struct Table {
    pub(super) inet: Trie,
    pub(super) inet6: Trie,
    generation: AtomicU64,
    #[pin]
    updater: Mutex<Updater>,
}

impl Table {
    /// An empty table.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inet: Trie::new(Family::Inet),
            inet6: Trie::new(Family::Inet6),
            generation: AtomicU64::new(0),
            updater <- new_mutex!(Updater {
                next_hops: NextHops::new(),
                routes: [0; 2],
                in_use: Footprint::default(),
            }),
        })
    }

    pub(super) fn trie(&self, family: Family) -> &Trie {
        match family {
            Family::Inet => &self.inet,
            Family::Inet6 => &self.inet6,
        }
    }

    /// The route that serves `address`: that of the longest prefix, of its routes the one with the
    /// lowest metric.
    ///
    /// Context: any; never waits.
    pub fn lookup(&self, address: IpAddr, guard: &Guard) -> Option<Route> {
        self.trie(Family::of(address))
            .lookup(left_aligned(address), guard)
    }

    /// Puts a route into the table under its prefix and metric.
    ///
    /// Errors: as `mode` says; `ENOMEM`, and then nothing has changed. Context: may sleep.
    pub fn insert(&self, route: &Route, mode: Mode) -> Result {
        let mut updater = self.updater.lock();
        let trie = self.trie(route.prefix.family());
        let plan = trie.plan_insert(&route.prefix, route.metric, &read_lock());
        match (mode, plan.replaced.is_some()) {
            (Mode::Add, true) => return Err(EEXIST),
            (Mode::Change, false) => return Err(ENOENT),
            _ => (),
        }
        let shared = updater.next_hops.acquire(&route.next_hop)?;
        let change = trie
            .insert(&plan, &route.prefix, route.metric, shared)
            .inspect_err(|_| updater.next_hops.release(&route.next_hop))?;
        match plan.replaced {
            Some(old) => updater.next_hops.release(&old),
            None => updater.routes[route.prefix.family() as usize] += 1,
        }
        self.account(&mut updater, &change);
        Ok(())
    }

    /// Removes the route with that prefix and, if given, that metric and a next hop that `next_hop`
    /// names; of several, the one with the lowest metric.
    ///
    /// Errors: `ESRCH` if there is none; `ENOMEM`, and then nothing has changed. Context: may sleep.
    pub fn remove(
        &self,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result {
        let mut updater = self.updater.lock();
        let trie = self.trie(prefix.family());
        let wanted = |entry: &super::node::Entry| {
            metric.iter().all(|metric| entry.metric == *metric)
                && next_hop
                    .iter()
                    .all(|named| entry.next_hop.is_named_by(named))
        };
        let plan = trie
            .plan_remove(prefix, wanted, &read_lock())
            .ok_or(ESRCH)?;
        let change = trie.remove(&plan, prefix)?;
        updater.next_hops.release(&plan.removed);
        updater.routes[prefix.family() as usize] -= 1;
        self.account(&mut updater, &change);
        Ok(())
    }

    /// Removes all routes of one family, or of both. Readers see each family whole or empty.
    ///
    /// Context: may sleep; waits for a grace period.
    pub fn flush(&self, family: Option<Family>) {
        let mut updater = self.updater.lock();
        for trie in [&self.inet, &self.inet6] {
            if family.is_some_and(|family| family != trie.family) {
                continue;
            }
            let retired = trie.clear(|next_hop| updater.next_hops.release(next_hop));
            if retired == Footprint::default() {
                continue;
            }
            updater.routes[trie.family as usize] = 0;
            let added = Footprint::default();
            self.account(&mut updater, &Change { added, retired });
        }
    }

    fn account(&self, updater: &mut Updater, change: &Change) {
        updater.in_use.add(change.added);
        updater.in_use.sub(change.retired);
        // ORDERING: Counts changes; nothing is published through it.
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes since the table was made. Equal before and after a dump, it saw no change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The table's figures now.
    ///
    /// Context: may sleep.
    pub fn stats(&self) -> Stats {
        let updater = self.updater.lock();
        Stats {
            routes_inet: updater.routes[Family::Inet as usize],
            routes_inet6: updater.routes[Family::Inet6 as usize],
            next_hops: updater.next_hops.len(),
            objects: updater.in_use.objects,
            bytes: updater.in_use.bytes,
            generation: self.generation(),
            ..Stats::of_reclaim()
        }
    }
}
