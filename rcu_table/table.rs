// SPDX-License-Identifier: GPL-2.0

//! The table: the FIB for readers, and the mutex that excludes updaters.

use super::{
    answers::Answers,
    fib::{
        Blueprint, ChangeCount, Editor, Growth, Level, Lookup, Owner, Records, RootsBox,
        RootsPointer, MAX_UNLINKED,
    },
    hop_objects::HopObjects,
    monitor::{Change, Monitor},
    prefix::{Family, Prefix},
    quarantine::Quarantine,
    reclaim::{self, Policy, Reclaim},
    settings::Settings,
    stats::{Footprint, Stats},
    update::{Mode, Operation, Resources},
    NextHop, Route,
};
use crate::{
    kernel_ext::{mutex::lock_killable, sched},
    rcu,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Mutex, MutexGuard},
};

/// An IP route table for both families.
///
/// # What readers see
///
/// For one address, a lookup returns the route before or after each single change, never a part of
/// it. A reader that has seen a change of an address never gets an older route for it. The
/// exception is a [`Snapshot`](super::Snapshot) from before a transaction, flush or reload.
///
/// A change of a prefix of up to 16 bits reaches one address after the other. While it runs, a
/// reader can get the new route for one address, and then the old route for another.
///
/// A lookup reads the table from short prefixes to long ones. If an updater adds a covering route
/// and then deletes the more specific one during one lookup, that lookup can see the second change
/// alone. A [`Transaction`](super::Transaction) publishes both at once.
///
/// All lookups in one [`Snapshot`](super::Snapshot) see a transaction or a reload whole or not at
/// all. An operation that fails changes nothing.
#[pin_data]
pub struct Table {
    pub(super) roots: RootsPointer,
    pub(super) records: Records,
    pub(super) objects: HopObjects,
    pub(super) lookup: Lookup,
    generation: ChangeCount,
    pub(super) settings: &'static Settings,
    pub(super) account: kernel::sync::Arc<super::fib::Account>,
    #[pin]
    pub(super) monitor: Monitor,
    #[pin]
    pub(super) state: Mutex<TableState>,
}

/// The state that only the updater with the mutex uses.
pub(super) struct TableState {
    /// The numbers of routes of both families.
    pub(super) routes: [usize; 2],
    pub(super) answers: Answers,
    pub(super) reclaim: Reclaim,
    pub(super) totals: Totals,
    pub(super) blueprint: Blueprint,
    /// The number of replaces by an equal route.
    pub(super) unchanged: u64,
    /// Roots for a flush, which must not run out of memory.
    spare_roots: Option<RootsBox>,
}

/// A change of one route that had an effect.
struct Effect {
    /// The change to report; none if nothing watches the table.
    reported: Option<Change>,
}

/// The memory of the FIB.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    in_use: [Footprint; 2],
    /// Bytes of all pages and nodes that changes have built.
    copied: u64,
}

impl Totals {
    /// Adds the memory of a change.
    pub(super) fn add(&mut self, family: Family, growth: &Growth) {
        let in_use = &mut self.in_use[family as usize];
        in_use.add(growth.added);
        in_use.sub(growth.removed);
        self.copied += growth.added.bytes as u64;
    }

    /// Resets the totals of a family that was flushed.
    pub(super) fn clear(&mut self, family: Family) {
        self.in_use[family as usize] = Footprint::NONE;
    }

    /// Replaces the totals after a reload. The copied bytes of both add up.
    pub(super) fn replace(&mut self, new: Totals) {
        *self = Self {
            copied: self.copied + new.copied,
            ..new
        };
    }
}

impl TableState {
    /// Returns the parts of the table that a change of answers uses.
    pub(super) fn resources<'s>(&'s mut self, table: &'s Table) -> Resources<'s> {
        Resources {
            records: &table.records,
            answers: &mut self.answers,
            retirees: &mut self.reclaim.retirees,
            max_routes: table.settings.max_routes(),
        }
    }

