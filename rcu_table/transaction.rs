// SPDX-License-Identifier: GPL-2.0

//! Transactions: changes that readers see all of, or none.

use super::{
    node::{Condemned, Exclusive, Roots, Tree},
    reclaim::{self, Policy},
    table::{trees_of, Updater, BATCH},
    update::{insert_route, remove_route, Contents, Exchanged, Limits, Target, Tools},
    Family, Mode, NextHop, Prefix, Route, Table,
};
use crate::{
    kernel_ext::sched,
    rcu::{RcuBox, Retired},
};
use kernel::{prelude::*, sync::Arc};

/// A change of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Table::insert`].
    Insert(Route, Mode),
    /// [`Table::remove`].
    Remove(Prefix, Option<u32>, Option<NextHop>),
    /// [`Table::flush`].
    Flush(Option<Family>),
}

impl Operation {
    /// Makes this change alone.
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

/// Why a transaction did not happen, or why changes were not all made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which operation failed, counted from 0 in the order in which they were pushed.
    pub index: usize,
    /// Why.
    pub error: Error,
}

/// Changes that wait to be made at once.
pub struct Transaction {
    operations: KVVec<Operation>,
}

impl Transaction {
    /// The most operations that a transaction takes.
    pub const MAX_OPERATIONS: usize = 1 << 20;

    /// One without operations.
    pub const fn new() -> Self {
        Self {
            operations: KVVec::new(),
        }
    }

    /// How many operations wait.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Appends a change. Whether it can be made turns out at the commit.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` beyond [`Self::MAX_OPERATIONS`]. Context: may sleep.
    pub fn push(&mut self, operation: Operation) -> Result {
        if self.len() == Self::MAX_OPERATIONS {
            return Err(ENOSPC);
        }
        Ok(self.operations.push(operation, GFP_KERNEL)?)
    }

    /// Makes all changes, or, if one cannot be made, none.
    ///
    /// Errors: of the first operation that fails, as the table's own method would fail. Context: may
    /// sleep; waits for a grace period as [`Table::insert`] does, and if there is a flush.
    pub fn commit(self, table: &Table) -> Result<(), Failure> {
        make_at_once(table, &self.operations, OnFailure::UndoAll)
    }
}

/// What becomes of the changes before one that cannot be made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    UndoAll,
    KeepThose,
}

impl Table {
    /// Makes changes in their order, up to the first that cannot be made. Readers see all those that were
    /// made at once, which spares most of the copying that the same changes take one by one.
    ///
    /// Errors: of the operation that failed, as the table's own method would fail; those before it have
    /// been made. Context: as for [`Transaction::commit`].
    pub fn apply(&self, operations: &[Operation]) -> Result<(), Failure> {
        if operations.len() > Self::FEW {
            return make_at_once(self, operations, OnFailure::KeepThose);
        }
        for (index, operation) in operations.iter().enumerate() {
            operation
                .apply(self)
                .map_err(|error| Failure { index, error })?;
        }
        Ok(())
    }

    /// So many changes cost less one by one, as they need not copy the way down from the root.
    const FEW: usize = 4;
}

