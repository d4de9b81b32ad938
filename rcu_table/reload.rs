// SPDX-License-Identifier: GPL-2.0

//! Reload: a whole new table, built separately and published with one store.

use super::{
    node::{Exclusive, Roots, Tree},
    reclaim::{self, Policy},
    table::trees_of,
    update::{Operation, Target, Totals},
    Family, Table,
};
use crate::rcu::UniqueRcuBox;
use kernel::{prelude::*, sync::Arc};

/// New contents of a table. If it is dropped without a commit, the table is unchanged.
pub struct Reload {
    table: Arc<Table>,
    /// `None` after the commit.
    roots: Option<UniqueRcuBox<Roots>>,
    totals: Totals,
}

impl Reload {
    /// Creates empty contents for `table`.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new(table: Arc<Table>) -> Result<Self> {
        Ok(Self {
            table,
            roots: Some(UniqueRcuBox::new(Roots::new(), GFP_KERNEL)?),
            totals: Totals::default(),
        })
    }

    /// Changes the new contents.
    ///
    /// Errors: as the table's own method. Context: may sleep.
    pub fn apply(&mut self, operation: &Operation) -> Result {
        let Some(roots) = &self.roots else {
            return Err(EINVAL);
        };
        if let Operation::Flush(family) = operation {
            flush(&self.table, roots, &mut self.totals, *family);
            return Ok(());
        }
        let mut state = self.table.state.lock();
        let (mut resources, _) = state.split(&self.table);
        let hop_change = resources.apply(Target::new(roots, &mut self.totals), operation)?;
        hop_change.commit(&mut resources);
        // No reader has seen these nodes.
        state.free_unlinked_nodes();
        Ok(())
    }

    /// Replaces the table's contents, including changes made since [`Self::new`]. Returns after the
    /// old contents were freed or put into quarantine.
    ///
    /// Errors: `ENOSPC` if there are more than `max_routes` routes; the table is unchanged then.
    /// Context: may sleep; waits for a grace period.
    pub fn commit(mut self) -> Result {
        if self.totals.all_routes() > self.table.settings.max_routes() {
            return Err(ENOSPC);
        }
        let Some(roots) = self.roots.take() else {
            return Err(EINVAL);
        };
        let policy = Policy::of(self.table.settings);
        let mut state = self.table.state.lock();
        let trees = match self.table.tries.for_updater(&state.exclusive) {
            Some(old) => trees_of(old, &state.exclusive),
            None => [None, None],
        };
        let old = self.table.publish(roots, &mut state.exclusive);
        state.totals.replace(self.totals);
        drop(state);
        reclaim::report_unlinked(trees.iter().flatten(), policy);
        if let Some(old) = old {
            drop(reclaim::reclaim_now(old, policy.mode));
            self.table
                .dismantle(trees.into_iter().flatten(), policy.quarantine);
        }
        Ok(())
    }
}

/// Frees one family of the new contents, or both. No reader has seen them.
fn flush(table: &Table, roots: &Roots, totals: &mut Totals, family: Option<Family>) {
    for flushed in Family::selected(family) {
        let state = table.state.lock();
        let tree = Tree::at(roots.of(flushed), &state.exclusive);
        roots.of(flushed).cut(&state.exclusive);
        drop(state);
        totals.clear(flushed);
        table.dismantle(tree, None);
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
