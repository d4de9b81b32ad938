// SPDX-License-Identifier: GPL-2.0

//! The table: two tries, the next hops, and the mutex that excludes updaters.

use super::{
    next_hops::{Interner, NextHops},
    node::{CopiedNodes, Exclusive, Lookup, Roots, Runs, Tree, Unlinked, UnlinkedNodes},
    prefix::{Family, Prefix},
    quarantine::Quarantine,
    reclaim::{self, KvfreeLedger, Policy},
    settings::Settings,
    stats::{Footprint, Stats},
    update::{Mode, Operation, Resources, Target, Totals},
    Guard, NextHop, Route,
};
use crate::{
    kernel_ext::sched,
    rcu::{Rcu, Retired, UniqueRcuBox},
};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::{new_mutex, prelude::*, sync::Mutex};

/// An IP route table for both families.
#[pin_data]
pub struct Table {
    pub(super) tries: Tries,
    pub(super) next_hops: NextHops,
    pub(super) lookup: Lookup,
    generation: AtomicU64,
    pub(super) settings: &'static Settings,
    #[pin]
    pub(super) state: Mutex<TableState>,
}

/// The state that only the updater with the mutex uses.
pub(super) struct TableState {
    pub(super) exclusive: Exclusive,
    interner: Interner,
    runs: KBox<Runs>,
    unlinked_nodes: UnlinkedNodes,
    ledger: KvfreeLedger,
    pub(super) totals: Totals,
}

impl TableState {
    /// Splits the state into the resources of a change and the totals that it updates.
    pub(super) fn split<'s>(&'s mut self, table: &'s Table) -> (Resources<'s>, &'s mut Totals) {
        let resources = Resources {
            exclusive: &self.exclusive,
            hops: &table.next_hops,
            interner: &mut self.interner,
            runs: &mut self.runs,
            unlinked_nodes: &mut self.unlinked_nodes,
            max_routes: table.settings.max_routes(),
        };
        (resources, &mut self.totals)
    }

    /// Frees unlinked nodes that were never published.
    pub(super) fn free_unlinked_nodes(&mut self) {
        self.unlinked_nodes.free(&mut self.exclusive);
    }

    /// Retires nodes that a transaction has replaced.
    ///
    /// Context: may sleep; waits for a grace period in some modes.
    pub(super) fn retire(&mut self, nodes: CopiedNodes, policy: Policy) {
        reclaim::retire(nodes, &mut self.exclusive, policy, &mut self.ledger);
    }
}

/// The settings of a table created by [`Table::new`].
static DEFAULT_SETTINGS: Settings = Settings::new();

/// Nodes freed, or changes applied, before the updater yields the CPU.
pub(super) const YIELD_INTERVAL: usize = 512;

/// The published tries. They are freed with the table.
pub(super) struct Tries(Rcu<Roots>);

impl Tries {
    #[inline]
    pub(super) fn for_readers<'g>(&'g self, guard: &'g Guard) -> Option<&'g Roots> {
        self.0.dereference(guard)
    }

    pub(super) fn for_updater<'w>(&'w self, exclusive: &'w Exclusive) -> Option<&'w Roots> {
        Roots::current(&self.0, exclusive)
    }
}

impl Drop for Tries {
    fn drop(&mut self) {
        let Some(roots) = self.0.take() else {
            return;
        };
        for tree in trees_of(&roots, &Exclusive::new()).into_iter().flatten() {
            dismantle_in_batches(tree, Unlinked::free);
        }
    }
}

/// Returns the tries of both families.
pub(super) fn trees_of(roots: &Roots, exclusive: &Exclusive) -> [Option<Tree>; 2] {
    Family::ALL.map(|family| Tree::at(roots.of(family), exclusive))
}

/// Calls `end` with each node of a trie and yields the CPU after each [`YIELD_INTERVAL`].
fn dismantle_in_batches(tree: Tree, mut end: impl FnMut(Unlinked)) {
    let mut ended = 0;
    tree.dismantle(|node| {
        end(node);
        ended += 1;
        if ended % YIELD_INTERVAL == 0 {
            sched::yield_now();
        }
    });
}

impl Table {
    /// Creates an empty table with default settings.
    pub fn new() -> impl PinInit<Self, Error> {
        Self::with_settings(&DEFAULT_SETTINGS)
    }

