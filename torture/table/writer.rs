// SPDX-License-Identifier: GPL-2.0

//! The writer whose changes readers check.

use super::{
    finding::Finding,
    pending::Pending,
    step::Step,
    universe::{Universe, GROUPS},
    versions::is_present,
    Bug, Random, TableTorture, SETTINGS,
};
use crate::rcu_table::{Failure, Family, Mode, Operation, ReclaimMode, Reload, Route, Transaction};
use core::slice;
use kernel::{prelude::*, sync::Arc};

/// The reason why a step failed.
pub(super) enum StepError {
    /// An allocation failed.
    NoMemory,
    /// The table is wrong.
    Wrong(Finding),
}

impl StepError {
    /// Returns `NoMemory` for `ENOMEM`, and the finding of any other error.
    pub(super) fn new(error: Error, finding: impl FnOnce(Error) -> Finding) -> Self {
        if error == ENOMEM {
            Self::NoMemory
        } else {
            Self::Wrong(finding(error))
        }
    }

    fn from_transaction(Failure { index, error }: Failure) -> Self {
        Self::new(error, |error| Finding::TransactionFailed { index, error })
    }

    fn from_reload(error: Error) -> Self {
        Self::new(error, |error| Finding::ReloadFailed { error })
    }
}

impl From<Error> for StepError {
    /// Converts the error of an operation that can only fail with `ENOMEM`.
    fn from(_: Error) -> Self {
        Self::NoMemory
    }
}

/// Returns a step that failed to allocate as [`Step::NoMemory`].
pub(super) fn step_result(result: Result<Step, StepError>) -> Result<Step, Finding> {
    match result {
        Ok(step) => Ok(step),
        Err(StepError::NoMemory) => Ok(Step::NoMemory),
        Err(StepError::Wrong(finding)) => Err(finding),
    }
}

/// The methods of reclaim. Those that do not wait for a grace period at each change are more
/// frequent.
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

/// Limits of memory that may wait to be reclaimed, in KiB. With 0 each change waits for a grace
/// period.
const LIMITS: [u32; 8] = [0, 16, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 64 << 10];

