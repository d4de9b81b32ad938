// SPDX-License-Identifier: GPL-2.0

//! The table: two tries, the next hops, and the mutex that updaters hold.

use super::{
    next_hops::{Interner, NextHopRef, NextHops},
    node::{
        Doomed, Exclusive, Finding, Found, Lookup, NodeRef, Roots, Runs, Tree, Unlinked, STRIDE,
    },
    prefix::{left_aligned, Family, Prefix},
    quarantine::Quarantine,
    reclaim::{self, Ledger, Policy},
    settings::Settings,
    stats::{Footprint, Stats},
    update::{insert_route, remove_route, Contents, Limits, Target, Tools},
    Guard, NextHop, Route,
};
use crate::{
    kernel_ext::sched,
    rcu::{read_lock, Rcu, RcuBox},
};
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
pub(super) struct Updater {
    pub(super) exclusive: Exclusive,
    pub(super) next_hops: Interner,
    pub(super) runs: KBox<Runs>,
    pub(super) doomed: Doomed,
    pub(super) ledger: Ledger,
    pub(super) contents: Contents,
}

impl Updater {
    /// Frees what a change has unlinked that no reader has ever been able to reach.
    pub(super) fn free_doomed(&mut self) {
        self.doomed.free(&mut self.exclusive);
    }
}

/// An IP route table for both families.
#[pin_data]
pub struct Table {
    pub(super) tries: Tries,
    pub(super) next_hops: NextHops,
    lookup: Lookup,
    generation: AtomicU64,
    pub(super) settings: &'static Settings,
    #[pin]
    pub(super) updater: Mutex<Updater>,
}

/// What a table heeds that nobody set anything for.
static DEFAULT_SETTINGS: Settings = Settings::new();

/// Nodes freed, or changes made, in one go before other tasks get their turn.
pub(super) const BATCH: usize = 512;

/// The published tries, freed with the table.
pub(super) struct Tries(Rcu<Roots>);

impl Drop for Tries {
    fn drop(&mut self) {
        let Some(roots) = self.0.take() else {
            return;
        };
        for tree in trees_of(&roots, &Exclusive::new()).into_iter().flatten() {
            dismantle_politely(tree, Unlinked::free);
        }
    }
}

/// The tries under roots.
pub(super) fn trees_of(roots: &Roots, exclusive: &Exclusive) -> [Option<Tree>; 2] {
    Family::ALL.map(|family| Tree::at(roots.of(family), exclusive))
}

/// Ends a whole tree without keeping a CPU to itself.
fn dismantle_politely(tree: Tree, mut end: impl FnMut(Unlinked)) {
    let mut ended = 0;
    tree.dismantle(|node| {
        end(node);
        ended += 1;
        if ended % BATCH == 0 {
            sched::yield_now();
        }
    });
}

/// The table as a reader finds it: every lookup in one snapshot sees a transaction whole or not at all.
/// Single changes, a flush among them, may become visible between two lookups.
///
/// Context: any; never waits.
#[derive(Clone, Copy)]
pub struct Snapshot<'g> {
    table: &'g Table,
    roots: Option<&'g Roots>,
    guard: &'g Guard,
}

impl<'g> Snapshot<'g> {
    #[inline(always)]
    fn find<F: Finding<'g>>(&self, address: IpAddr) -> Option<F> {
        let (lookup, roots) = (self.table.lookup, self.roots?);
        match address {
            IpAddr::V4(_) => {
                let root = roots.of(Family::Inet);
                lookup.find::<F, false>(root, left_aligned(address), self.guard)
            }
            IpAddr::V6(_) => {
                let root = roots.of(Family::Inet6);
                lookup.find::<F, true>(root, left_aligned(address), self.guard)
            }
        }
    }

    /// Where packets to `address` go.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn next_hop(&self, address: IpAddr) -> Option<NextHop> {
        Some(self.next_hop_ref(address)?.get())
    }

    /// The same without reading what the next hop is: it can be asked for while the read-side critical section goes
    /// on.
    ///
    /// Context: any; never waits.
    #[inline(always)]
    pub fn next_hop_ref(&self, address: IpAddr) -> Option<NextHopRef<'g>> {
        let number = self.find(address)?;
        self.table.next_hops.find(number, self.guard)
    }

    /// The route that serves `address`: that of the longest prefix, of its routes the one with the
    /// lowest metric.
    ///
    /// Context: any; never waits.
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        self.route(address, self.find::<Found<'g>>(address)?.node)
    }

    /// The route of a node that serves `address`.
    pub(super) fn route(&self, address: IpAddr, node: NodeRef<'g>) -> Option<Route> {
        let bits = left_aligned(address);
        let entry = node.serving(super::node::value_at(bits, node.depth()))?;
        let len = node.depth() * STRIDE + entry.slot.bits();
        Some(Route {
            prefix: Prefix::covering(Family::of(address), bits, len),
            metric: entry.metric,
            next_hop: self.table.next_hops.get(entry.hop, self.guard)?,
        })
    }

    pub(super) fn roots(&self) -> Option<&'g Roots> {
        self.roots
    }

    pub(super) fn guard(&self) -> &'g Guard {
        self.guard
    }
}

