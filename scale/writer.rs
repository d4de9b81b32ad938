// SPDX-License-Identifier: GPL-2.0

//! Who changes the table while it is looked at: each change puts a route in the place of itself, so that lookups
//! have the same answers, while the table copies a node, publishes it, and reclaims the old one.
//!
//! Routes that someone else changes meanwhile may come back as they were before.
//!
//! A writer at full speed also takes time of a CPU and room in its caches, as whatever is busy does. So lookups are
//! measured beside one as well that does the same to a copy of the table: what readers take longer than beside
//! that, they take because they share a table with a writer.

use super::{
    knobs::Writer,
    run::Run,
    stream::{walk, SplitMix},
};
use crate::{
    kernel_ext::{
        delay::sleep_ms,
        kthread::{Attributes, Kthread},
        sched,
    },
    rcu_table::{Family, Mode, Operation, Reload, Route, Table},
    SETTINGS,
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{prelude::*, sync::Arc};

/// Routes that are replaced in turn.
const ROUTES: usize = 4096;

/// Changes before others may run.
const POLITE: u64 = 256;

/// Nanoseconds from one change to the next of a writer that is paced.
const PACE: u64 = 1_000_000;

/// Routes to change, and who changes them in which table.
pub(super) struct Churn {
    routes: Arc<KVVec<Route>>,
    writers: KVec<(Writer, Arc<Table>)>,
}

/// So many routes of some families, or all that there are, chosen at random.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn choose(
    run: &Run,
    families: impl Iterator<Item = Family>,
    count: usize,
) -> Result<KVVec<Route>> {
    let mut chosen: KVVec<Route> = KVVec::with_capacity(count, GFP_KERNEL)?;
    let mut random = SplitMix::new(u64::from(run.plan.seed) + 2);
    let mut seen = 0;
    for family in families {
        walk(&run.table, family, |route| {
            seen += 1;
            // Each of those that were seen is equally likely to be among them.
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

/// A table with the same routes of the families that are measured.
///
/// Errors: `ENOMEM`. Context: may sleep.
fn copy(run: &Run) -> Result<Arc<Table>> {
    let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL)?;
    let mut reload = Reload::new(table.clone())?;
    for family in run.plan.families() {
        walk(&run.table, family, |route| {
            reload.apply(&Operation::Insert(*route, Mode::Add))?;
            Ok(!run.is_stopped())
        })?;
    }
    reload.commit()?;
    Ok(table)
}

impl Churn {
    /// What the plan's writer is to change.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if the table has more routes than `max_routes` allows. Context: may sleep.
    pub(super) fn new(run: &Run) -> Result<Self> {
        let routes = choose(run, run.plan.families(), ROUTES)?;
        let mut writers = KVec::new();
        if run.plan.writer == Writer::Full {
            writers.push((Writer::Apart, copy(run)?), GFP_KERNEL)?;
        }
        writers.push((run.plan.writer, run.table.clone()), GFP_KERNEL)?;
        Ok(Self {
            routes: Arc::new(routes, GFP_KERNEL)?,
            writers,
        })
    }

    /// Starts each writer in turn, and has `measure` called beside it.
    ///
    /// Errors: those of [`Kthread::spawn`] and of `measure`. Context: may sleep.
    pub(super) fn beside_each(
        &self,
        run: &Arc<Run>,
        mut measure: impl FnMut(&Writing) -> Result,
    ) -> Result {
        for (writer, table) in &self.writers {
            measure(&self.start(run, *writer, table)?)?;
        }
        Ok(())
    }

    /// Starts a writer, which ends when this is dropped, and waits until it is at work.
    fn start(&self, run: &Arc<Run>, writer: Writer, table: &Arc<Table>) -> Result<Writing> {
        let state = State {
            writer,
            table: table.clone(),
            routes: self.routes.clone(),
            began: run.now(),
            is_over: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        };
        let state = Arc::new(state, GFP_KERNEL)?;
        let (writer_run, shared) = (run.clone(), state.clone());
        let write = move || shared.write(&writer_run);
        let writing = Writing {
            _thread: Kthread::spawn(c"rcu_scale_writer", Attributes::default(), write)?,
            state,
        };
        writing.wait_for_changes(run);
        Ok(writing)
    }
}

struct State {
    writer: Writer,
    table: Arc<Table>,
    routes: Arc<KVVec<Route>>,
    /// When, on the run's clock.
    began: u64,
    is_over: AtomicBool,
    changes: AtomicU64,
}

// ORDERING: The flag and the number are only looked at; nothing is published through them.
impl State {
    fn is_over(&self, run: &Run) -> bool {
        self.is_over.load(Ordering::Relaxed) || run.is_stopped()
    }

    fn write(&self, run: &Run) {
        let mut routes = self.routes.iter().cycle();
        while !self.is_over(run) {
            let done = self.changes.load(Ordering::Relaxed);
            let due = match self.writer {
                Writer::Paced => (run.now() - self.began) / PACE,
                _ => done + POLITE,
            };
            for _ in done..due {
                let Some(route) = routes.next() else {
                    return;
                };
                replace(&self.table, route);
            }
            self.changes.store(due.max(done), Ordering::Relaxed);
            match self.writer {
                Writer::Paced => sleep_ms(1),
                _ => sched::yield_now(),
            }
        }
    }
}

/// Puts a route in the place of itself. One that someone has deleted does not come back.
fn replace(table: &Table, route: &Route) {
    let _ = table.insert(route, Mode::Change);
}

/// A writer at work.
pub(super) struct Writing {
    state: Arc<State>,
    _thread: Kthread,
}

impl Writing {
    /// Who that is.
    pub(super) fn writer(&self) -> Writer {
        self.state.writer
    }

    /// Readers that begin before it does would be measured without it.
    fn wait_for_changes(&self, run: &Run) {
        let state = &self.state;
        while state.changes.load(Ordering::Relaxed) == 0
            && !state.routes.is_empty()
            && !state.is_over(run)
        {
            sleep_ms(1);
        }
    }

    /// How fast it has been until now.
    pub(super) fn changes_per_second(&self, run: &Run) -> Option<u64> {
        let changes = self.state.changes.load(Ordering::Relaxed);
        (changes * 1_000_000_000).checked_div(run.now() - self.state.began)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}
