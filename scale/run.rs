// SPDX-License-Identifier: GPL-2.0

//! The runs of one measurement: the state that its threads share.

use super::{
    knobs::{Families, Writer},
    row::Rows,
};
use crate::{
    lab::progress::Progress,
    rcu_table::{Family, Table},
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{prelude::*, sync::Arc};

/// The extent of a measurement.
pub(super) struct Plan {
    /// Reader threads, at most one for each CPU.
    pub(super) readers: u32,
    pub(super) loops: u32,
    pub(super) runs: u32,
    pub(super) seed: u32,
    pub(super) writer: Writer,
    pub(super) families: Families,
}

impl Plan {
    /// Returns the numbers of readers to measure: one, and the requested number.
    pub(super) fn reader_counts(&self) -> impl Iterator<Item = u32> {
        let many = self.readers;
        [1, many].into_iter().take(if many > 1 { 2 } else { 1 })
    }

    /// Returns the number of latencies of a row that keeps each one.
    pub(super) fn latencies(&self) -> u64 {
        u64::from(self.loops) * u64::from(self.runs)
    }

    /// Returns the families to measure.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> {
        let families = self.families;
        Family::ALL
            .into_iter()
            .filter(move |family| families.contains(*family))
    }
}

/// The state that the threads of a measurement share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) table: Arc<Table>,
    pub(super) rows: Arc<Rows>,
    pub(super) progress: Progress,
    /// How often all rows were measured.
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

    /// Returns the nanoseconds since the beginning.
    ///
    /// Context: any but NMI.
    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        self.progress.elapsed().as_nanos() as u64
    }

    /// Returns whether the run was requested to stop.
    ///
    /// Context: any.
    pub(super) fn is_stopped(&self) -> bool {
        self.progress.is_stopped()
    }

    /// Calls `measure` as often as planned, unless the run is stopped.
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

    /// Returns how often all rows were measured.
    pub(super) fn passed(&self) -> u32 {
        self.passed.load(Ordering::Relaxed)
    }
}
