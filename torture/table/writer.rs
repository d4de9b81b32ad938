// SPDX-License-Identifier: GPL-2.0

//! The writer whose changes are checked.

use super::{
    finding::Finding,
    pending::Pending,
    step::Step,
    universe::{Universe, GROUPS},
    versions::is_present,
    Bug, Random, TableTorture, SETTINGS,
};
use crate::rcu_table::{Failure, Family, Mode, Operation, ReclaimMode, Reload, Transaction};
use core::slice;
use kernel::{prelude::*, sync::Arc};

/// Why a step was not made.
pub(super) enum Trouble {
    NoMemory,
    Wrong(Finding),
}

impl Trouble {
    /// An error of which `wrong` makes a finding if it is not for want of memory.
    pub(super) fn of(error: Error, wrong: impl FnOnce(Error) -> Finding) -> Self {
        if error == ENOMEM {
            Self::NoMemory
        } else {
            Self::Wrong(wrong(error))
        }
    }

    fn of_transaction(Failure { index, error }: Failure) -> Self {
        Self::of(error, |error| Finding::TransactionFailed { index, error })
    }

    fn of_reload(error: Error) -> Self {
        Self::of(error, |error| Finding::ReloadFailed { error })
    }
}

impl From<Error> for Trouble {
    /// For what fails for want of memory only.
    fn from(_: Error) -> Self {
        Self::NoMemory
    }
}

/// What becomes of a step.
pub(super) fn outcome(done: Result<Step, Trouble>) -> Result<Step, Finding> {
    match done {
        Ok(step) => Ok(step),
        Err(Trouble::NoMemory) => Ok(Step::NoMemory),
        Err(Trouble::Wrong(finding)) => Err(finding),
    }
}

/// The ways to reclaim, those more often that do not wait for a grace period at each change.
const MODES: [ReclaimMode; 8] = [
    ReclaimMode::Synchronize,
    ReclaimMode::Expedited,
    ReclaimMode::Kvfree,
    ReclaimMode::Kvfree,
    ReclaimMode::Call,
    ReclaimMode::Call,
    ReclaimMode::Call,
    ReclaimMode::Call,
];

/// KiB that may wait to be reclaimed; 0 has each change wait.
const LIMITS: [u32; 8] = [0, 16, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 64 << 10];

/// Changes the prefixes that are checked. There is one.
pub(crate) struct Writer {
    torture: Arc<TableTorture>,
    pending: Pending,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.torture.release_writer();
    }
}

impl Writer {
    /// Errors: `EBUSY` if there is one; `ENOMEM`. Context: may sleep.
    pub(crate) fn new(torture: Arc<TableTorture>) -> Result<Self> {
        let pending = Pending::new(&torture.universe, &torture.versions)?;
        if !torture.claim_writer() {
            return Err(EBUSY);
        }
        Ok(Self { torture, pending })
    }

    /// One step, at random.
    ///
    /// Context: may sleep; waits for a grace period in some steps and modes.
    pub(crate) fn step(&mut self, random: &mut Random<'_>) -> Result<Step, Finding> {
        if each_change_waits() && random(8) == 0 {
            switch_limit(random);
            return Ok(switch_mode(random));
        }
        let done = match random(512) {
            choice if self.torture.bug.wants_speed() => match choice % 8 {
                0 => self.transaction(random),
                _ => self.single(random),
            },
            0..=15 => Ok(switch_mode(random)),
            16..=19 => Ok(switch_limit(random)),
            20..=51 => self.transaction(random),
            52..=67 => self.refused(random),
            68..=71 => self.abandoned(random),
            72..=75 => self.reload(random),
            76..=79 => self.flush(random),
            _ => self.single(random),
        };
        outcome(done)
    }

    /// Makes changes with the versions announced, and publishes these. The changes of no step are made in
    /// part.
    fn checked(
        &mut self,
        make: impl FnOnce(&TableTorture, &Pending) -> Result<Step, Trouble>,
    ) -> Result<Step, Trouble> {
        let torture = &*self.torture;
        let is_late = torture.bug == Bug::LateAnnouncement;
        if !is_late {
            self.pending.announce(&torture.versions);
        }
        let done = make(torture, &self.pending);
        if is_late {
            self.pending.announce(&torture.versions);
        }
        match done {
            Ok(_) => self.pending.publish(&torture.versions),
            Err(_) => self.pending.retract(&torture.versions),
        }
        done
    }