fn make_at_once(
    table: &Table,
    operations: &[Operation],
    on_failure: OnFailure,
) -> Result<(), Failure> {
    let failed = |index| move |error: Error| Failure { index, error };
    let mut exchanged =
        KVVec::with_capacity(operations.len(), GFP_KERNEL).map_err(|_| failed(0)(ENOMEM))?;
    let roots = RcuBox::new(Roots::new(), GFP_KERNEL).map_err(|_| failed(0)(ENOMEM))?;
    let policy = Policy::of(table.settings);
    let mut updater = table.updater.lock();
    let mut draft = Draft::of(table, &updater, roots).map_err(failed(0))?;
    let mut result = Ok(());
    for (index, operation) in operations.iter().enumerate() {
        if index % BATCH == BATCH - 1 {
            sched::yield_now();
        }
        let done = draft
            .apply(table, &mut updater, operation)
            .and_then(|done| exchanged.push_within_capacity(done).map_err(|_| ENOMEM));
        if let Err(error) = done {
            result = Err(failed(index)(error));
            break;
        }
    }
    if exchanged.is_empty() || (result.is_err() && on_failure == OnFailure::UndoAll) {
        draft.abort(&mut updater);
        for done in &exchanged {
            done.release_new(&mut tools(table, &mut updater));
        }
        return result;
    }
    updater.contents = draft.contents;
    let (old_roots, mut trees, condemned) = draft.publish(table, &mut updater);
    for done in &exchanged {
        done.release_old(&mut tools(table, &mut updater));
    }
    let Updater {
        exclusive, ledger, ..
    } = &mut *updater;
    reclaim::settle(condemned, exclusive, policy, ledger);
    drop(updater);
    reclaim::show_unlinked(&trees, policy);
    if let Some(old_roots) = old_roots {
        match trees.is_empty() {
            true => reclaim::let_go(old_roots, policy.mode),
            false => drop(reclaim::get_back(old_roots, policy.mode)),
        }
    }
    table.dismantle(core::iter::from_fn(|| trees.pop()), policy.quarantine);
    table.catch_up();
    result
}

impl Default for Transaction {
    fn default() -> Self {
        Self::new()
    }
}

fn tools<'u>(table: &'u Table, updater: &'u mut Updater) -> Tools<'u> {
    Tools {
        exclusive: &updater.exclusive,
        hops: &table.next_hops,
        next_hops: &mut updater.next_hops,
        runs: &mut updater.runs,
        doomed: &mut updater.doomed,
    }
}

/// The table as a transaction will leave it: new roots and copies of the nodes that change, over the
/// nodes that do not.
struct Draft {
    roots: RcuBox<Roots>,
    contents: Contents,
    condemned: Condemned,
    /// Tries that were flushed.
    trees: KVec<Tree>,
}

impl Draft {
    fn of(table: &Table, updater: &Updater, mut roots: RcuBox<Roots>) -> Result<Self> {
        *roots = Roots::copy_of(table.published(&updater.exclusive).ok_or(ENOENT)?);
        Ok(Self {
            roots,
            contents: updater.contents,
            condemned: Condemned::new(),
            trees: KVec::new(),
        })
    }

    fn apply(
        &mut self,
        table: &Table,
        updater: &mut Updater,
        operation: &Operation,
    ) -> Result<Exchanged> {
        self.condemned.reserve()?;
        if let Operation::Flush(family) = operation {
            self.flush(*family, &updater.exclusive)?;
            return Ok(Exchanged::default());
        }
        let target = Target {
            roots: &self.roots,
            contents: &mut self.contents,
            condemned: Some(&mut self.condemned),
        };
        let done = apply(
            &mut tools(table, updater),
            target,
            &table.limits(),
            operation,
        );
        // What a change unlinks here, the transaction has made before.
        updater.free_doomed();
        done
    }

    fn flush(&mut self, family: Option<Family>, exclusive: &Exclusive) -> Result {
        self.trees.reserve(2, GFP_KERNEL)?;
        for flushed in Family::ALL {
            if family.is_some_and(|family| family != flushed) {
                continue;
            }
            let root = self.roots.of(flushed);
            if let Some(tree) = Tree::at(root, exclusive) {
                // Room was made above.
                let _ = self.trees.push_within_capacity(tree);
            }
            root.cut(exclusive);
            self.contents.forget(flushed);
        }
        Ok(())
    }

    /// Frees what was made, and leaves alone what is published.
    fn abort(mut self, updater: &mut Updater) {
        let trees = trees_of(&self.roots, &updater.exclusive);
        for tree in trees.into_iter().flatten() {
            tree.dismantle_fresh();
        }
        while let Some(tree) = self.trees.pop() {
            tree.dismantle_fresh();
        }
        updater.free_doomed();
    }

