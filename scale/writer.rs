// SPDX-License-Identifier: GPL-2.0

//! Who changes the table while it is looked at: each change puts a route in the place of itself, so that lookups
//! have the same answers, while the table copies a node, publishes it, and reclaims the old one.
//!
//! Routes that someone else changes meanwhile may come back as they were before.

use super::{
    knobs::Writer,
    run::Run,
    stream::{walk, SplitMix},
};
use crate::{
    delay::sleep_ms,
    kthread::{Attributes, Kthread},
    rcu_table::{Family, Mode, Route, Table},
    sched,
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{prelude::*, sync::Arc};

/// Routes that are replaced in turn.
const ROUTES: usize = 4096;

/// Changes before others may run.
const POLITE: u64 = 256;

/// Nanoseconds from one change to the next of a writer that is paced.
const PACE: u64 = 1_000_000;

/// Routes to change.
pub(super) struct Churn(Arc<KVVec<Route>>);

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

impl Churn {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(run: &Run) -> Result<Self> {
        Ok(Self(Arc::new(
            choose(run, run.plan.families(), ROUTES)?,
            GFP_KERNEL,
        )?))
    }

    /// Starts a writer, which ends when this is dropped.
    ///
    /// Errors: those of [`Kthread::spawn`]. Context: may sleep.
    pub(super) fn start(&self, run: &Arc<Run>) -> Result<Writing> {
        let writing = Arc::new(
            State {
                is_over: AtomicBool::new(false),
                changes: AtomicU64::new(0),
            },
            GFP_KERNEL,
        )?;
        let (state, run, routes) = (writing.clone(), run.clone(), self.0.clone());
        let attributes = Attributes::default();
        let thread = Kthread::spawn(c"rcu_scale_writer", attributes, move || {
            state.write(&run, &routes)
        })?;
        Ok(Writing {
            state: writing,
            _thread: thread,
        })
    }
}

struct State {
    is_over: AtomicBool,
    changes: AtomicU64,
}

impl State {
    fn is_over(&self, run: &Run) -> bool {
        self.is_over.load(Ordering::Relaxed) || run.is_stopped()
    }

    fn write(&self, run: &Run, routes: &[Route]) {
        let begin = run.now();
        let mut routes = routes.iter().cycle();
        while !self.is_over(run) {
            let done = self.changes.load(Ordering::Relaxed);
            let due = match run.plan.writer {
                Writer::Full => done + POLITE,
                _ => (run.now() - begin) / PACE,
            };
            for _ in done..due {
                let Some(route) = routes.next() else {
                    return;
                };
                replace(&run.table, route);
            }
            self.changes.store(due.max(done), Ordering::Relaxed);
            match run.plan.writer {
                Writer::Full => sched::yield_now(),
                _ => sleep_ms(1),
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

impl Drop for Writing {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}
