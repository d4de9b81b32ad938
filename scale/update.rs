// SPDX-License-Identifier: GPL-2.0

//! `scale=update`: the cost of a change of the device's table, in each reclaim mode.
//!
//! Random routes are replaced by themselves, and deleted and added again. The groups of deleted
//! routes are so large that a route has left the processor's caches before it is added. Afterwards
//! the table has its former routes; meanwhile lookups may miss a route. Each figure includes the
//! cost of reading the clock.
//!
//! In a reclaim mode whose updates wait, a time limit bounds a run instead of the number of
//! changes.

use super::{
    measurement::Measurement,
    row::{family_name, Label},
    run::Run,
    stream::no_routes,
    writer::choose_routes,
};
use crate::{
    kernel_ext::{
        delay::sleep_ms,
        params::{choices, Choice},
        sched,
    },
    rcu,
    rcu_table::{Family, Mode, ReclaimMode, Route},
    SETTINGS,
};
use kernel::{prelude::*, sync::Arc};

pub(super) const UPDATE: Measurement = Measurement {
    name: "update",
    default_loops: 5_000,
    uses_table: true,
    uses_writer: false,
    measure,
};

/// Routes that are deleted before the first of them is added again.
const GROUP: usize = 500;
/// The same if each change waits for a grace period.
const GROUP_IF_WAITING: usize = 5;

/// The time limit of one kind of change in one run, if each change waits.
const LIMIT_NS: u64 = 300_000_000;

/// Changes between two checks of the retired bytes.
const CHECK_INTERVAL: usize = 16;

/// Waits of 10 ms for the reclaim of all retired bytes.
const RECLAIM_POLLS: u32 = 100;

/// Attempts to add a route again while memory is short.
const ATTEMPTS: u32 = 1000;

choices! {
    /// A change of a route.
    enum Change {
        Replace = "replace",
        Delete = "delete",
        Add = "add",
    }
}

/// Sets the table's reclaim mode until this is dropped.
struct ReclaimOverride {
    before: ReclaimMode,
    mode: ReclaimMode,
}

impl ReclaimOverride {
    fn new(mode: ReclaimMode) -> Self {
        let before = SETTINGS.reclaim();
        SETTINGS.set_reclaim(mode);
        Self { before, mode }
    }

    /// Returns whether updates wait for a grace period.
    fn waits(&self) -> bool {
        matches!(self.mode, ReclaimMode::Synchronize | ReclaimMode::Expedited)
    }
}

impl Drop for ReclaimOverride {
    fn drop(&mut self) {
        // A write to the parameter meanwhile takes precedence.
        if SETTINGS.reclaim() == self.mode {
            SETTINGS.set_reclaim(self.before);
        }
    }
}

/// The figures of one kind of change in one run.
struct Latencies {
    ns: KVVec<u64>,
    /// The most retired bytes after a change.
    behind: usize,
}

/// Changes of one family in one reclaim mode.
struct Bench<'r> {
    run: &'r Run,
    family: Family,
    reclaim: ReclaimOverride,
    routes: &'r [Route],
    replaced: Latencies,
    deleted: Latencies,
    added: Latencies,
}

impl Latencies {
    fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self {
            ns: KVVec::with_capacity(capacity, GFP_KERNEL)?,
            behind: 0,
        })
    }

    fn total_ns(&self) -> u64 {
        self.ns.iter().sum()
    }
}

impl<'r> Bench<'r> {
    fn new(run: &'r Run, family: Family, mode: ReclaimMode, routes: &'r [Route]) -> Result<Self> {
        Ok(Self {
            run,
            family,
            reclaim: ReclaimOverride::new(mode),
            routes,
            replaced: Latencies::with_capacity(routes.len())?,
            deleted: Latencies::with_capacity(routes.len())?,
            added: Latencies::with_capacity(routes.len())?,
        })
    }