    /// Makes changes that come to nothing, with versions that are not announced.
    fn unchecked(
        &mut self,
        make: impl FnOnce(&TableTorture, &Pending) -> Result<Step, Trouble>,
    ) -> Result<Step, Trouble> {
        let torture = &*self.torture;
        let done = make(torture, &self.pending);
        self.pending.retract(&torture.versions);
        done
    }

    fn add_single(&mut self, random: &mut Random<'_>) {
        let universe = &self.torture.universe;
        let singles = universe.singles();
        if let Some(&site) = singles.get(random(singles.len() as u32) as usize) {
            self.pending.add(universe.clock(site));
        }
    }

    /// Some single ones, and a group.
    fn add_several(&mut self, random: &mut Random<'_>) {
        self.pending.add(random(GROUPS as u32) as usize);
        for _ in 0..random(4) {
            self.add_single(random);
        }
    }

    fn single(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        self.add_single(random);
        self.checked(|torture, pending| {
            let mut step = Step::NoMemory;
            torture.each_change(pending, |operation| {
                step = match operation {
                    Operation::Insert(_, Mode::Add) => Step::Add,
                    Operation::Insert(..) => Step::Change,
                    _ => Step::Delete,
                };
                match torture.bug {
                    Bug::LostChange => Ok(()),
                    _ => torture.make(operation),
                }
            })?;
            Ok(step)
        })
    }

    fn transaction(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        self.add_several(random);
        self.checked(|torture, pending| {
            if torture.bug == Bug::TornTransaction {
                torture.each_change(pending, |operation| torture.make(operation))?;
                return Ok(Step::Transaction);
            }
            let transaction = torture.transaction(pending)?;
            let committed = transaction.commit(&torture.table);
            committed.map_err(Trouble::of_transaction)?;
            Ok(Step::Transaction)
        })
    }

    /// A transaction that cannot be made.
    fn refused(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        self.add_several(random);
        let kind = random(3);
        self.unchecked(|torture, pending| {
            let mut transaction = torture.transaction(pending)?;
            let (operation, error) = torture.impossible(kind)?;
            transaction.push(operation)?;
            let index = transaction.len() - 1;
            match transaction.commit(&torture.table) {
                Err(failure) if failure == (Failure { index, error }) => Ok(Step::Refused),
                Err(failure) => Err(Trouble::of_transaction(failure)),
                Ok(()) => Err(Trouble::Wrong(Finding::NotRefused)),
            }
        })
    }

    /// A reload of which nothing becomes.
    fn abandoned(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        self.add_several(random);
        self.unchecked(|torture, pending| {
            drop(torture.reload(pending)?);
            Ok(Step::Abandoned)
        })
    }

    /// A whole new table, in which about half is new.
    fn reload(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        for clock in 0..self.torture.universe.clocks() {
            if random(2) == 0 && self.torture.universe.may_change(clock) {
                self.pending.add(clock);
            }
        }
        self.checked(|torture, pending| {
            let reload = torture.reload(pending)?;
            reload.commit().map_err(Trouble::of_reload)?;
            Ok(Step::Reload)
        })
    }

    /// Removes the routes of a family, or of both, and puts back those that should be there, at once. What
    /// changes by itself changes.
    fn flush(&mut self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        let family = match random(3) {
            0 => Some(Family::Inet),
            1 => Some(Family::Inet6),
            _ => None,
        };
        for &site in self.torture.universe.singles() {
            if self.torture.universe.is_flushed(site, family) {
                self.pending.add(self.torture.universe.clock(site));
            }
        }
        self.checked(|torture, pending| {
            let universe = &torture.universe;
            let mut transaction = Transaction::new();
            transaction.push(Operation::Flush(family))?;
            for site in 0..universe.len() {
                if universe.is_flushed(site, family) {
                    if let Some(operation) = put_back(universe, pending, site) {
                        transaction.push(operation)?;
                    }
                }
            }
            let committed = transaction.commit(&torture.table);
            committed.map_err(Trouble::of_transaction)?;
            Ok(Step::Flush)
        })
    }
}

