// SPDX-License-Identifier: GPL-2.0

//! `scale=update`: the cost of a change of the table, in each reclaim mode, on a copy of the
//! device's table.
//!
//! Random routes get other next hops, and are deleted and added again. The groups of deleted
//! routes are so large that a route has left the processor's caches before it is added. Each figure
//! includes the cost of reading the clock.
//!
//! In a reclaim mode whose updates wait, a time limit bounds a run instead of the number of
//! changes.

use super::{
    copy::{copy_table, set_reclaim},
    measurement::Measurement,
    row::{family_name, Label},
    run::Run,
    stream::no_routes,
    writer::{check_changes, choose_routes, with_other_next_hops},
};
use crate::{
    kernel_ext::{
        delay::sleep_ms,
        params::{choices, Choice},
        sched,
    },
    rcu,
    rcu_table::{Family, Mode, ReclaimMode, Route, Table},
};
use kernel::{prelude::*, sync::Arc};

pub(super) const UPDATE: Measurement = Measurement {
    name: "update",
    default_loops: 5_000,
    uses_table: true,
    uses_writer: false,
    keeps_latencies: true,
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

choices! {
    /// A change of a route.
    enum Change {
        Replace = "replace",
        Delete = "delete",
        Add = "add",
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
    table: &'r Table,
    family: Family,
    reclaim: ReclaimMode,
    routes: &'r [Route],
    /// The routes with other next hops.
    others: KVVec<Route>,
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
    fn new(
        run: &'r Run,
        table: &'r Table,
        family: Family,
        reclaim: ReclaimMode,
        routes: &'r [Route],
    ) -> Result<Self> {
        set_reclaim(reclaim);
        Ok(Self {
            run,
            table,
            family,
            reclaim,
            routes,
            others: with_other_next_hops(routes)?,
            replaced: Latencies::with_capacity(routes.len())?,
            deleted: Latencies::with_capacity(routes.len())?,
            added: Latencies::with_capacity(routes.len())?,
        })
    }

    /// Changes a route and records the latency.
    ///
    /// Errors: those of the table.
    fn change(&mut self, change: Change, route: &Route) -> Result {
        let table = self.table;
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
            latencies.behind = latencies.behind.max(table.stats()?.retired_bytes);
            sched::yield_now();
        }
        Ok(())
    }

    /// Returns whether each change waits for a grace period.
    fn waits(&self) -> bool {
        matches!(
            self.reclaim,
            ReclaimMode::Synchronize | ReclaimMode::Expedited
        )
    }

    fn is_over(&self, latencies: &Latencies) -> bool {
        self.run.is_stopped() || (self.waits() && latencies.total_ns() > LIMIT_NS)
    }

    fn replace_all(&mut self) -> Result {
        for index in 0..self.others.len() {
            let other = self.others[index];
            self.change(Change::Replace, &other)?;
            if self.is_over(&self.replaced) {
                break;
            }
        }
        // The next measurement must find the routes as they were.
        for route in &self.routes[..self.replaced.ns.len()] {
            self.table.insert(route, Mode::Change)?;
        }
        check_changes(self.table)
    }

    fn delete_and_add_all(&mut self) -> Result {
        let group = match self.waits() {
            true => GROUP_IF_WAITING,
            false => GROUP,
        };
        for routes in self.routes.chunks(group) {
            for route in routes {
                self.change(Change::Delete, route)?;
            }
            for route in routes {
                self.change(Change::Add, route)?;
            }
            if self.is_over(&self.deleted) || self.is_over(&self.added) {
                break;
            }
        }
        Ok(())
    }

    /// Waits until earlier changes are reclaimed, for a limited time.
    fn wait_for_reclaim(&self) {
        rcu::barrier();
        for _ in 0..RECLAIM_POLLS {
            let stats = self.table.stats();
            if self.run.is_stopped() || stats.is_ok_and(|stats| stats.retired_bytes == 0) {
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
                ("reclaim", self.reclaim.name()),
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
    let table = copy_table(run)?;
    let mut inputs = KVec::new();
    for family in run.plan.families() {
        let routes = choose_routes(run, &table, [family].into_iter(), run.plan.loops as usize)?;
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
                let mut bench = Bench::new(run, &table, *family, mode, routes)?;
                bench.measure()?;
                bench.add_rows()?;
            }
        }
        Ok(())
    })
}