    /// Changes one route in place. Returns `None` if the table had an equal route.
    ///
    /// Errors: those of the operation; nothing has changed then.
    fn change(
        &mut self,
        table: &Table,
        family: Family,
        operation: &Operation,
    ) -> Result<Option<Effect>> {
        self.answers.objects.recycle(&table.objects);
        if !table.monitor.is_watched() {
            self.answers.objects.stop_keeping(YIELD_INTERVAL / 2);
        }
        self.reclaim.reserve(MAX_UNLINKED)?;
        let mut growth = Growth::default();
        let mut editor = Editor {
            root: table.roots.root(family),
            family,
            owner: Owner::Published,
            blueprint: &mut self.blueprint,
            unlinked: &mut self.reclaim.unlinked,
            growth: &mut growth,
        };
        let mut resources = Resources {
            records: &table.records,
            answers: &mut self.answers,
            retirees: &mut self.reclaim.retirees,
            max_routes: table.settings.max_routes(),
        };
        let change = resources.apply(&mut editor, self.routes, operation)?;
        let reported = match table.monitor.is_watched() {
            true => change.describe(&table.records, operation),
            false => None,
        };
        if let Some(reported) = &reported {
            resources.answers.objects.keep(reported);
        }
        resources.commit(change);
        change.count(&mut self.routes[family as usize]);
        self.totals.add(family, &growth);
        self.unchanged += u64::from(change.is_none());
        Ok((!change.is_none()).then_some(Effect { reported }))
    }

    /// Takes roots without routes: the spare ones, or new ones.
    fn take_roots(&mut self) -> Result<RootsBox> {
        match self.spare_roots.take() {
            Some(roots) => Ok(roots),
            None => RootsBox::new(),
        }
    }
}

/// The settings of a table created by [`Table::new`].
static DEFAULT_SETTINGS: Settings = Settings::new();

/// The number of levels, changes or objects before the updater yields the CPU. With 100,000 next
/// hops, 128 changes took up to 1.03 ms, more than the target of 1 ms.
const YIELD_INTERVAL: usize = 64;

/// The number of routes of dismantled levels before the updater yields the CPU. One level has up to
/// 32,640, and for each the updater reads the record of an answer and its place in the hash table.
const YIELD_ROUTES: usize = 1024;

/// Yields the CPU after each [`YIELD_INTERVAL`] steps. Returns whether it did.
///
/// Context: may sleep.
pub(super) fn yield_after(step: usize) -> bool {
    let is_due = step % YIELD_INTERVAL == YIELD_INTERVAL - 1;
    if is_due {
        sched::yield_now();
    }
    is_due
}