impl Table {
    /// An empty table.
    pub fn new() -> impl PinInit<Self, Error> {
        Self::with_settings(&DEFAULT_SETTINGS)
    }

    /// An empty table, which heeds `settings` at each update.
    pub fn with_settings(settings: &'static Settings) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            tries: Tries(Rcu::new(RcuBox::new(Roots::new(), GFP_KERNEL)?)),
            next_hops: NextHops::new()?,
            lookup: Lookup::new(),
            generation: AtomicU64::new(0),
            settings,
            updater <- new_mutex!(Updater {
                exclusive: Exclusive::new(),
                next_hops: Interner::new(settings),
                runs: KBox::new(Runs::new(), GFP_KERNEL)?,
                doomed: Doomed::new(),
                ledger: Ledger::new(),
                contents: Contents::default(),
            }),
        })
    }

    /// The table as it is now.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn snapshot<'g>(&'g self, guard: &'g Guard) -> Snapshot<'g> {
        Snapshot {
            table: self,
            roots: self.tries.0.dereference(guard),
            guard,
        }
    }

    /// The route that serves `address`: that of the longest prefix, of its routes the one with the
    /// lowest metric.
    ///
    /// Context: any; never waits.
    pub fn lookup(&self, address: IpAddr, guard: &Guard) -> Option<Route> {
        self.snapshot(guard).lookup(address)
    }

    /// Where packets to `address` go: what a data plane needs of [`Self::lookup`], at less cost.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn next_hop(&self, address: IpAddr, guard: &Guard) -> Option<NextHop> {
        self.snapshot(guard).next_hop(address)
    }

    /// Puts a route into the table under its prefix and metric.
    ///
    /// Errors: as `mode` says; `ENOSPC` if the table is full, the prefix has 64 routes, or there are too
    /// many next hops; `ENOMEM`. Then nothing has changed. Context: may sleep; waits for a grace period
    /// if the settings say so or too much waits to be reclaimed.
    pub fn insert(&self, route: &Route, mode: Mode) -> Result {
        self.change(|tools, roots, contents| {
            let target = Target::published(roots, contents);
            insert_route(tools, target, &self.limits(), route, mode)
        })
    }

    /// Removes the route with that prefix and, if given, that metric and a next hop that `next_hop`
    /// names; of several, the one with the lowest metric.
    ///
    /// Errors: `ESRCH` if there is none; `ENOMEM`, and then nothing has changed. Context: as for
    /// [`Self::insert`].
    pub fn remove(
        &self,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result {
        self.change(|tools, roots, contents| {
            let target = Target::published(roots, contents);
            remove_route(tools, target, prefix, metric, next_hop)
        })
    }

    /// Makes one change of what is published.
    fn change(
        &self,
        make: impl FnOnce(&mut Tools<'_>, &Roots, &mut Contents) -> Result<super::update::Exchanged>,
    ) -> Result {
        let policy = Policy::of(self.settings);
        let mut updater = self.updater.lock();
        let Updater {
            exclusive,
            next_hops,
            runs,
            doomed,
            ledger,
            contents,
        } = &mut *updater;
        let roots = Roots::current(&self.tries.0, exclusive).ok_or(ENOENT)?;
        let mut tools = Tools {
            exclusive,
            hops: &self.next_hops,
            next_hops,
            runs,
            doomed,
        };
        let exchanged = make(&mut tools, roots, contents)?;
        exchanged.release_old(&mut tools);
        reclaim::settle(doomed, exclusive, policy, ledger);
        self.count_change();
        drop(updater);
        self.catch_up();
        Ok(())
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            max_routes: self.settings.max_routes(),
        }
    }

    /// Publishes other roots; returns what was published.
    pub(super) fn publish(
        &self,
        new: RcuBox<Roots>,
        exclusive: &mut Exclusive,
    ) -> Option<crate::rcu::Retired<Roots>> {
        let old = Roots::publish(&self.tries.0, new, exclusive);
        self.count_change();
        old
    }

    pub(super) fn published<'w>(&'w self, exclusive: &'w Exclusive) -> Option<&'w Roots> {
        Roots::current(&self.tries.0, exclusive)
    }

    fn count_change(&self) {
        // ORDERING: Counts changes; nothing is published through it.
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits if too much waits to be reclaimed, so that a long reader stops updaters before memory runs
    /// out. Not under the mutex.
    pub(super) fn catch_up(&self) {
        if reclaim::is_over(self.settings) {
            let handed_over = self.updater.lock().ledger.take();
            reclaim::catch_up(Policy::of(self.settings), handed_over);
        }
    }

    /// Ends tries that no reader can reach, and lets go of their next hops.
    pub(super) fn dismantle(
        &self,
        trees: impl IntoIterator<Item = Tree>,
        quarantine: Option<&dyn Quarantine>,
    ) {
        for tree in trees {
            dismantle_politely(tree, |node| {
                let mut updater = self.updater.lock();
                for entry in node.node().routes_from(0) {
                    updater.next_hops.release(&self.next_hops, entry.hop);
                }
                drop(updater);
                reclaim::end_of_tree(node, quarantine);
            });
        }
    }

    /// Removes all routes of one family, or of both. Readers see each family whole or empty.
    ///
    /// Errors: none; it needs no memory. Context: may sleep; waits for a grace period.
    pub fn flush(&self, family: Option<Family>) -> Result {
        let policy = Policy::of(self.settings);
        let mut trees = [None, None];
        let mut updater = self.updater.lock();
        let Updater {
            exclusive,
            contents,
            ..
        } = &mut *updater;
        if let Some(roots) = self.published(exclusive) {
            for flushed in Family::ALL {
                if family.is_some_and(|family| family != flushed) {
                    continue;
                }
                trees[flushed as usize] = Tree::at(roots.of(flushed), exclusive);
                roots.of(flushed).cut(exclusive);
                contents.forget(flushed);
            }
        }
        if trees.iter().flatten().next().is_none() {
            return Ok(());
        }
        self.count_change();
        drop(updater);
        reclaim::show_unlinked(trees.iter().flatten(), policy);
        reclaim::wait(policy.mode);
        self.dismantle(trees.into_iter().flatten(), policy.quarantine);
        Ok(())
    }

    /// Changes since the table was made; a transaction counts as one. Equal before and after a dump, it
    /// saw no change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The table's figures now.
    ///
    /// Context: may sleep.
    pub fn stats(&self) -> Stats {
        let mut updater = self.updater.lock();
        updater.ledger.poll();
        updater.next_hops.recycle(&self.next_hops);
        let Footprint { objects, bytes } = updater.contents.in_use();
        Stats {
            routes_inet: updater.contents.routes(Family::Inet),
            routes_inet6: updater.contents.routes(Family::Inet6),
            next_hops: updater.next_hops.len(),
            objects,
            bytes,
            next_hop_bytes: updater.next_hops.bytes(),
            copied_bytes: updater.contents.copied(),
            generation: self.generation(),
            ..Stats::of_reclaim()
        }
    }

    pub(super) fn published_to_readers<'g>(&'g self, guard: &'g Guard) -> Option<&'g Roots> {
        self.snapshot(guard).roots()
    }
}

/// The next hop behind a number, for an updater.
pub(super) fn next_hop_of(hops: &NextHops, number: u32) -> Option<NextHop> {
    hops.get(number, &read_lock())
}
