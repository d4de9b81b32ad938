// SPDX-License-Identifier: GPL-2.0

//! Batched changes of consecutive lines. A batch copies each node of the table once, instead of
//! once for each line.

use super::{file_stats::Figure, pending::prefix_of};
use crate::rcu_table::{Operation, Prefix, Table};
use kernel::prelude::*;

/// The line of a change.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The number of the line.
    pub(super) line: u64,
    /// The bytes of the write that precede the line.
    pub(super) start: usize,
}

/// A change that the table refused.
pub(super) struct RefusedChange {
    pub(super) origin: Origin,
    /// The prefix of the change; none for `flush`.
    pub(super) prefix: Option<Prefix>,
    pub(super) error: Error,
}

/// Changes that the device applies together, at the latest when their `write()` ends.
pub(super) struct Batch {
    operations: KVVec<Operation>,
    origins: KVVec<Origin>,
}

impl Batch {
    /// The maximum number of changes. Other updaters wait while a batch is applied.
    const MAX: usize = 256;

    pub(super) const fn new() -> Self {
        Self {
            operations: KVVec::new(),
            origins: KVVec::new(),
        }
    }

    /// Returns whether the batch must be applied before it accepts another change.
    pub(super) fn is_full(&self) -> bool {
        self.operations.len() >= Self::MAX
    }

    /// Adds a change.
    ///
    /// Errors: `ENOMEM`, and then the change was not added. Context: may sleep.
    pub(super) fn add(&mut self, operation: &Operation, origin: Origin) -> Result {
        self.operations.reserve(1, GFP_KERNEL_ACCOUNT)?;
        self.origins.push(origin, GFP_KERNEL_ACCOUNT)?;
        Ok(self.operations.push(*operation, GFP_KERNEL_ACCOUNT)?)
    }

    /// Applies the changes, up to the first that the table refuses, and empties the batch. Counts
    /// them in `changes`.
    ///
    /// Context: may sleep; may wait for a grace period.
    pub(super) fn apply(&mut self, table: &Table, changes: &Figure) -> Result<(), RefusedChange> {
        let applied = table.apply(&self.operations);
        changes.add(match &applied {
            Ok(()) => self.operations.len(),
            Err(failure) => failure.index.unwrap_or(0),
        });
        let applied = applied.map_err(|failure| RefusedChange {
            // If the batch failed as a whole, the write ends before its first line.
            origin: self.origins[failure.index.unwrap_or(0)],
            prefix: failure
                .index
                .and_then(|index| prefix_of(&self.operations[index])),
            error: failure.error,
        });
        self.operations.clear();
        self.origins.clear();
        applied
    }
}