impl Table {
    /// Creates an empty table with default settings.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new() -> impl PinInit<Self, Error> {
        Self::with_settings(&DEFAULT_SETTINGS)
    }

    /// Creates an empty table. Each update reads `settings` anew.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn with_settings(settings: &'static Settings) -> impl PinInit<Self, Error> {
        let reclaim = Reclaim::new(settings);
        let account = reclaim
            .as_ref()
            .map(|reclaim| reclaim.retirees.account.clone());
        let account = account.map_err(|error| *error);
        let answers = account.clone();
        try_pin_init!(Self {
            roots: RootsPointer::new(RootsBox::new()?),
            records: Records::new(),
            objects: HopObjects::new(),
            lookup: Lookup::new(),
            generation: ChangeCount::new(),
            settings,
            account: account?,
            monitor <- Monitor::new(),
            state <- new_mutex!(TableState {
                routes: [0; 2],
                answers: Answers::new(settings, answers?),
                reclaim: reclaim?,
                totals: Totals::default(),
                blueprint: Blueprint::new()?,
                unchanged: 0,
                spare_roots: Some(RootsBox::new()?),
            }),
        })
    }

    /// Inserts a route under its prefix and metric.
    ///
    /// Errors: those of `mode`. `ENOSPC` if the table is full, the prefix has 64 routes, or the
    /// table has too many next hops. `EINVAL` if the next hop is an object that does not exist.
    /// `ENOMEM`. `EINTR` if a fatal signal ends the wait for the updaters' mutex. An error changes
    /// nothing.
    /// Context: may sleep; waits for a grace period if the reclaim mode requires it or too much
    /// memory awaits reclaim.
    pub fn insert(&self, route: &Route, mode: Mode) -> Result {
        self.change(route.prefix.family(), &Operation::Insert(*route, mode))
    }

    /// Removes the route of `prefix` with the given metric and a next hop that `next_hop` names. If
    /// several match, removes the one with the lowest metric.
    ///
    /// Errors: `ESRCH` if no route matches; `ENOMEM`; `EINTR`. An error changes nothing.
    /// Context: as [`Self::insert`].
    pub fn remove(
        &self,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result {
        let operation = Operation::Remove(*prefix, metric, next_hop.copied());
        self.change(prefix.family(), &operation)
    }

    /// Waits for the updaters' mutex. A caller that must release memory or numbers uses
    /// `self.state.lock()` instead, because a fatal signal must not make it leak them.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait. Context: may sleep.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, TableState>> {
        lock_killable(&self.state)
    }

    fn change(&self, family: Family, operation: &Operation) -> Result {
        let policy = Policy::of(self.settings);
        let mut state = self.lock()?;
        if let Some(effect) = state.change(self, family, operation)? {
            // Counted before it is retired: readers see the change already, and retirement can wait
            // for a grace period.
            self.count_change(effect.reported.into_iter());
        }
        state.reclaim.retire(policy);
        drop(state);
        self.wait_if_over_limit();
        Ok(())
    }

    /// Counts a change that the caller has published and not begun to retire. Reports its parts if
    /// the table is watched. The caller holds the updaters' mutex, so no other change is counted
    /// meanwhile.
    pub(super) fn count_change(&self, parts: impl Iterator<Item = Change>) {
        self.generation.count();
        if self.monitor.is_watched() {
            self.monitor.report(self.generation(), parts);
        }
    }

    /// Returns the part of the table that reports changes to followers.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Returns the number of bytes that await reclaim.
    ///
    /// Context: any.
    pub fn retired_bytes(&self) -> usize {
        self.account.waiting().bytes
    }

    /// Waits for reclaim if more than `reclaim_max_kb` is retired, so that a long reader stops
    /// updaters before memory or numbers run out.
    ///
    /// Context: may sleep; must be called without the mutex.
    pub(super) fn wait_if_over_limit(&self) {
        if self.retired_bytes() <= self.settings.reclaim_max_kb() as usize * 1024 {
            return;
        }
        let mut state = self.state.lock();
        let kvfreed = state.reclaim.drain();
        let numbers = state.answers.drain();
        let deletions = state.answers.objects.deletions();
        drop(state);
        reclaim::wait_for_all(Policy::of(self.settings));
        self.account.reclaimed(kvfreed);
        let mut state = self.state.lock();
        state.answers.refill(numbers);
        let objects = &mut state.answers.objects;
        let await_callbacks = objects.recycle_until(&self.objects, deletions);
        drop(state);
        if await_callbacks {
            rcu::barrier();
        }
    }

    /// Waits until the slots of all objects deleted so far can be used again. It releases the mutex
    /// meanwhile, so that a long reader blocks only this caller.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex.
    /// Context: may sleep; waits for a grace period.
    pub(super) fn wait_for_slots<'s>(
        &'s self,
        state: MutexGuard<'s, TableState>,
    ) -> Result<MutexGuard<'s, TableState>> {
        let deletions = state.answers.objects.deletions();
        drop(state);
        reclaim::wait(Policy::of(self.settings).mode);
        let mut state = self.lock()?;
        let objects = &mut state.answers.objects;
        objects.recycle_until(&self.objects, deletions);
        Ok(state)
    }

    /// Reclaims all routes below a root that no reader can reach, and releases their answers.
    pub(super) fn dismantle(&self, root: Level<'_>, quarantine: Option<&dyn Quarantine>) {
        let (mut state, mut levels, mut routes) = (Some(self.state.lock()), 0, 0);
        root.each_level(&mut |level| {
            levels += 1;
            if levels % YIELD_INTERVAL == 0 {
                drop(state.take());
                sched::yield_now();
            }
            let state = state.get_or_insert_with(|| self.state.lock());
            let TableState {
                answers, reclaim, ..
            } = &mut **state;
            level.each_route(|number| {
                routes += 1;
                if routes % YIELD_ROUTES == 0 {
                    sched::yield_now();
                }
                answers.release(&self.records, number);
            });
            reclaim.end_unlinked(level.object(), quarantine);
        });
        let mut state = state.unwrap_or_else(|| self.state.lock());
        state.reclaim.retirees.close();
    }

    /// Reclaims roots that no reader can reach, or keeps them for a flush.
    fn end_roots(&self, roots: RootsBox) {
        for family in Family::ALL {
            roots.clear(family);
        }
        self.state.lock().spare_roots = Some(roots);
    }

    /// Removes all routes of one family, or of both. Readers see each family whole or empty.
    ///
    /// Errors: `EINTR`; `ENOMEM` if several threads flush at once without memory.
    /// Context: may sleep; waits for a grace period.
    pub fn flush(&self, family: Option<Family>) -> Result {
        let policy = Policy::of(self.settings);
        let mut state = self.lock()?;
        let is_empty = |family: Family| state.routes[family as usize] == 0;
        if Family::selected(family).all(is_empty) {
            return Ok(());
        }
        let routes = state.routes;
        let roots = state.take_roots()?;
        let mut flushed = [true; 2];
        roots.copy(self.roots.for_updater());
        for other in Family::ALL {
            if Family::selected(family).all(|selected| selected != other) {
                roots.take_hidden(self.roots.for_updater(), other);
                flushed[other as usize] = false;
                continue;
            }
            roots.clear(other);
            state.routes[other as usize] = 0;
            state.totals.clear(other);
        }
        let old = self.roots.replace(roots);
        let removed = Family::selected(family).filter(|family| routes[*family as usize] > 0);
        self.count_change(removed.map(Change::Flushed));
        drop(state);
        self.end_unlinked(old, flushed, policy);
        Ok(())
    }

    /// Waits for a grace period, and reclaims roots with everything below those of flushed
    /// families.
    ///
    /// Context: may sleep.
    pub(super) fn end_unlinked(&self, roots: RootsBox, flushed: [bool; 2], policy: Policy) {
        let families = Family::ALL.into_iter();
        let flushed = families.filter(|family| flushed[*family as usize]);
        let root = |family: Family| roots.root(family).level(family);
        if policy.quarantine.is_some() {
            flushed.clone().map(root).for_each(|root| {
                root.each_level(&mut |level| policy.report_unlinked(&level.object()));
            });
        }
        reclaim::wait(policy.mode);
        flushed
            .map(root)
            .for_each(|root| self.dismantle(root, policy.quarantine));
        self.end_roots(roots);
    }

    /// Returns the number of changes since the table was created. A transaction, a flush of routes
    /// and a reload count as one change each; a change that fails does not count.
    ///
    /// A lookup in a later snapshot sees each change that the number counts. It can also see a
    /// change that the number does not count yet, because an updater publishes before it counts. So
    /// two equal numbers prove that nothing changed only if they come from [`Self::stats`], which
    /// excludes updaters.
    ///
    /// Context: any.
    pub fn generation(&self) -> u64 {
        self.generation.load()
    }

    /// Returns the table's statistics.
    ///
    /// Errors: `EINTR` if a fatal signal ends the wait for the updaters' mutex. Context: may sleep.
    pub fn stats(&self) -> Result<Stats> {
        let mut state = self.lock()?;
        let TableState {
            answers, reclaim, ..
        } = &mut *state;
        answers.recycle(&self.records, &mut reclaim.retirees);
        if !self.monitor.is_watched() {
            answers.objects.stop_keeping(usize::MAX);
        }
        answers.objects.recycle(&self.objects);
        reclaim.poll();
        reclaim.retirees.close();
        reclaim.retirees.trim(false);
        let mut in_use = Footprint::NONE;
        for family in Family::ALL {
            in_use.add(state.totals.in_use[family as usize]);
            if state.routes[family as usize] > 0 {
                in_use.add(RootsBox::FAMILY);
            }
        }
        Ok(Stats {
            routes_inet: state.routes[Family::Inet as usize],
            routes_inet6: state.routes[Family::Inet6 as usize],
            next_hops: state.answers.len(),
            objects: in_use.objects,
            bytes: in_use.bytes,
            next_hop_bytes: state.answers.bytes(&self.records),
            copied_bytes: state.totals.copied,
            generation: self.generation(),
            unchanged: state.unchanged,
            nexthop_objects: state.answers.objects.len(),
            ..Stats::of_reclaim(self.account.waiting())
        })
    }
}
