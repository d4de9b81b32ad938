// SPDX-License-Identifier: GPL-2.0

//! Transactions: batches of changes that readers see whole or not at all.
//!
//! A transaction copies the roots, and the pages and nodes on the path to each change. It owns the
//! copies and changes them in place. One store publishes the new roots.

use super::{
    fib::{Editor, Fib, Growth, Owner, RootsBox, MAX_UNLINKED},
    monitor::Change,
    reclaim::Policy,
    segments::Segments,
    table::{yield_after, TableState},
    update::{HopChange, Operation},
    Family, Route, Table,
};
use crate::kernel_ext::signal;
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
    /// The index of the operation in its batch, from 0; none if the batch failed as a whole, and
    /// then no operation was applied.
    pub index: Option<usize>,
    /// The error of the operation or of the batch.
    pub error: Error,
}

impl Failure {
    /// Returns the failure of an operation.
    pub fn of_operation(index: usize, error: Error) -> Self {
        let index = Some(index);
        Self { index, error }
    }

    /// Returns the failure of a batch of which no operation was applied.
    fn of_batch(error: Error) -> Self {
        Self { index: None, error }
    }
}

/// A list of changes to apply atomically.
pub struct Transaction {
    operations: Segments<Operation>,
}

impl Transaction {
    /// The maximum number of operations in a transaction.
    pub const MAX_OPERATIONS: usize = 1 << 20;

