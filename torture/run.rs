// SPDX-License-Identifier: GPL-2.0

//! A run: the state that its threads share.

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

/// Seconds after which an unfinished update, or an element missing from the pool, is an error.
pub(super) const STUCK_TIMEOUT_SECS: u64 = 60;
/// A run must last that long to have a verdict, in milliseconds.
pub(super) const MIN_VERDICT_MS: u64 = 1000;
/// Milliseconds between two checks whether the run is over.
pub(super) const POLL_INTERVAL_MS: u32 = 50;

/// The state that the threads of a run share.
pub(crate) struct Run {
    pub(super) plan: Plan,
    pub(super) findings: Arc<Findings>,
    /// Counters of threads that count rarely.
    pub(super) counters: Counters,
    /// Counters of each reader; the first ones are for interrupts.
    pub(super) readers: KVec<Arc<Counters>>,
    pub(super) progress: Progress,
    is_paused: AtomicBool,
}

// ORDERING: Relaxed: `is_paused` is only a request.
impl Run {
    /// Creates a run that has not started.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(plan: Plan) -> Result<Self> {
        // One more for readers in interrupts.
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

    /// Requests all threads to end if the run's time is over.
    pub(super) fn stop_at_its_time(&self) {
        if self.plan.shutdown > 0 && self.seconds() >= self.plan.shutdown.into() {
            self.stop();
        }
    }

    /// Returns whether threads must end.
    pub(super) fn is_over(&self) -> bool {
        self.progress.is_stopped()
    }

    /// Returns whether a thread should continue. Waits while the run is paused.
    ///
    /// Context: may sleep.
    pub(super) fn should_continue(&self, random: &mut Random) -> bool {
        while self.is_paused() && !self.is_over() {
            sleep_ms(1 + random.below(20));
        }
        !self.is_over()
    }

    /// Sleeps for `ms` milliseconds, or until the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn sleep(&self, ms: u32) {
        let mut left = ms;
        while left > 0 && !self.is_over() {
            let ms = left.min(POLL_INTERVAL_MS);
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

    /// Returns a counter's sum over all threads.
    pub(super) fn total(&self, count: Count) -> u64 {
        let readers: u64 = self.readers.iter().map(|reader| reader.get(count)).sum();
        readers + self.counters.get(count)
    }

    /// Returns the histogram of reads by age.
    pub(super) fn ages(&self) -> [u64; AGES] {
        let mut ages = [0; AGES];
        for reader in &self.readers {
            reader.add_ages_to(&mut ages);
        }
        ages
    }
}