    /// Changes a route and records the latency.
    ///
    /// Errors: those of the table.
    fn change(&mut self, change: Change, route: &Route) -> Result {
        let table = &self.run.table;
        let begin_ns = self.run.now_ns();
        match change {
            Change::Replace => table.insert(route, Mode::Change)?,
            Change::Delete => table.remove(&route.prefix, Some(route.metric), None)?,
            Change::Add => table.insert(route, Mode::Add)?,
        }
        let took_ns = self.run.now_ns() - begin_ns;
        let latencies = match change {
            Change::Replace => &mut self.replaced,
            Change::Delete => &mut self.deleted,
            Change::Add => &mut self.added,
        };
        // The capacity is that of all routes.
        let _ = latencies.ns.push_within_capacity(took_ns);
        if latencies.ns.len() % CHECK_INTERVAL == 0 {
            latencies.behind = latencies.behind.max(table.stats().retired_bytes);
            sched::yield_now();
        }
        Ok(())
    }

    fn is_over(&self, latencies: &Latencies) -> bool {
        self.run.is_stopped() || (self.reclaim.waits() && latencies.total_ns() > LIMIT_NS)
    }

    fn replace_all(&mut self) -> Result {
        for route in self.routes {
            match self.change(Change::Replace, route) {
                // A concurrent update has deleted it.
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
        let group = match self.reclaim.waits() {
            true => GROUP_IF_WAITING,
            false => GROUP,
        };
        let mut deleted = KVec::with_capacity(group, GFP_KERNEL)?;
        for routes in self.routes.chunks(group) {
            deleted.clear();
            let mut result = Ok(());
            for route in routes {
                match self.change(Change::Delete, route) {
                    Ok(()) => deleted.push(*route, GFP_KERNEL)?,
                    // A concurrent update has deleted it.
                    Err(error) if error == ESRCH => {}
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            for route in &deleted {
                self.add_again(route)?;
            }
            result?;
            if self.is_over(&self.deleted) || self.is_over(&self.added) {
                break;
            }
        }
        Ok(())
    }

    /// Adds a deleted route, and retries while memory is short.
    fn add_again(&mut self, route: &Route) -> Result {
        for _ in 0..ATTEMPTS {
            match self.change(Change::Add, route) {
                Ok(()) => return Ok(()),
                // A concurrent update has added one.
                Err(error) if error == EEXIST => return Ok(()),
                Err(_) => sleep_ms(10),
            }
        }
        pr_err!(
            "scale: cannot add deleted route {} again: out of memory\n",
            core::format_args!("{route}")
        );
        Err(ENOMEM)
    }

    /// Waits until earlier changes are reclaimed, for a limited time.
    fn wait_for_reclaim(&self) {
        rcu::barrier();
        for _ in 0..RECLAIM_POLLS {
            if self.run.is_stopped() || self.run.table.stats().retired_bytes == 0 {
                return;
            }
            sleep_ms(10);
        }
    }

    fn measure(&mut self) -> Result {
        self.wait_for_reclaim();
        self.replace_all()?;
        self.wait_for_reclaim();
        self.delete_and_add_all()
    }

    fn add_rows(&self) -> Result {
        let capacity = self.routes.len() * self.run.plan.runs as usize;
        for (change, latencies) in [
            (Change::Replace, &self.replaced),
            (Change::Delete, &self.deleted),
            (Change::Add, &self.added),
        ] {
            let keys = [
                ("family", family_name(self.family)),
                ("reclaim", self.reclaim.mode.name()),
                ("change", change.name()),
            ];
            let label = Label::new(keys, None);
            let rows = &self.run.rows;
            rows.add_latencies(label, capacity, &latencies.ns, Some(latencies.behind))?;
        }
        Ok(())
    }
}

/// Measures the requested families that have routes.
///
/// Errors: `ENOENT` without routes, `ENOMEM`, those of the table. Context: may sleep.
fn measure(run: &Arc<Run>) -> Result {
    let mut inputs = KVec::new();
    for family in run.plan.families() {
        let routes = choose_routes(run, [family].into_iter(), run.plan.loops as usize)?;
        if !routes.is_empty() {
            inputs.push((family, routes), GFP_KERNEL)?;
        }
    }
    if inputs.is_empty() {
        return Err(no_routes());
    }
    run.repeat(|| {
        for (family, routes) in &inputs {
            for mode in ReclaimMode::ALL {
                if run.is_stopped() {
                    return Ok(());
                }
                let mut bench = Bench::new(run, *family, mode, routes)?;
                bench.measure()?;
                bench.add_rows()?;
            }
        }
        Ok(())
    })
}
