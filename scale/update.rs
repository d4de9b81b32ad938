// SPDX-License-Identifier: GPL-2.0

//! `scale=update`: what a change of the table costs that the device serves, in each way of reclaim.
//!
//! Routes that were chosen at random are put in the place of themselves, and are deleted and added again, some
//! hundred at a time, so that the processor has other things in its caches when a route's turn comes again. In the
//! end the table holds what it held; meanwhile lookups may find a route missing. The clock is part of each figure.
//!
//! A way of reclaim whose updates wait has its time limited, not its changes.

use super::{knobs::family_name, row::Label, run::Run, writer::choose};
use crate::{
    kernel_ext::{delay::sleep_ms, sched},
    rcu,
    rcu_table::{Family, Mode, ReclaimMode, Route},
    SETTINGS,
};
use kernel::{prelude::*, sync::Arc};

/// Routes that are deleted before they are added again.
const APART: usize = 500;
/// The same where each change waits for a grace period.
const APART_WAITING: usize = 5;

/// Nanoseconds that changes which wait may take, of one kind in one run.
const LIMIT: u64 = 300_000_000;

/// Changes from one look at how much is behind to the next.
const LOOK: usize = 16;

/// Looks at whether all is reclaimed, a hundredth of a second apart.
const SETTLE: u32 = 100;

/// Attempts to bring back a route while there is no memory.
const ATTEMPTS: u32 = 1000;

/// What is done to a route.
#[derive(Clone, Copy)]
enum Change {
    Replace,
    Delete,
    Add,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Add => "add",
        }
    }
}

/// The way of reclaim, until this is dropped.
struct Chosen {
    before: ReclaimMode,
    mode: ReclaimMode,
}

impl Chosen {
    fn new(mode: ReclaimMode) -> Self {
        let before = SETTINGS.reclaim();
        SETTINGS.set_reclaim(mode);
        Self { before, mode }
    }

    fn waits(&self) -> bool {
        matches!(self.mode, ReclaimMode::Synchronize | ReclaimMode::Expedited)
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        // Unless someone has chosen another one.
        if SETTINGS.reclaim() == self.mode {
            SETTINGS.set_reclaim(self.before);
        }
    }
}

/// What was found of one kind of change.
struct Found {
    nanoseconds: KVVec<u64>,
    behind: usize,
}

/// Changes of one family in one way of reclaim.
struct Bench<'r> {
    run: &'r Run,
    family: Family,
    chosen: Chosen,
    routes: &'r [Route],
    replaced: Found,
    deleted: Found,
    added: Found,
}

impl Found {
    fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self {
            nanoseconds: KVVec::with_capacity(capacity, GFP_KERNEL)?,
            behind: 0,
        })
    }

    fn total(&self) -> u64 {
        self.nanoseconds.iter().sum()
    }
}

impl<'r> Bench<'r> {
    fn new(run: &'r Run, family: Family, mode: ReclaimMode, routes: &'r [Route]) -> Result<Self> {
        Ok(Self {
            run,
            family,
            chosen: Chosen::new(mode),
            routes,
            replaced: Found::with_capacity(routes.len())?,
            deleted: Found::with_capacity(routes.len())?,
            added: Found::with_capacity(routes.len())?,
        })
    }

    /// Changes a route, and records how long that took.
    ///
    /// Errors: those of the table.
    fn change(&mut self, change: Change, route: &Route) -> Result {
        let table = &self.run.table;
        let begin = self.run.now();
        match change {
            Change::Replace => table.insert(route, Mode::Change)?,
            Change::Delete => table.remove(&route.prefix, Some(route.metric), None)?,
            Change::Add => table.insert(route, Mode::Add)?,
        }
        let took = self.run.now() - begin;
        let found = match change {
            Change::Replace => &mut self.replaced,
            Change::Delete => &mut self.deleted,
            Change::Add => &mut self.added,
        };
        // There is room for each route.
        let _ = found.nanoseconds.push_within_capacity(took);
        let count = found.nanoseconds.len();
        if count % LOOK == 0 {
            found.behind = found.behind.max(table.stats().retired_bytes);
            sched::yield_now();
        }
        Ok(())
    }

