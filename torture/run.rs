// SPDX-License-Identifier: GPL-2.0

//! A run: its threads, from the first to the verdict.

use super::{
    counters::{Count, Counters, AGES},
    findings::Findings,
    knobs::Plan,
};
use crate::{
    kernel_ext::{delay::sleep_ms, random::Random},
    lab::progress::Progress,
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{prelude::*, sync::Arc};

/// Seconds in which an update, and an element's way home, has to be done.
pub(super) const PATIENCE: u64 = 60;
/// Milliseconds between two looks at whether a run is over.
pub(super) const TICK_MS: u32 = 50;

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) findings: Arc<Findings>,
    /// Of those who count seldom.
    pub(super) counters: Counters,
    /// Of each reader.
    pub(super) readers: KVec<Arc<Counters>>,
    pub(super) progress: Progress,
    is_paused: AtomicBool,
}

// ORDERING: Relaxed: `is_paused` is a request alone.
impl Run {
    /// A run that has not begun.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(plan: Plan) -> Result<Self> {
        // One more for those who read in interrupts.
        let mut readers = KVec::with_capacity(plan.readers + 1, GFP_KERNEL)?;
        for _ in 0..=plan.readers {
            readers.push(Arc::new(Counters::new(), GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self {
            findings: Arc::new(Findings::new(plan.bug), GFP_KERNEL)?,
            plan,
            counters: Counters::new(),
            readers,
            progress: Progress::new(),
            is_paused: AtomicBool::new(false),
        })
    }

    /// Requests all threads to end. Does not wait.
    pub(super) fn stop(&self) {
        self.progress.stop();
    }

    /// Returns whether threads must end.
    pub(super) fn is_over(&self) -> bool {
        self.progress.is_stopped()
    }

    /// Whether a thread goes on. Waits while all rest.
    ///
    /// Context: may sleep.
    pub(super) fn goes_on(&self, random: &mut Random) -> bool {
        while self.is_paused() && !self.is_over() {
            sleep_ms(1 + random.below(20));
        }
        !self.is_over()
    }

    /// Sleeps for so long, unless the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn rest(&self, ms: u32) {
        let mut left = ms;
        while left > 0 && !self.is_over() {
            let ms = left.min(TICK_MS);
            sleep_ms(ms);
            left -= ms;
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    /// Returns the duration until now or until the end.
    pub(super) fn seconds(&self) -> u64 {
        self.progress.took_ms() / 1000
    }

    /// A counter's sum over all threads.
    pub(super) fn total(&self, count: Count) -> u64 {
        let readers: u64 = self.readers.iter().map(|reader| reader.get(count)).sum();
        readers + self.counters.get(count)
    }

    /// Reads by age.
    pub(super) fn ages(&self) -> [u64; AGES] {
        let mut ages = [0; AGES];
        for reader in &self.readers {
            reader.add_ages_to(&mut ages);
        }
        ages
    }
}
