// SPDX-License-Identifier: GPL-2.0

//! A writer that changes the table beside lookups. It gives each route another next hop, and later
//! its own again: the table does nothing if a route is replaced by an equal one.
//!
//! A writer at full speed also uses a CPU and its caches, as any busy thread does. So lookups are
//! also measured beside a writer, `apart`, that changes another table with the same routes. The
//! difference between the two is the cost of sharing a table with a writer.

use super::{
    copy::copy_table,
    knobs::Writer,
    run::Run,
    stream::{for_each_route, SplitMix},
};
use crate::{
    kernel_ext::{
        delay::sleep_ms,
        kthread::{Attributes, Kthread},
        params::Choice,
        sched,
    },
    rcu_table::{Family, Mode, NextHop, Route, Table},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{prelude::*, sync::Arc};

/// Routes that are replaced in turn.
const ROUTES: usize = 4096;

/// Changes after which a writer at full speed yields its CPU.
const CHANGES_PER_TURN: u64 = 256;

/// Nanoseconds between two changes of a paced writer.
const PACE_NS: u64 = 1_000_000;

/// The writers to measure beside, and the routes that they replace: with other next hops, then with
/// their own.
pub(super) struct Writers {
    routes: Arc<KVVec<Route>>,
    targets: KVec<Target>,
}

/// A writer's name in rows, and the table that it changes.
#[derive(Clone)]
struct Target {
    name: &'static str,
    table: Arc<Table>,
}

/// Chooses at most `count` random routes of some families of a table.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn choose_routes(
    run: &Run,
    table: &Table,
    families: impl Iterator<Item = Family>,
    count: usize,
) -> Result<KVVec<Route>> {
    let mut chosen: KVVec<Route> = KVVec::with_capacity(count, GFP_KERNEL)?;
    let mut random = SplitMix::new(u64::from(run.plan.seed) + 2);
    let mut seen = 0;
    for family in families {
        for_each_route(table, family, |route| {
            seen += 1;
            // Reservoir sampling: each route seen so far is chosen with the same probability.
            if chosen.push_within_capacity(*route).is_err() {
                if let Some(place) = chosen.get_mut(random.below(seen)) {
                    *place = *route;
                }
            }
            Ok(true)
        })?;
    }
    Ok(chosen)
}

/// Returns these routes with other next hops: each with that of the route after it, if that
/// differs.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn with_other_next_hops(routes: &[Route]) -> Result<KVVec<Route>> {
    let mut others = KVVec::with_capacity(routes.len(), GFP_KERNEL)?;
    for (index, route) in routes.iter().enumerate() {
        let next = routes.get(index + 1).or(routes.first());
        let next = next.map_or(NextHop::Throw, |next| next.next_hop);
        let next_hop = match next == route.next_hop {
            true if next == NextHop::Blackhole => NextHop::Unreachable,
            true => NextHop::Blackhole,
            false => next,
        };
        others.push(Route { next_hop, ..*route }, GFP_KERNEL)?;
    }
    Ok(others)
}

/// Fails if a change of `table` changed nothing: its time would not be that of a change.
///
/// Errors: `EIO`, and a message in the log. Context: may sleep.
pub(super) fn check_changes(table: &Table) -> Result {
    match table.stats()?.unchanged {
        0 => Ok(()),
        unchanged => {
            pr_err!("scale: {unchanged} measured changes had no effect\n");
            Err(EIO)
        }
    }
}

