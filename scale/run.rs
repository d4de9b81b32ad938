// SPDX-License-Identifier: GPL-2.0

//! A run of one kind: what its threads share, and how far it is.

use super::{
    grace_period,
    knobs::{Kind, Plan},
    lookup, read,
    row::Rows,
    update,
};
use crate::{
    lab::job::{Job, Outcome, Progress},
    rcu_table::Table,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{prelude::*, sync::Arc};

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) table: Arc<Table>,
    pub(super) rows: Arc<Rows>,
    pub(super) progress: Progress,
    /// How often the rows have been measured.
    passed: AtomicU32,
}

impl Run {
    /// A run that begins now.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(plan: Plan, table: Arc<Table>) -> Result<Self> {
        Ok(Self {
            plan,
            table,
            rows: Arc::pin_init(Rows::new(), GFP_KERNEL)?,
            progress: Progress::new(),
            passed: AtomicU32::new(0),
        })
    }

    /// Nanoseconds since the beginning.
    ///
    /// Context: any but NMI.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.progress.elapsed().as_nanos() as u64
    }

    /// Whether someone wants it to end.
    ///
    /// Context: any.
    pub(super) fn is_stopped(&self) -> bool {
        self.progress.is_stopped()
    }

    /// Measures as often as was asked for, unless the run is stopped.
    ///
    /// Errors: those of `measure`. Context: may sleep.
    pub(super) fn repeat(&self, mut measure: impl FnMut() -> Result) -> Result {
        for _ in 0..self.plan.runs {
            measure()?;
            if self.is_stopped() {
                break;
            }
            self.passed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How often the rows have been measured.
    pub(super) fn passed(&self) -> u32 {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Job for Run {
    const NAME: &'static CStr = c"rcu_scale";
    const BUSY: &'static str = "scale: a run goes on; write none to end it";

    fn conduct(this: &Arc<Self>) {
        let result = match this.plan.kind {
            Kind::Read => read::measure(this),
            Kind::Lookup => lookup::measure(this),
            Kind::Update => update::measure(this),
            Kind::Gp => grace_period::measure(this),
        };
        this.progress.end(result, this.progress.elapsed_ms());
    }

    fn stop(&self) {
        self.progress.stop();
    }

    fn has_ended(&self) -> bool {
        self.progress.outcome() != Outcome::None
    }
}
