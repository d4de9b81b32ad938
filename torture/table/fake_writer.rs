// SPDX-License-Identifier: GPL-2.0

//! Writers of routes that readers do not check. Their changes replace the nodes that readers pass.

use super::{
    finding::Finding,
    step::Step,
    universe::fake_route,
    writer::{step_result, StepError},
    Random, TableTorture,
};
use crate::rcu_table::{Mode, Operation, Transaction};
use core::slice;
use kernel::{prelude::*, sync::Arc};

/// A writer of its own prefixes. A reload removes their routes, so any of its changes may be
/// refused.
pub(crate) struct FakeWriter {
    torture: Arc<TableTorture>,
    number: u32,
}

impl FakeWriter {
    /// Returns the fake writer of that number, which selects its prefixes.
    pub(crate) fn new(torture: Arc<TableTorture>, number: u32) -> Self {
        Self { torture, number }
    }

    /// Makes a random step.
    ///
    /// Context: may sleep; waits for a grace period in some modes.
    pub(crate) fn step(&mut self, random: &mut Random<'_>) -> Result<Step, Finding> {
        let result = match random(16) {
            0 => self.transaction(random),
            _ => self.single(random),
        };
        step_result(result)
    }

    fn operation(&self, random: &mut Random<'_>) -> Result<Operation, StepError> {
        let route = fake_route(self.number, random)?;
        Ok(match random(8) {
            0 => Operation::Insert(route, Mode::Add),
            1 => Operation::Insert(route, Mode::Change),
            2..=4 => Operation::Insert(route, Mode::Replace),
            5 => Operation::Remove(route.prefix, None, None),
            _ => Operation::Remove(route.prefix, Some(route.metric), None),
        })
    }

    fn single(&self, random: &mut Random<'_>) -> Result<Step, StepError> {
        let operation = self.operation(random)?;
        let applied = self.torture.table.apply(slice::from_ref(&operation));
        match (applied, operation) {
            (Err(failure), _) => check_refusal(failure.error),
            (_, Operation::Insert(_, Mode::Change)) => Ok(Step::Change),
            (_, Operation::Insert(..)) => Ok(Step::Add),
            _ => Ok(Step::Delete),
        }
    }

    fn transaction(&self, random: &mut Random<'_>) -> Result<Step, StepError> {
        let mut transaction = Transaction::new();
        for _ in 0..=random(8) {
            transaction.push(self.operation(random)?)?;
        }
        match transaction.commit(&self.torture.table) {
            Ok(()) => Ok(Step::Transaction),
            Err(failure) => check_refusal(failure.error),
        }
    }
}

/// Checks that the table may refuse a change of a fake writer with this error.
fn check_refusal(error: Error) -> Result<Step, StepError> {
    match error {
        error if [EEXIST, ENOENT, ESRCH].contains(&error) => Ok(Step::Refused),
        error => Err(StepError::new(error, |error| Finding::TransactionFailed {
            index: None,
            error,
        })),
    }
}