    fn is_over(&self, found: &Found) -> bool {
        self.run.is_stopped() || (self.chosen.waits() && found.total() > LIMIT)
    }

    fn replace_all(&mut self) -> Result {
        for route in self.routes {
            match self.change(Change::Replace, route) {
                // Someone else has deleted it.
                Err(error) if error == ENOENT => {}
                result => result?,
            }
            if self.is_over(&self.replaced) {
                break;
            }
        }
        Ok(())
    }

    fn delete_and_add_all(&mut self) -> Result {
        let apart = match self.chosen.waits() {
            true => APART_WAITING,
            false => APART,
        };
        let mut deleted = KVec::with_capacity(apart, GFP_KERNEL)?;
        for routes in self.routes.chunks(apart) {
            deleted.clear();
            let mut result = Ok(());
            for route in routes {
                match self.change(Change::Delete, route) {
                    Ok(()) => deleted.push(*route, GFP_KERNEL)?,
                    // Someone else has deleted it.
                    Err(error) if error == ESRCH => {}
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            for route in &deleted {
                self.bring_back(route)?;
            }
            result?;
            if self.is_over(&self.deleted) || self.is_over(&self.added) {
                break;
            }
        }
        Ok(())
    }

    /// Adds a route that was deleted, whatever happens.
    fn bring_back(&mut self, route: &Route) -> Result {
        for _ in 0..ATTEMPTS {
            match self.change(Change::Add, route) {
                Ok(()) => return Ok(()),
                // Someone else has added one.
                Err(error) if error == EEXIST => return Ok(()),
                Err(_) => sleep_ms(10),
            }
        }
        pr_err!(
            "scale: {} was deleted and cannot be added again\n",
            core::format_args!("{route}")
        );
        Err(ENOMEM)
    }

    /// Waits until nothing of other changes is left to be reclaimed, if that comes.
    fn settle(&self) {
        rcu::barrier();
        for _ in 0..SETTLE {
            if self.run.is_stopped() || self.run.table.stats().retired_bytes == 0 {
                return;
            }
            sleep_ms(10);
        }
    }

    fn measure(&mut self) -> Result {
        self.settle();
        self.replace_all()?;
        self.settle();
        self.delete_and_add_all()
    }

    fn report(&self) -> Result {
        let most = self.routes.len() * self.run.plan.runs as usize;
        for (change, found) in [
            (Change::Replace, &self.replaced),
            (Change::Delete, &self.deleted),
            (Change::Add, &self.added),
        ] {
            let keys = [
                ("family", family_name(self.family)),
                ("reclaim", self.chosen.mode.name()),
                ("change", change.name()),
            ];
            let label = Label::new(keys, None);
            let rows = &self.run.rows;
            rows.add_updates(label, most, &found.nanoseconds, found.behind)?;
        }
        Ok(())
    }
}

/// Measures the families that were asked for and have routes.
///
/// Errors: `ENOENT` without routes, `ENOMEM`, those of the table. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>) -> Result {
    let mut inputs = KVec::new();
    for family in run.plan.families() {
        let routes = choose(run, [family].into_iter(), run.plan.loops as usize)?;
        if !routes.is_empty() {
            inputs.push((family, routes), GFP_KERNEL)?;
        }
    }
    if inputs.is_empty() {
        pr_err!("parameter scale: the table has no such routes; load some before\n");
        return Err(ENOENT);
    }
    run.repeat(|| {
        for (family, routes) in &inputs {
            for mode in ReclaimMode::ALL {
                if run.is_stopped() {
                    return Ok(());
                }
                let mut bench = Bench::new(run, *family, mode, routes)?;
                bench.measure()?;
                bench.report()?;
            }
        }
        Ok(())
    })
}
