// SPDX-License-Identifier: GPL-2.0

//! Transactions: batches of changes that readers see whole or not at all.
//!
//! A transaction copies the nodes on the path to each change, up to the roots, and publishes the
//! new roots with one store.

use super::{
    node::{CopiedNodes, Exclusive, Roots, Tree},
    reclaim::{self, Policy},
    table::{trees_of, TableState, YIELD_INTERVAL},
    update::{HopChange, Operation, Target, Totals},
    Family, Table,
};
use crate::{
    kernel_ext::sched,
    rcu::{Retired, UniqueRcuBox},
};
use kernel::prelude::*;

impl Operation {
    /// Applies this change alone.
    ///
    /// Errors and context: those of the table's method.
    pub fn apply(&self, table: &Table) -> Result {
        match self {
            Self::Insert(route, mode) => table.insert(route, *mode),
            Self::Remove(prefix, metric, next_hop) => {
                table.remove(prefix, *metric, next_hop.as_ref())
            }
            Self::Flush(family) => table.flush(*family),
        }
    }
}

/// The failed operation of a batch, and its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The index of the operation in its batch, from 0.
    pub index: usize,
    /// The error of the operation.
    pub error: Error,
}

/// A list of changes to apply atomically.
pub struct Transaction {
    operations: KVVec<Operation>,
}

impl Transaction {
    /// The maximum number of operations in a transaction.
    pub const MAX_OPERATIONS: usize = 1 << 20;

