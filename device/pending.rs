// SPDX-License-Identifier: GPL-2.0

//! The transaction of an open file: from `begin` to `commit` or `abort`.

use crate::rcu_table::{Failure, Operation, Prefix, Reload, Table, Transaction};
use kernel::{prelude::*, sync::Arc};

/// Where an operation came from, for the message when it fails at the commit.
struct Origin {
    /// The line it was on; none if an ioctl brought it.
    line: Option<u64>,
    /// The prefix it is about; none for `flush`.
    prefix: Option<Prefix>,
}

enum Changes {
    /// Collected, to be made at the commit.
    Collected(Transaction, KVVec<Origin>),
    /// Made, in a table that takes the place of the other at the commit.
    Reload(Reload),
}

/// A transaction that has begun.
pub(super) struct Pending {
    changes: Changes,
    line: Option<u64>,
}

/// Why a commit failed; then nothing has changed.
pub(super) struct CommitFailure {
    pub(super) error: Error,
    pub(super) culprit: Option<Culprit>,
}

/// The operation that a commit failed at.
pub(super) struct Culprit {
    /// Which one, counted from 0.
    pub(super) index: usize,
    /// The line it was on, if it came in one.
    pub(super) line: Option<u64>,
    /// The prefix it is about, if it is about one.
    pub(super) prefix: Option<Prefix>,
}

impl Pending {
    /// Collects changes; `line` is where it was told to.
    pub(super) fn transaction(line: Option<u64>) -> Self {
        Self {
            changes: Changes::Collected(Transaction::new(), KVVec::new()),
            line,
        }
    }

    /// Builds a new table aside. Errors: `ENOMEM`.
    pub(super) fn reload(table: Arc<Table>, line: Option<u64>) -> Result<Self> {
        Ok(Self {
            changes: Changes::Reload(Reload::new(table)?),
            line,
        })
    }

    /// The line that it began on; none if an ioctl began it.
    pub(super) fn line(&self) -> Option<u64> {
        self.line
    }

    /// Takes a change.
    ///
    /// Errors: of a reload, as the table's own method; otherwise `ENOMEM`, and `ENOSPC` if there are
    /// too many. Context: may sleep.
    pub(super) fn apply(&mut self, operation: &Operation, line: Option<u64>) -> Result {
        match &mut self.changes {
            Changes::Reload(reload) => reload.apply(operation),
            Changes::Collected(transaction, origins) => {
                let origin = Origin {
                    line,
                    prefix: prefix_of(operation),
                };
                // Room for its origin first: one that was pushed cannot be taken back.
                origins.reserve(1, GFP_KERNEL)?;
                transaction.push(*operation)?;
                Ok(origins.push(origin, GFP_KERNEL)?)
            }
        }
    }

    /// Takes changes, up to the first that it does not take.
    ///
    /// Errors and context: as [`Self::apply`].
    pub(super) fn apply_all(&mut self, operations: &[Operation]) -> Result<(), Failure> {
        for (index, operation) in operations.iter().enumerate() {
            self.apply(operation, None)
                .map_err(|error| Failure { index, error })?;
        }
        Ok(())
    }

    /// Whether another change would not be taken, as there are too many.
    pub(super) fn is_full(&self) -> bool {
        match &self.changes {
            Changes::Collected(transaction, _) => transaction.len() == Transaction::MAX_OPERATIONS,
            Changes::Reload(_) => false,
        }
    }

    /// Makes the changes, all or none.
    ///
    /// Context: may sleep; may wait for a grace period.
    pub(super) fn commit(self, table: &Table) -> Result<(), CommitFailure> {
        match self.changes {
            Changes::Reload(reload) => reload.commit().map_err(|error| CommitFailure {
                error,
                culprit: None,
            }),
            Changes::Collected(transaction, origins) => {
                transaction.commit(table).map_err(|failure| CommitFailure {
                    error: failure.error,
                    culprit: origins.get(failure.index).map(|origin| Culprit {
                        index: failure.index,
                        line: origin.line,
                        prefix: origin.prefix,
                    }),
                })
            }
        }
    }
}

/// The prefix that an operation is about, if it is about one.
pub(super) fn prefix_of(operation: &Operation) -> Option<Prefix> {
    match operation {
        Operation::Insert(route, _) => Some(route.prefix),
        Operation::Remove(prefix, _, _) => Some(*prefix),
        Operation::Flush(_) => None,
    }
}
