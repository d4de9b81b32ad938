// SPDX-License-Identifier: GPL-2.0

//! The transaction of an open file, from `begin` to `commit` or `abort`.

use crate::{
    kernel_ext::sched,
    rcu_table::{Failure, Multipath, Operation, Prefix, Reload, Segments, Table, Transaction},
};
use kernel::{prelude::*, sync::Arc};

/// Identifies an operation in the message of a failed commit.
struct Origin {
    /// The line of the operation; none if an ioctl passed it.
    line: Option<u64>,
    /// The prefix of the operation; none for `flush`.
    prefix: Option<Prefix>,
}

enum Changes {
    /// Operations that the commit applies.
    Collected(Transaction, Segments<Origin>),
    /// A new table, which the commit publishes.
    Reload(Reload),
}

/// An open transaction.
pub(super) struct PendingTransaction {
    changes: Changes,
    line: Option<u64>,
    /// The legs of routes that the commit adds.
    legs: Legs,
}

/// The legs of many routes. Dropping them waits for the updaters' mutex, and yields after each.
struct Legs(Segments<Multipath>);

impl Drop for Legs {
    fn drop(&mut self) {
        while let Some(legs) = self.0.pop() {
            drop(legs);
            sched::yield_now();
        }
    }
}

/// The error of a failed commit, which has changed nothing.
pub(super) struct CommitFailure {
    pub(super) error: Error,
    /// The operation that failed; none if the commit failed as a whole.
    pub(super) operation: Option<FailedOperation>,
}

/// The operation at which a commit failed.
pub(super) struct FailedOperation {
    /// Its index in the transaction, from 0.
    pub(super) index: usize,
    /// Its line; none if an ioctl passed it.
    pub(super) line: Option<u64>,
    /// Its prefix; none for `flush`.
    pub(super) prefix: Option<Prefix>,
}

impl PendingTransaction {
    /// Starts a transaction that collects changes. `line` is the line of its `begin`.
    pub(super) fn collect(line: Option<u64>) -> Self {
        Self {
            changes: Changes::Collected(Transaction::new(), Segments::new()),
            line,
            legs: Legs(Segments::new()),
        }
    }

    /// Starts a transaction that builds a new table. `line` is the line of its `begin`.
    ///
    /// Errors: `ENOMEM`.
    pub(super) fn reload(table: Arc<Table>, line: Option<u64>) -> Result<Self> {
        Ok(Self {
            changes: Changes::Reload(Reload::new(table)?),
            line,
            legs: Legs(Segments::new()),
        })
    }

    /// Returns the line of its `begin`; none if an ioctl started it.
    pub(super) fn line(&self) -> Option<u64> {
        self.line
    }

    /// Adds a change. A reload makes it at once in the new table.
    ///
    /// Errors: `ENOMEM`; for a reload those of the table's method, otherwise `ENOSPC` if the
    /// transaction is full. Context: may sleep.
    pub(super) fn apply(&mut self, operation: &Operation, line: Option<u64>) -> Result {
        match &mut self.changes {
            Changes::Reload(reload) => reload.apply(operation),
            Changes::Collected(transaction, origins) => {
                let origin = Origin {
                    line,
                    prefix: prefix_of(operation),
                };
                // The transaction cannot undo a push, so the room for its origin is reserved first.
                origins.reserve(1)?;
                transaction.push(*operation)?;
                origins.push(origin);
                Ok(())
            }
        }
    }

    /// Adds a change of a route with legs, and keeps the legs until the commit.
    ///
    /// Errors and context: as [`Self::apply`].
    pub(super) fn apply_legs(
        &mut self,
        operation: &Operation,
        legs: Multipath,
        line: u64,
    ) -> Result {
        self.legs.0.reserve(1)?;
        self.apply(operation, Some(line))?;
        // The routes of a reload are in its table, and use the legs.
        if matches!(self.changes, Changes::Collected(..)) {
            self.legs.0.push(legs);
        }
        Ok(())
    }

    /// Adds changes, up to the first that fails.
    ///
    /// Errors and context: as [`Self::apply`].
    pub(super) fn apply_all(&mut self, operations: &[Operation]) -> Result<(), Failure> {
        for (index, operation) in operations.iter().enumerate() {
            self.apply(operation, None)
                .map_err(|error| Failure::of_operation(index, error))?;
        }
        Ok(())
    }

    /// Returns whether the transaction has reached its limit. A reload has no limit.
    pub(super) fn is_full(&self) -> bool {
        match &self.changes {
            Changes::Collected(transaction, _) => transaction.len() == Transaction::MAX_OPERATIONS,
            Changes::Reload(_) => false,
        }
    }

    /// Makes all changes, or none of them if one fails.
    ///
    /// Context: may sleep; may wait for a grace period.
    pub(super) fn commit(self, table: &Table) -> Result<(), CommitFailure> {
        match self.changes {
            Changes::Reload(reload) => reload.commit().map_err(|error| CommitFailure {
                error,
                operation: None,
            }),
            Changes::Collected(transaction, origins) => transaction
                .commit(table)
                .map_err(|failure| CommitFailure::new(failure, &origins)),
        }
    }
}

impl CommitFailure {
    fn new(failure: Failure, origins: &Segments<Origin>) -> Self {
        let failed = failure
            .index
            .and_then(|index| Some((index, origins.iter().nth(index)?)));
        Self {
            error: failure.error,
            operation: failed.map(|(index, origin)| FailedOperation {
                index,
                line: origin.line,
                prefix: origin.prefix,
            }),
        }
    }
}

/// Returns the prefix of an operation; none for `flush`.
pub(super) fn prefix_of(operation: &Operation) -> Option<Prefix> {
    match operation {
        Operation::Insert(route, _) => Some(route.prefix),
        Operation::Remove(prefix, _, _) => Some(*prefix),
        Operation::Flush(_) => None,
    }
}