    /// Creates an empty transaction.
    pub const fn new() -> Self {
        Self {
            operations: Segments::new(),
        }
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Returns whether the transaction has no operations.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a change. The commit checks whether it is possible.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` beyond [`Self::MAX_OPERATIONS`]. Context: may sleep.
    pub fn push(&mut self, operation: Operation) -> Result {
        if self.len() == Self::MAX_OPERATIONS {
            return Err(ENOSPC);
        }
        self.operations.reserve(1)?;
        self.operations.push(operation);
        Ok(())
    }

    /// Applies all changes, or none if one of them fails.
    ///
    /// Errors: that of the first operation that fails, as the table's own method returns it;
    /// `ENOMEM`; `EINTR` if a fatal signal is pending.
    /// Context: may sleep; waits for a grace period as [`Table::insert`] does, and after a flush.
    pub fn commit(self, table: &Table) -> Result<(), Failure> {
        apply_batch(table, self.operations.iter(), OnFailure::UndoAll)
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
            return apply_batch(self, operations.iter(), OnFailure::Keep);
        }
        for (index, operation) in operations.iter().enumerate() {
            operation
                .apply(self)
                .map_err(|error| Failure::of_operation(index, error))?;
        }
        Ok(())
    }
}

fn apply_batch<'o>(
    table: &Table,
    operations: impl Iterator<Item = &'o Operation> + Clone,
    on_failure: OnFailure,
) -> Result<(), Failure> {
    let policy = Policy::of(table.settings);
    let mut draft = Draft::new().map_err(Failure::of_batch)?;
    let mut state = table.lock().map_err(Failure::of_batch)?;
    state.answers.objects.recycle(&table.objects);
    draft.start(table, &state).map_err(Failure::of_batch)?;
    let result = draft.apply_all(table, &mut state, operations.clone());
    let is_undone = result.is_err() && on_failure == OnFailure::UndoAll;
    if draft.changed == [0; 2] || is_undone {
        state.unchanged += if is_undone { 0 } else { draft.unchanged };
        draft.abort(table, &mut state);
        return result;
    }
    if let Err(error) = draft.reserve(&mut state) {
        draft.abort(table, &mut state);
        return Err(Failure::of_batch(error));
    }
    state.unchanged += draft.unchanged;
    let replaced = draft.publish(table, &mut state, policy, operations);
    drop(state);
    if let Some((roots, flushed)) = replaced {
        table.end_unlinked(roots, flushed, policy);
    }
    table.wait_if_over_limit();
    result
}

/// Returns for each family the index of the operation after its last flush; 0 without a flush.
fn starts_of(operations: impl Iterator<Item = (usize, Operation)>) -> [usize; 2] {
    let mut starts = [0; 2];
    for (number, operation) in operations {
        yield_after(number);
        if let Operation::Flush(selected) = operation {
            for family in Family::selected(selected) {
                starts[family as usize] = number + 1;
            }
        }
    }
    starts
}

/// Returns the effects of a batch in order. Operations before the last flush of their family have
/// none, and that flush has one if it is in `flushed`. The work is done during the iteration.
///
/// Context: the iteration may sleep, because it yields the CPU.
fn effects<'s>(
    table: &'s Table,
    changes: &'s [Segments<HopChange>; 2],
    flushed: [bool; 2],
    operations: impl Iterator<Item = (usize, Operation)> + Clone + 's,
) -> impl Iterator<Item = Change> + 's {
    let mut starts = None;
    let mut changes = changes.each_ref().map(|changes| changes.iter());
    operations.clone().flat_map(move |(number, operation)| {
        yield_after(number);
        let starts = starts.get_or_insert_with(|| starts_of(operations.clone()));
        let effects = match operation {
            Operation::Flush(selected) => Family::ALL.map(|family| {
                let is_selected = selected.iter().all(|only| *only == family);
                let is_last = starts[family as usize] == number + 1;
                let has_effect = is_selected && is_last && flushed[family as usize];
                has_effect.then_some(Change::Flushed(family))
            }),
            Operation::Insert(Route { prefix, .. }, _) | Operation::Remove(prefix, ..) => {
                let at = prefix.family() as usize;
                let change = (number >= starts[at]).then(|| changes[at].next()).flatten();
                let effect = change.map(|change| change.describe(&table.records, &operation));
                [effect.flatten(), None]
            }
        };
        effects.into_iter().flatten()
    })
}

/// A batch in progress.
struct Draft {
    roots: RootsBox,
    /// The number of operations applied.
    applied: usize,
    /// By family, the number of operations with an effect.
    changed: [usize; 2],
    /// The number of operations that found an equal route.
    unchanged: u64,
    /// By family, the answers that each change since the last flush acquired and replaced.
    changes: [Segments<HopChange>; 2],
    /// The objects of each family that readers still see.
    unlinked: [Segments<Fib>; 2],
    /// Those of the current change.
    unlinked_now: KVVec<Fib>,
    growth: [Growth; 2],
    routes: [usize; 2],
    /// The families of which the batch has removed all published routes.
    flushed: [bool; 2],
}

impl Draft {
    fn new() -> Result<Self> {
        Ok(Self {
            roots: RootsBox::new()?,
            applied: 0,
            changed: [0; 2],
            unchanged: 0,
            changes: [const { Segments::new() }; 2],
            unlinked: [const { Segments::new() }; 2],
            unlinked_now: KVVec::new(),
            growth: [Growth::default(); 2],
            routes: [0; 2],
            flushed: [false; 2],
        })
    }

    /// Copies the table's roots and numbers of routes.
    fn start(&mut self, table: &Table, state: &TableState) -> Result {
        self.routes = state.routes;
        self.roots.copy_hidden(table.roots.for_updater())?;
        self.roots.copy(table.roots.for_updater());
        Ok(())
    }

    /// Applies operations up to the first that fails, or until a fatal signal is pending.
    fn apply_all<'o>(
        &mut self,
        table: &Table,
        state: &mut TableState,
        operations: impl Iterator<Item = &'o Operation>,
    ) -> Result<(), Failure> {
        for (index, operation) in operations.enumerate() {
            let is_killed = yield_after(index) && signal::is_fatal_pending();
            let done = match is_killed {
                true => Err(EINTR),
                false => self.apply(table, state, operation),
            };
            done.map_err(|error| Failure::of_operation(index, error))?;
            self.applied += 1;
        }
        Ok(())
    }

    fn apply(&mut self, table: &Table, state: &mut TableState, operation: &Operation) -> Result {
        let Some(prefix) = operation.prefix() else {
            if let Operation::Flush(family) = operation {
                for flushed in Family::selected(*family) {
                    self.flush(table, state, flushed);
                }
            }
            return Ok(());
        };
        let family = prefix.family();
        let at = family as usize;
        self.changes[at].reserve(1)?;
        self.unlinked[at].reserve(MAX_UNLINKED)?;
        let mut editor = Editor {
            root: self.roots.root(family),
            family,
            owner: Owner::Transaction,
            blueprint: &mut state.blueprint,
            unlinked: &mut self.unlinked_now,
            growth: &mut self.growth[at],
        };
        let mut resources = super::update::Resources {
            records: &table.records,
            answers: &mut state.answers,
            retirees: &mut state.reclaim.retirees,
            max_routes: table.settings.max_routes(),
        };
        let change = resources.apply(&mut editor, self.routes, operation);
        // A change that fails can have copied pages and nodes on its path.
        while let Some(object) = self.unlinked_now.pop() {
            self.unlinked[at].push(object);
        }
        let change = change?;
        change.count(&mut self.routes[at]);
        self.changed[at] += usize::from(!change.is_none());
        self.unchanged += u64::from(change.is_none());
        self.changes[at].push(change);
        Ok(())
    }

    /// Removes all routes of a family.
    fn flush(&mut self, table: &Table, state: &mut TableState, family: Family) {
        let at = family as usize;
        self.roots.root(family).free_private(family);
        self.roots.clear(family);
        self.undo_answers(table, state, family);
        self.unlinked[at] = Segments::new();
        self.growth[at] = Growth::default();
        self.routes[at] = 0;
        // A family without published routes is as before the batch.
        self.flushed[at] = state.routes[at] > 0;
        self.changed[at] = usize::from(self.flushed[at]);
    }

    /// Gives back the answers that a family's changes have acquired. Removes the changes from the
    /// list, so that the next flush costs only the changes after this one.
    fn undo_answers(&mut self, table: &Table, state: &mut TableState, family: Family) {
        let mut resources = state.resources(table);
        let changes = &mut self.changes[family as usize];
        for (number, change) in changes.iter().enumerate() {
            resources.undo(*change);
            yield_after(number);
        }
        *changes = Segments::new();
    }

    /// Allocates what the retirement of the replaced objects needs. The old roots are one more.
    fn reserve(&mut self, state: &mut TableState) -> Result {
        let objects: usize = self.unlinked.iter().map(Segments::len).sum();
        self.unlinked[0].reserve(1)?;
        state.reclaim.retirees.reserve(objects + 1)
    }

    /// Frees the pages and nodes that the batch has built, and gives back its answers.
    fn abort(mut self, table: &Table, state: &mut TableState) {
        for family in Family::ALL {
            self.roots.root(family).free_private(family);
            self.undo_answers(table, state, family);
        }
        state.reclaim.retirees.trim(true);
    }

    /// Publishes the new roots, and retires what they replace. Returns the old roots with the
    /// families that were flushed, if any was. `operations` are the operations of the batch.
    fn publish<'o>(
        mut self,
        table: &Table,
        state: &mut TableState,
        policy: Policy,
        operations: impl Iterator<Item = &'o Operation> + Clone,
    ) -> Option<(RootsBox, [bool; 2])> {
        for family in Family::ALL {
            let at = family as usize;
            self.roots.root(family).unmark_private(family);
            if self.flushed[at] {
                state.totals.clear(family);
            }
            state.totals.add(family, &self.growth[at]);
        }
        state.routes = self.routes;
        let old = table.roots.replace(self.roots);
        let operations = operations.take(self.applied).copied().enumerate();
        let objects = &mut state.answers.objects;
        let effects = effects(table, &self.changes, self.flushed, operations);
        table.count_change(effects.inspect(|change| objects.keep(change)));
        let mut resources = state.resources(table);
        let changes = self.changes.iter().flat_map(Segments::iter);
        for (number, change) in changes.enumerate() {
            resources.commit(*change);
            yield_after(number);
        }
        let replaced = if self.flushed == [false; 2] {
            self.unlinked[0].push(old.into_fib());
            None
        } else {
            Some((old, self.flushed))
        };
        state.reclaim.retire_all(policy, self.unlinked);
        replaced
    }
}