    /// Creates an empty transaction.
    pub const fn new() -> Self {
        Self {
            operations: KVVec::new(),
        }
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Returns whether the transaction has no operations.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Appends a change. The commit checks whether it is possible.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` beyond [`Self::MAX_OPERATIONS`]. Context: may sleep.
    pub fn push(&mut self, operation: Operation) -> Result {
        if self.len() == Self::MAX_OPERATIONS {
            return Err(ENOSPC);
        }
        Ok(self.operations.push(operation, GFP_KERNEL)?)
    }

    /// Applies all changes, or none if one of them fails.
    ///
    /// Errors: that of the first operation that fails, as the table's own method returns it.
    /// Context: may sleep; waits for a grace period as [`Table::insert`] does, and after a flush.
    pub fn commit(self, table: &Table) -> Result<(), Failure> {
        apply_batch(table, &self.operations, OnFailure::UndoAll)
    }
}

impl Default for Transaction {
    fn default() -> Self {
        Self::new()
    }
}

/// The treatment of the changes before the one that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    UndoAll,
    Keep,
}

impl Table {
    /// Up to this many changes cost less one by one, because they do not copy the path from the
    /// root.
    const MAX_SINGLE_CHANGES: usize = 4;

    /// Applies changes in order, up to the first that fails. More than 4 changes become visible to
    /// readers at once, which saves most of the copying.
    ///
    /// Errors: that of the operation that failed, as the table's own method returns it. The
    /// operations before it have been applied.
    /// Context: as [`Transaction::commit`].
    pub fn apply(&self, operations: &[Operation]) -> Result<(), Failure> {
        if operations.len() > Self::MAX_SINGLE_CHANGES {
            return apply_batch(self, operations, OnFailure::Keep);
        }
        for (index, operation) in operations.iter().enumerate() {
            operation
                .apply(self)
                .map_err(|error| Failure { index, error })?;
        }
        Ok(())
    }
}

fn apply_batch(
    table: &Table,
    operations: &[Operation],
    on_failure: OnFailure,
) -> Result<(), Failure> {
    let at_start = |error| Failure { index: 0, error };
    let mut draft = Draft::new(operations.len()).map_err(at_start)?;
    let policy = Policy::of(table.settings);
    let mut state = table.state.lock();
    draft.copy_published(table, &state).map_err(at_start)?;
    let result = draft.apply_all(table, &mut state, operations);
    if draft.hop_changes.is_empty() || (result.is_err() && on_failure == OnFailure::UndoAll) {
        draft.abort(table, &mut state);
        return result;
    }
    let replaced = draft.publish(table, &mut state, policy);
    drop(state);
    replaced.reclaim(table, policy);
    table.wait_if_over_limit();
    result
}

/// The table after a transaction, before it is published: new roots, copies of the nodes that
/// change, and the published nodes that do not.
struct Draft {
    roots: UniqueRcuBox<Roots>,
    totals: Totals,
    hop_changes: KVVec<HopChange>,
    /// The published nodes that have been copied.
    copied_nodes: CopiedNodes,
    /// The tries that have been flushed.
    trees: KVec<Tree>,
}

impl Draft {
    /// Allocates a draft for a number of operations.
    fn new(operations: usize) -> Result<Self> {
        Ok(Self {
            roots: UniqueRcuBox::new(Roots::new(), GFP_KERNEL)?,
            totals: Totals::default(),
            hop_changes: KVVec::with_capacity(operations, GFP_KERNEL)?,
            copied_nodes: CopiedNodes::new(),
            trees: KVec::new(),
        })
    }

    fn copy_published(&mut self, table: &Table, state: &TableState) -> Result {
        let published = table.tries.for_updater(&state.exclusive).ok_or(ENOENT)?;
        *self.roots = Roots::copy_of(published);
        self.totals = state.totals;
        Ok(())
    }

    /// Applies operations up to the first that fails.
    fn apply_all(
        &mut self,
        table: &Table,
        state: &mut TableState,
        operations: &[Operation],
    ) -> Result<(), Failure> {
        for (index, operation) in operations.iter().enumerate() {
            if index % YIELD_INTERVAL == YIELD_INTERVAL - 1 {
                sched::yield_now();
            }
            self.apply(table, state, operation)
                .and_then(|hop_change| {
                    let pushed = self.hop_changes.push_within_capacity(hop_change);
                    pushed.map_err(|_| ENOMEM)
                })
                .map_err(|error| Failure { index, error })?;
        }
        Ok(())
    }

    fn apply(
        &mut self,
        table: &Table,
        state: &mut TableState,
        operation: &Operation,
    ) -> Result<HopChange> {
        self.copied_nodes.reserve()?;
        if let Operation::Flush(family) = operation {
            self.flush(*family, &state.exclusive)?;
            return Ok(HopChange::default());
        }
        let target = Target {
            roots: &self.roots,
            totals: &mut self.totals,
            copied_nodes: Some(&mut self.copied_nodes),
        };
        let (mut resources, _) = state.split(table);
        let result = resources.apply(target, operation);
        // The change unlinked only nodes that this transaction has built.
        state.free_unlinked_nodes();
        result
    }

    fn flush(&mut self, family: Option<Family>, exclusive: &Exclusive) -> Result {
        self.trees.reserve(2, GFP_KERNEL)?;
        for flushed in Family::selected(family) {
            let root = self.roots.of(flushed);
            if let Some(tree) = Tree::at(root, exclusive) {
                // The room was reserved above.
                let _ = self.trees.push_within_capacity(tree);
            }
            root.cut(exclusive);
            self.totals.clear(flushed);
        }
        Ok(())
    }

    /// Frees the nodes that the draft has built. The published nodes stay.
    fn abort(mut self, table: &Table, state: &mut TableState) {
        let trees = trees_of(&self.roots, &state.exclusive);
        for tree in trees.into_iter().flatten() {
            tree.dismantle_fresh();
        }
        while let Some(tree) = self.trees.pop() {
            tree.dismantle_fresh();
        }
        state.free_unlinked_nodes();
        let (mut resources, _) = state.split(table);
        for hop_change in &self.hop_changes {
            hop_change.undo(&mut resources);
        }
    }

    /// Publishes the new roots and retires the copied nodes.
    fn publish(self, table: &Table, state: &mut TableState, policy: Policy) -> Replaced {
        state.totals = self.totals;
        for family in Family::ALL {
            Tree::settle(self.roots.of(family), &mut state.exclusive);
        }
        let roots = table.publish(self.roots, &mut state.exclusive);
        let (mut resources, _) = state.split(table);
        for hop_change in &self.hop_changes {
            hop_change.commit(&mut resources);
        }
        state.retire(self.copied_nodes, policy);
        Replaced {
            roots,
            trees: self.trees,
        }
    }
}

/// The old roots and the flushed tries of a published transaction.
struct Replaced {
    roots: Option<Retired<Roots>>,
    trees: KVec<Tree>,
}

impl Replaced {
    fn reclaim(mut self, table: &Table, policy: Policy) {
        reclaim::report_unlinked(&self.trees, policy);
        if let Some(roots) = self.roots {
            // The flushed tries need the grace period too.
            match self.trees.is_empty() {
                true => reclaim::reclaim_later(roots, policy.mode),
                false => drop(reclaim::reclaim_now(roots, policy.mode)),
            }
        }
        let trees = core::iter::from_fn(|| self.trees.pop());
        table.dismantle(trees, policy.quarantine);
    }
}