    /// Creates an empty table. Each update reads `settings` anew.
    pub fn with_settings(settings: &'static Settings) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            tries: Tries(Rcu::new(UniqueRcuBox::new(Roots::new(), GFP_KERNEL)?)),
            next_hops: NextHops::new()?,
            lookup: Lookup::new(),
            generation: AtomicU64::new(0),
            settings,
            state <- new_mutex!(TableState {
                exclusive: Exclusive::new(),
                interner: Interner::new(settings),
                runs: KBox::new(Runs::new(), GFP_KERNEL)?,
                unlinked_nodes: UnlinkedNodes::new(),
                ledger: KvfreeLedger::new(),
                totals: Totals::default(),
            }),
        })
    }

    /// Inserts a route under its prefix and metric.
    ///
    /// Errors: those of `mode`. `ENOSPC` if the table is full, the prefix has 64 routes, or the
    /// table has too many next hops. `ENOMEM`. An error changes nothing.
    /// Context: may sleep; waits for a grace period if the reclaim mode requires it or too much
    /// memory awaits reclaim.
    pub fn insert(&self, route: &Route, mode: Mode) -> Result {
        self.change(&Operation::Insert(*route, mode))
    }

    /// Removes the route of `prefix` with the given metric and a next hop that `next_hop` names. If
    /// several match, removes the one with the lowest metric.
    ///
    /// Errors: `ESRCH` if no route matches; `ENOMEM`. An error changes nothing.
    /// Context: as [`Self::insert`].
    pub fn remove(
        &self,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result {
        self.change(&Operation::Remove(*prefix, metric, next_hop.copied()))
    }

    fn change(&self, operation: &Operation) -> Result {
        let policy = Policy::of(self.settings);
        let mut state = self.state.lock();
        let (mut resources, totals) = state.split(self);
        let roots = self.tries.for_updater(resources.exclusive).ok_or(ENOENT)?;
        let hop_change = resources.apply(Target::new(roots, totals), operation)?;
        hop_change.commit(&mut resources);
        let TableState {
            exclusive,
            unlinked_nodes,
            ledger,
            ..
        } = &mut *state;
        reclaim::retire(unlinked_nodes, exclusive, policy, ledger);
        self.count_change();
        drop(state);
        self.wait_if_over_limit();
        Ok(())
    }

    /// Publishes new roots and returns the old ones.
    pub(super) fn publish(
        &self,
        new: UniqueRcuBox<Roots>,
        exclusive: &mut Exclusive,
    ) -> Option<Retired<Roots>> {
        let old = Roots::publish(&self.tries.0, new, exclusive);
        self.count_change();
        old
    }

    fn count_change(&self) {
        // ORDERING: A counter; nothing is published through it.
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for reclaim if more than `reclaim_max_kb` is retired, so that a long reader stops
    /// updaters before memory runs out.
    ///
    /// Context: may sleep; must be called without the mutex.
    pub(super) fn wait_if_over_limit(&self) {
        if reclaim::is_over_limit(self.settings) {
            let kvfreed = self.state.lock().ledger.drain();
            reclaim::wait_for_reclaim(Policy::of(self.settings), kvfreed);
        }
    }

    /// Reclaims tries that no reader can reach, and releases their next hops.
    pub(super) fn dismantle(
        &self,
        trees: impl IntoIterator<Item = Tree>,
        quarantine: Option<&dyn Quarantine>,
    ) {
        for tree in trees {
            dismantle_in_batches(tree, |node| {
                let mut state = self.state.lock();
                for entry in node.node().routes_from(0) {
                    state.interner.release(&self.next_hops, entry.hop);
                }
                drop(state);
                reclaim::reclaim_tree_node(node, quarantine);
            });
        }
    }

    /// Removes all routes of one family, or of both. Readers see each family whole or empty.
    ///
    /// Errors: none; a flush allocates nothing.
    /// Context: may sleep; waits for a grace period.
    pub fn flush(&self, family: Option<Family>) -> Result {
        let policy = Policy::of(self.settings);
        let mut trees = [None, None];
        let mut state = self.state.lock();
        let TableState {
            exclusive, totals, ..
        } = &mut *state;
        if let Some(roots) = self.tries.for_updater(exclusive) {
            for flushed in Family::selected(family) {
                trees[flushed as usize] = Tree::at(roots.of(flushed), exclusive);
                roots.of(flushed).cut(exclusive);
                totals.clear(flushed);
            }
        }
        if trees.iter().flatten().next().is_none() {
            return Ok(());
        }
        self.count_change();
        drop(state);
        reclaim::report_unlinked(trees.iter().flatten(), policy);
        reclaim::wait(policy.mode);
        self.dismantle(trees.into_iter().flatten(), policy.quarantine);
        Ok(())
    }

    /// Returns the number of changes since the table was created. A transaction counts as one
    /// change. Readers can see a change shortly before it is counted. Two equal numbers prove that
    /// nothing changed only if they come from [`Self::stats`], which excludes updaters.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Returns the table's statistics.
    ///
    /// Context: may sleep.
    pub fn stats(&self) -> Stats {
        let mut state = self.state.lock();
        state.ledger.poll();
        state.interner.recycle(&self.next_hops);
        let Footprint { objects, bytes } = state.totals.in_use();
        Stats {
            routes_inet: state.totals.routes(Family::Inet),
            routes_inet6: state.totals.routes(Family::Inet6),
            next_hops: state.interner.len(),
            objects,
            bytes,
            next_hop_bytes: state.interner.bytes(),
            copied_bytes: state.totals.copied(),
            generation: self.generation(),
            ..Stats::of_reclaim()
        }
    }
}
