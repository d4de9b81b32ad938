// SPDX-License-Identifier: GPL-2.0

//! Writers whose changes nobody checks: they keep the nodes moving that the others look at.

use super::{
    finding::Finding,
    step::Step,
    universe::fake_route,
    writer::{outcome, Trouble},
    Random, TableTorture,
};
use crate::rcu_table::{Mode, Operation, Transaction};
use core::slice;
use kernel::{prelude::*, sync::Arc};

/// Churns prefixes of its own. A reload takes them away, so any change of them may be refused.
pub(crate) struct FakeWriter {
    torture: Arc<TableTorture>,
    number: u32,
}

impl FakeWriter {
    /// One of several; `number` tells which.
    pub(crate) fn new(torture: Arc<TableTorture>, number: u32) -> Self {
        Self { torture, number }
    }

    /// One step, at random.
    ///
    /// Context: may sleep; waits for a grace period in some modes.
    pub(crate) fn step(&mut self, random: &mut Random<'_>) -> Result<Step, Finding> {
        let done = match random(16) {
            0 => self.transaction(random),
            _ => self.single(random),
        };
        outcome(done)
    }

    fn operation(&self, random: &mut Random<'_>) -> Result<Operation, Trouble> {
        let route = fake_route(self.number, random)?;
        Ok(match random(8) {
            0 => Operation::Insert(route, Mode::Add),
            1 => Operation::Insert(route, Mode::Change),
            2..=4 => Operation::Insert(route, Mode::Replace),
            5 => Operation::Remove(route.prefix, None, None),
            _ => Operation::Remove(route.prefix, Some(route.metric), None),
        })
    }

    fn single(&self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        let operation = self.operation(random)?;
        let done = self.torture.table.apply(slice::from_ref(&operation));
        match (done, operation) {
            (Err(failure), _) => refused(failure.error),
            (_, Operation::Insert(_, Mode::Change)) => Ok(Step::Change),
            (_, Operation::Insert(..)) => Ok(Step::Add),
            _ => Ok(Step::Delete),
        }
    }

    fn transaction(&self, random: &mut Random<'_>) -> Result<Step, Trouble> {
        let mut transaction = Transaction::new();
        for _ in 0..=random(8) {
            transaction.push(self.operation(random)?)?;
        }
        match transaction.commit(&self.torture.table) {
            Ok(()) => Ok(Step::Transaction),
            Err(failure) => refused(failure.error),
        }
    }
}

/// Whether a change may be refused for that.
fn refused(error: Error) -> Result<Step, Trouble> {
    match error {
        error if [EEXIST, ENOENT, ESRCH].contains(&error) => Ok(Step::Refused),
        error => Err(Trouble::of(error, |error| Finding::TransactionFailed {
            index: 0,
            error,
        })),
    }
}