/// Of a table without the route, the change to what it should be.
fn put_back(universe: &Universe, pending: &Pending, site: usize) -> Option<Operation> {
    let version = pending.next(universe.clock(site));
    is_present(version).then(|| Operation::Insert(universe.route(site, version), Mode::Add))
}

/// Whether each change waits for a grace period. That is left soon, so that there is time for others.
fn each_change_waits() -> bool {
    let waits = [ReclaimMode::Synchronize, ReclaimMode::Expedited];
    waits.contains(&SETTINGS.reclaim()) || SETTINGS.reclaim_max_kb() == 0
}

fn switch_mode(random: &mut Random<'_>) -> Step {
    if let Some(&mode) = MODES.get(random(MODES.len() as u32) as usize) {
        SETTINGS.set_reclaim(mode);
    }
    Step::SwitchMode
}

fn switch_limit(random: &mut Random<'_>) -> Step {
    if let Some(&kb) = LIMITS.get(random(LIMITS.len() as u32) as usize) {
        SETTINGS.set_reclaim_max_kb(kb);
    }
    Step::SwitchLimit
}

impl TableTorture {
    /// The change from a site's version to the next.
    fn operation(&self, site: usize, from: u32, to: u32) -> Operation {
        let route = self.universe.route(site, to);
        match (is_present(from), is_present(to)) {
            (false, _) => Operation::Insert(route, Mode::Add),
            (true, true) => Operation::Insert(route, Mode::Change),
            (true, false) => Operation::Remove(route.prefix, Some(0), None),
        }
    }

    /// Calls `visit` with each change that is pending.
    fn each_change(
        &self,
        pending: &Pending,
        mut visit: impl FnMut(Operation) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        for &clock in pending.clocks() {
            let (from, to) = (self.versions.published(clock), pending.next(clock));
            for site in self.universe.sites_of(clock) {
                visit(self.operation(site, from, to))?;
            }
        }
        Ok(())
    }

    /// Makes one change that must not fail.
    fn make(&self, operation: Operation) -> Result<(), Trouble> {
        let prefix = match &operation {
            Operation::Insert(route, _) => route.prefix,
            Operation::Remove(prefix, ..) => *prefix,
            Operation::Flush(_) => return Err(EINVAL.into()),
        };
        let done = self.table.apply(slice::from_ref(&operation));
        done.map_err(|Failure { error, .. }| {
            Trouble::of(error, |error| Finding::ChangeFailed { prefix, error })
        })
    }

    /// All that is pending.
    fn transaction(&self, pending: &Pending) -> Result<Transaction, Trouble> {
        let mut transaction = Transaction::new();
        self.each_change(pending, |operation| Ok(transaction.push(operation)?))?;
        Ok(transaction)
    }

    /// A whole new table with all that is pending.
    fn reload(&self, pending: &Pending) -> Result<Reload, Trouble> {
        let mut reload = Reload::new(self.table.clone())?;
        for site in 0..self.universe.len() {
            if let Some(operation) = put_back(&self.universe, pending, site) {
                reload.apply(&operation).map_err(Trouble::of_reload)?;
            }
        }
        Ok(reload)
    }

    /// A change that fails, and how.
    fn impossible(&self, kind: u32) -> Result<(Operation, Error), Trouble> {
        let cover = self.universe.covers().next().ok_or(EINVAL)?;
        let route = self.universe.route(cover, 0);
        // The metric of no route.
        let other = crate::rcu_table::Route { metric: 7, ..route };
        Ok(match kind {
            0 => (Operation::Insert(route, Mode::Add), EEXIST),
            1 => (Operation::Insert(other, Mode::Change), ENOENT),
            _ => (Operation::Remove(route.prefix, Some(7), None), ESRCH),
        })
    }
}