impl Writers {
    /// Prepares the planned writer of a table.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(run: &Run, table: &Arc<Table>) -> Result<Self> {
        let own = choose_routes(run, table, run.plan.families(), ROUTES)?;
        let mut routes = with_other_next_hops(&own)?;
        routes.extend_from_slice(&own, GFP_KERNEL)?;
        let mut targets = KVec::new();
        if run.plan.writer == Writer::Full {
            let (name, table) = ("apart", copy_table(run)?);
            targets.push(Target { name, table }, GFP_KERNEL)?;
        }
        let (name, table) = (run.plan.writer.name(), table.clone());
        targets.push(Target { name, table }, GFP_KERNEL)?;
        Ok(Self {
            routes: Arc::new(routes, GFP_KERNEL)?,
            targets,
        })
    }

    /// Starts each writer in turn, and calls `measure` while it runs.
    ///
    /// Errors: those of [`Kthread::spawn`] and of `measure`. Context: may sleep.
    pub(super) fn measure_beside_each(
        &self,
        run: &Arc<Run>,
        mut measure: impl FnMut(&RunningWriter) -> Result,
    ) -> Result {
        for target in &self.targets {
            measure(&self.start(run, target)?)?;
            check_changes(&target.table)?;
        }
        Ok(())
    }

    /// Starts a writer and waits for its first change.
    fn start(&self, run: &Arc<Run>, target: &Target) -> Result<RunningWriter> {
        let state = State {
            target: target.clone(),
            routes: self.routes.clone(),
            began_ns: run.now_ns(),
            is_over: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        };
        let state = Arc::new(state, GFP_KERNEL)?;
        let (writer_run, shared) = (run.clone(), state.clone());
        let write = move || shared.write(&writer_run);
        let writer = RunningWriter {
            _thread: Kthread::spawn(c"rcu_scale_writer", Attributes::default(), write)?,
            state,
        };
        writer.wait_for_changes(run);
        Ok(writer)
    }
}

struct State {
    target: Target,
    routes: Arc<KVVec<Route>>,
    /// The start of the writer, by the run's clock.
    began_ns: u64,
    is_over: AtomicBool,
    changes: AtomicU64,
}

// ORDERING: Relaxed: a request to end and a statistic; neither publishes other memory.
impl State {
    fn is_over(&self, run: &Run) -> bool {
        self.is_over.load(Ordering::Relaxed) || run.is_stopped()
    }

    fn write(&self, run: &Run) {
        let is_paced = run.plan.writer == Writer::Paced;
        let (mut at, len) = (0, self.routes.len());
        while !self.is_over(run) {
            let done = self.changes.load(Ordering::Relaxed);
            let due = match is_paced {
                true => (run.now_ns() - self.began_ns) / PACE_NS,
                false => done + CHANGES_PER_TURN,
            };
            for _ in done..due {
                let Some(route) = self.routes.get(at) else {
                    return;
                };
                self.change(route);
                at += 1;
                if at == len {
                    at = 0;
                }
            }
            self.changes.store(due.max(done), Ordering::Relaxed);
            match is_paced {
                true => sleep_ms(1),
                false => sched::yield_now(),
            }
        }
        self.restore(at);
    }

    fn change(&self, route: &Route) {
        // If memory is short, the route does not change.
        let _ = self.target.table.insert(route, Mode::Change);
    }

    /// Gives all routes their own next hops, before the change of index `at`: the next writer's
    /// first changes would have no effect otherwise.
    fn restore(&self, at: usize) {
        let own = &self.routes[self.routes.len() / 2..];
        let changed = match at.checked_sub(own.len()) {
            None => 0..at,
            Some(restored) => restored..own.len(),
        };
        own[changed].iter().for_each(|route| self.change(route));
    }
}

/// A writer's thread. Dropping it ends and joins the thread.
pub(super) struct RunningWriter {
    state: Arc<State>,
    _thread: Kthread,
}

impl RunningWriter {
    /// Returns the writer's name in rows.
    pub(super) fn name(&self) -> &'static str {
        self.state.target.name
    }

    /// Waits for the first changes, so that readers do not begin without the writer.
    fn wait_for_changes(&self, run: &Run) {
        let state = &self.state;
        while state.changes.load(Ordering::Relaxed) == 0
            && !state.routes.is_empty()
            && !state.is_over(run)
        {
            sleep_ms(1);
        }
    }

    /// Returns the rate of changes until now.
    pub(super) fn changes_per_second(&self, run: &Run) -> Option<u64> {
        let changes = self.state.changes.load(Ordering::Relaxed);
        (changes * 1_000_000_000).checked_div(run.now_ns() - self.state.began_ns)
    }
}

impl Drop for RunningWriter {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}
