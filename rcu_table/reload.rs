// SPDX-License-Identifier: GPL-2.0

//! Reload: a whole new table, built separately and published with one store.

use super::{
    fib::{Blueprint, Editor, Growth, Owner, RootsBox},
    monitor::Change,
    reclaim::Policy,
    table::Totals,
    update::{Operation, Resources},
    Family, Table,
};
use kernel::{prelude::*, sync::Arc};

/// New contents of a table. If it is dropped without a commit, the table is unchanged.
pub struct Reload {
    table: Arc<Table>,
    roots: RootsBox,
    blueprint: Blueprint,
    growth: [Growth; 2],
    routes: [usize; 2],
}

impl Reload {
    /// Creates empty contents for `table`.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new(table: Arc<Table>) -> Result<Self> {
        Ok(Self {
            table,
            roots: RootsBox::new()?,
            blueprint: Blueprint::new()?,
            growth: [Growth::default(); 2],
            routes: [0; 2],
        })
    }

    /// Changes the new contents.
    ///
    /// Errors: those of the table's own method. Context: may sleep; waits as that method does.
    pub fn apply(&mut self, operation: &Operation) -> Result {
        let Some(prefix) = operation.prefix() else {
            if let Operation::Flush(family) = operation {
                for flushed in Family::selected(*family) {
                    self.flush(flushed);
                }
            }
            return Ok(());
        };
        let family = prefix.family();
        let at = family as usize;
        let mut unlinked = KVVec::new();
        let mut editor = Editor {
            root: self.roots.root(family),
            family,
            owner: Owner::Reload,
            blueprint: &mut self.blueprint,
            unlinked: &mut unlinked,
            growth: &mut self.growth[at],
        };
        let mut state = self.table.lock()?;
        let mut resources: Resources<'_> = state.resources(&self.table);
        let change = resources.apply(&mut editor, self.routes, operation)?;
        resources.commit(change);
        drop(state);
        change.count(&mut self.routes[at]);
        self.table.wait_if_over_limit();
        Ok(())
    }

    /// Removes all routes of a family from the new contents.
    fn flush(&mut self, family: Family) {
        self.table
            .dismantle(self.roots.root(family).level(family), None);
        self.roots.clear(family);
        self.growth[family as usize] = Growth::default();
        self.routes[family as usize] = 0;
    }

    /// Replaces the table's contents. Changes that others made to the table since [`Self::new`] are
    /// lost. Returns after the old contents were freed or put into quarantine.
    ///
    /// Errors: `ENOSPC` if there are more than `max_routes` routes; `ENOMEM`; `EINTR`. The table
    /// is unchanged then. Context: may sleep; waits for a grace period.
    pub fn commit(mut self) -> Result {
        if self.routes.iter().sum::<usize>() > self.table.settings.max_routes() {
            return Err(ENOSPC);
        }
        let empty = RootsBox::new()?;
        let table = self.table.clone();
        let mut state = table.lock()?;
        let roots = core::mem::replace(&mut self.roots, empty);
        let mut totals = Totals::default();
        for family in Family::ALL {
            totals.add(family, &self.growth[family as usize]);
        }
        let policy = Policy::of(table.settings);
        let old = table.roots.replace(roots);
        state.totals.replace(totals);
        state.routes = self.routes;
        table.count_change(core::iter::once(Change::Reloaded));
        drop(state);
        table.end_unlinked(old, [true; 2], policy);
        Ok(())
    }
}

impl Drop for Reload {
    fn drop(&mut self) {
        for family in Family::ALL {
            self.flush(family);
        }
    }
}
