// SPDX-License-Identifier: GPL-2.0

//! Changes of consecutive lines, to be made together: that copies each node of the table once instead of
//! once a line.

use super::pending::prefix_of;
use crate::rcu_table::{Operation, Prefix, Table};
use kernel::prelude::*;

/// Where a change came from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The number of its line.
    pub(super) line: u64,
    /// How many bytes of the write precede the line.
    pub(super) start: usize,
}

/// A change that cannot be made.
pub(super) struct Refused {
    pub(super) origin: Origin,
    /// The prefix it is about, if it is about one.
    pub(super) prefix: Option<Prefix>,
    pub(super) error: Error,
}

/// Changes that wait for each other. None waits longer than the `write()` that brought it.
pub(super) struct Batch {
    operations: KVVec<Operation>,
    origins: KVVec<Origin>,
}

impl Batch {
    /// The most changes made together, which is for how long other updaters wait.
    const MAX: usize = 256;

    pub(super) const fn new() -> Self {
        Self {
            operations: KVVec::new(),
            origins: KVVec::new(),
        }
    }

    /// Whether those that wait are to be made before another is added.
    pub(super) fn is_full(&self) -> bool {
        self.operations.len() >= Self::MAX
    }

    /// Adds a change.
    ///
    /// Errors: `ENOMEM`, and then it has not been added. Context: may sleep.
    pub(super) fn add(&mut self, operation: &Operation, origin: Origin) -> Result {
        self.operations.reserve(1, GFP_KERNEL)?;
        self.origins.push(origin, GFP_KERNEL)?;
        Ok(self.operations.push(*operation, GFP_KERNEL)?)
    }

    /// Makes the changes, up to the first that cannot be made. Those behind it are dropped.
    ///
    /// Context: may sleep; may wait for a grace period.
    pub(super) fn make(&mut self, table: &Table) -> Result<(), Refused> {
        let made = table.apply(&self.operations).map_err(|failure| Refused {
            origin: self.origins[failure.index],
            prefix: prefix_of(&self.operations[failure.index]),
            error: failure.error,
        });
        self.operations.clear();
        self.origins.clear();
        made
    }
}