    fn publish(
        self,
        table: &Table,
        updater: &mut Updater,
    ) -> (Option<Retired<Roots>>, KVec<Tree>, Condemned) {
        for family in Family::ALL {
            Tree::settle(self.roots.of(family), &mut updater.exclusive);
        }
        let old = table.publish(self.roots, &mut updater.exclusive);
        (old, self.trees, self.condemned)
    }
}

/// Makes a change other than a flush.
fn apply(
    tools: &mut Tools<'_>,
    target: Target<'_>,
    limits: &Limits,
    operation: &Operation,
) -> Result<Exchanged> {
    match operation {
        Operation::Insert(route, mode) => insert_route(tools, target, limits, route, *mode),
        Operation::Remove(prefix, metric, next_hop) => {
            remove_route(tools, target, prefix, *metric, next_hop.as_ref())
        }
        Operation::Flush(_) => Err(EINVAL),
    }
}

/// A whole new table, built aside, to take the place of the old one at once. Dropped without a commit,
/// nothing has happened.
pub struct Reload {
    table: Arc<Table>,
    /// There until it is committed.
    roots: Option<RcuBox<Roots>>,
    contents: Contents,
}

impl Reload {
    /// An empty table that may replace what `table` holds.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new(table: Arc<Table>) -> Result<Self> {
        Ok(Self {
            table,
            roots: Some(RcuBox::new(Roots::new(), GFP_KERNEL)?),
            contents: Contents::default(),
        })
    }

    /// Makes a change in the new table.
    ///
    /// Errors: as the table's own method. Context: may sleep.
    pub fn apply(&mut self, operation: &Operation) -> Result {
        if let Operation::Flush(family) = operation {
            self.flush(*family);
            return Ok(());
        }
        let Some(roots) = &self.roots else {
            return Err(EINVAL);
        };
        let mut updater = self.table.updater.lock();
        let target = Target::published(roots, &mut self.contents);
        let limits = self.table.limits();
        let mut tools = tools(&self.table, &mut updater);
        let done = apply(&mut tools, target, &limits, operation)?;
        done.release_old(&mut tools);
        // No reader has ever seen the new table.
        updater.free_doomed();
        Ok(())
    }

    fn flush(&mut self, family: Option<Family>) {
        let Some(roots) = &self.roots else {
            return;
        };
        for flushed in Family::ALL {
            if family.is_some_and(|family| family != flushed) {
                continue;
            }
            let updater = self.table.updater.lock();
            let tree = Tree::at(roots.of(flushed), &updater.exclusive);
            roots.of(flushed).cut(&updater.exclusive);
            drop(updater);
            self.contents.forget(flushed);
            self.table.dismantle(tree, None);
        }
    }

    /// Replaces the table's contents by the new ones, whatever has changed there meanwhile. Returns when
    /// the old ones have been freed.
    ///
    /// Errors: `ENOSPC` if there are more routes than the table may hold, and then nothing has changed.
    /// Context: may sleep; waits for a grace period.
    pub fn commit(mut self) -> Result {
        if self.contents.all_routes() > self.table.limits().max_routes {
            return Err(ENOSPC);
        }
        let Some(roots) = self.roots.take() else {
            return Err(EINVAL);
        };
        let policy = Policy::of(self.table.settings);
        let mut updater = self.table.updater.lock();
        let trees = match self.table.published(&updater.exclusive) {
            Some(old) => trees_of(old, &updater.exclusive),
            None => [None, None],
        };
        let old = self.table.publish(roots, &mut updater.exclusive);
        updater.contents.take_over(self.contents);
        drop(updater);
        reclaim::show_unlinked(trees.iter().flatten(), policy);
        if let Some(old) = old {
            drop(reclaim::get_back(old, policy.mode));
            self.table
                .dismantle(trees.into_iter().flatten(), policy.quarantine);
        }
        Ok(())
    }
}

impl Drop for Reload {
    fn drop(&mut self) {
        if let Some(roots) = self.roots.take() {
            let trees = trees_of(&roots, &Exclusive::new());
            self.table.dismantle(trees.into_iter().flatten(), None);
        }
    }
}