/// The writer of all prefixes that are checked. At most one exists.
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
    /// Errors: `EBUSY` if there already is a writer; `ENOMEM`. Context: may sleep.
    pub(crate) fn new(torture: Arc<TableTorture>) -> Result<Self> {
        let pending = Pending::new(&torture.universe, &torture.versions)?;
        if !torture.claim_writer() {
            return Err(EBUSY);
        }
        Ok(Self { torture, pending })
    }

    /// Makes a random step.
    ///
    /// Context: may sleep; waits for a grace period in some steps and modes.
    pub(crate) fn step(&mut self, random: &mut Random<'_>) -> Result<Step, Finding> {
        if each_change_waits() && random(8) == 0 {
            switch_limit(random);
            return Ok(switch_mode(random));
        }
        let result = match random(512) {
            choice if self.torture.bug.needs_fast_changes() => match choice % 8 {
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
        step_result(result)
    }

    /// Announces the pending versions, calls `apply`, and publishes the versions. `apply` must make
    /// all changes of the step or none.
    fn apply_announced(
        &mut self,
        apply: impl FnOnce(&TableTorture, &Pending) -> Result<Step, StepError>,
    ) -> Result<Step, StepError> {
        let torture = &*self.torture;
        let is_late = torture.bug == Bug::LateAnnouncement;
        if !is_late {
            self.pending.announce(&torture.versions);
        }
        let result = apply(torture, &self.pending);
        if is_late {
            self.pending.announce(&torture.versions);
        }
        match result {
            Ok(_) => self.pending.publish(&torture.versions),
            Err(_) => self.pending.retract(&torture.versions),
        }
        result
    }

    /// Calls `apply`, which must not change the table, without announcing the pending versions.
    fn apply_unannounced(
        &mut self,
        apply: impl FnOnce(&TableTorture, &Pending) -> Result<Step, StepError>,
    ) -> Result<Step, StepError> {
        let torture = &*self.torture;
        let result = apply(torture, &self.pending);
        self.pending.retract(&torture.versions);
        result
    }

    fn add_single(&mut self, random: &mut Random<'_>) {
        let universe = &self.torture.universe;
        let singles = universe.singles();
        if let Some(&site) = singles.get(random(singles.len() as u32) as usize) {
            self.pending.add(universe.clock(site));
        }
    }

    /// Adds changes of one group and of up to three single sites.
    fn add_several(&mut self, random: &mut Random<'_>) {
        self.pending.add(random(GROUPS as u32) as usize);
        for _ in 0..random(4) {
            self.add_single(random);
        }
    }

    fn single(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
        self.add_single(random);
        self.apply_announced(|torture, pending| {
            let mut step = Step::NoMemory;
            torture.for_each_change(pending, |operation| {
                step = match operation {
                    Operation::Insert(_, Mode::Add) => Step::Add,
                    Operation::Insert(..) => Step::Change,
                    _ => Step::Delete,
                };
                match torture.bug {
                    Bug::LostChange => Ok(()),
                    _ => torture.apply(operation),
                }
            })?;
            Ok(step)
        })
    }

    fn transaction(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
        self.add_several(random);
        self.apply_announced(|torture, pending| {
            if torture.bug == Bug::TornTransaction {
                torture.for_each_change(pending, |operation| torture.apply(operation))?;
                return Ok(Step::Transaction);
            }
            let transaction = torture.transaction(pending)?;
            let committed = transaction.commit(&torture.table);
            committed.map_err(StepError::from_transaction)?;
            Ok(Step::Transaction)
        })
    }

    /// Commits a transaction whose last operation is invalid.
    fn refused(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
        self.add_several(random);
        let kind = random(3);
        self.apply_unannounced(|torture, pending| {
            let mut transaction = torture.transaction(pending)?;
            let (operation, error) = torture.invalid_operation(kind)?;
            transaction.push(operation)?;
            let index = transaction.len() - 1;
            match transaction.commit(&torture.table) {
                Err(failure) if failure == Failure::of_operation(index, error) => Ok(Step::Refused),
                Err(failure) => Err(StepError::from_transaction(failure)),
                Ok(()) => Err(StepError::Wrong(Finding::NotRefused)),
            }
        })
    }

    /// Builds a reload and drops it before its commit.
    fn abandoned(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
        self.add_several(random);
        self.apply_unannounced(|torture, pending| {
            drop(torture.reload(pending)?);
            Ok(Step::Abandoned)
        })
    }

    /// Replaces all routes by a reload that changes about half of them.
    fn reload(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
        for clock in 0..self.torture.universe.clocks() {
            if random(2) == 0 && self.torture.universe.may_change(clock) {
                self.pending.add(clock);
            }
        }
        self.apply_announced(|torture, pending| {
            let reload = torture.reload(pending)?;
            reload.commit().map_err(StepError::from_reload)?;
            Ok(Step::Reload)
        })
    }

    /// Removes all routes of a family, or of both, and inserts those of the new versions, in one
    /// transaction. All single sites that the flush removes change.
    fn flush(&mut self, random: &mut Random<'_>) -> Result<Step, StepError> {
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
        self.apply_announced(|torture, pending| {
            let universe = &torture.universe;
            let mut transaction = Transaction::new();
            transaction.push(Operation::Flush(family))?;
            for site in 0..universe.len() {
                if universe.is_flushed(site, family) {
                    if let Some(operation) = insertion(universe, pending, site) {
                        transaction.push(operation)?;
                    }
                }
            }
            let committed = transaction.commit(&torture.table);
            committed.map_err(StepError::from_transaction)?;
            Ok(Step::Flush)
        })
    }
}

/// Returns the operation that inserts a site's pending version; `None` if the route is absent in
/// it.
fn insertion(universe: &Universe, pending: &Pending, site: usize) -> Option<Operation> {
    let version = pending.next(universe.clock(site));
    is_present(version).then(|| Operation::Insert(universe.route(site, version), Mode::Add))
}

/// Returns whether each change waits for a grace period. The writer soon leaves such settings,
/// because they leave little time for other steps.
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
    /// Returns the operation that changes a site from one version to another.
    fn operation(&self, site: usize, from: u32, to: u32) -> Operation {
        let route = self.universe.route(site, to);
        match (is_present(from), is_present(to)) {
            (false, _) => Operation::Insert(route, Mode::Add),
            (true, true) => Operation::Insert(route, Mode::Change),
            (true, false) => Operation::Remove(route.prefix, Some(0), None),
        }
    }

    /// Calls `visit` with each pending operation.
    fn for_each_change(
        &self,
        pending: &Pending,
        mut visit: impl FnMut(Operation) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        for &clock in pending.changing() {
            let (from, to) = (self.versions.published(clock), pending.next(clock));
            for site in self.universe.sites_of(clock) {
                visit(self.operation(site, from, to))?;
            }
        }
        Ok(())
    }

    /// Applies one valid operation.
    fn apply(&self, operation: Operation) -> Result<(), StepError> {
        let prefix = match &operation {
            Operation::Insert(route, _) => route.prefix,
            Operation::Remove(prefix, ..) => *prefix,
            Operation::Flush(_) => return Err(EINVAL.into()),
        };
        let applied = self.table.apply(slice::from_ref(&operation));
        applied.map_err(|Failure { error, .. }| {
            StepError::new(error, |error| Finding::ChangeFailed { prefix, error })
        })
    }

    /// Returns a transaction of all pending operations.
    fn transaction(&self, pending: &Pending) -> Result<Transaction, StepError> {
        let mut transaction = Transaction::new();
        self.for_each_change(pending, |operation| Ok(transaction.push(operation)?))?;
        Ok(transaction)
    }

    /// Returns a reload of all routes in their pending versions.
    fn reload(&self, pending: &Pending) -> Result<Reload, StepError> {
        let mut reload = Reload::new(self.table.clone())?;
        for site in 0..self.universe.len() {
            if let Some(operation) = insertion(&self.universe, pending, site) {
                reload.apply(&operation).map_err(StepError::from_reload)?;
            }
        }
        Ok(reload)
    }

    /// Returns an operation that must fail, and the expected error.
    fn invalid_operation(&self, kind: u32) -> Result<(Operation, Error), StepError> {
        let cover = self.universe.covers().next().ok_or(EINVAL)?;
        let route = self.universe.route(cover, 0);
        // No route has this metric.
        let unknown = Route { metric: 7, ..route };
        Ok(match kind {
            0 => (Operation::Insert(route, Mode::Add), EEXIST),
            1 => (Operation::Insert(unknown, Mode::Change), ENOENT),
            _ => (Operation::Remove(route.prefix, Some(7), None), ESRCH),
        })
    }
}
