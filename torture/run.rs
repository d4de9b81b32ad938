// SPDX-License-Identifier: GPL-2.0

//! A run: its threads, from the first to the verdict.

use super::{
    counters::{Count, Counters, AGES},
    findings::{Finding, Findings},
    knobs::{Plan, Subject},
    pointers,
    rcu::Pointer,
    report, routes,
    srcu::SleepablePointer,
};
use crate::kernel_ext::{delay::sleep_ms, random::Random};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

/// Seconds in which an update, and an element's way home, has to be done.
pub(super) const PATIENCE: u64 = 60;
/// Milliseconds between two looks at whether a run is over.
pub(super) const TICK_MS: u32 = 50;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    Running,
    Stopping,
    Success,
    Failure,
}

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) findings: Arc<Findings>,
    /// Of those who count seldom.
    pub(super) counters: Counters,
    /// Of each reader.
    pub(super) readers: KVec<Arc<Counters>>,
    state: AtomicU8,
    is_paused: AtomicBool,
    began: Instant<Monotonic>,
    /// Seconds that it took, once it has ended.
    seconds: AtomicU64,
}

// ORDERING: `state` and `is_paused` are only looked at; threads are joined before anything depends on what they
// did.
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
            state: AtomicU8::new(State::Running as u8),
            is_paused: AtomicBool::new(false),
            began: Instant::now(),
            seconds: AtomicU64::new(0),
        })
    }

    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::Stopping,
            2 => State::Success,
            _ => State::Failure,
        }
    }

    /// Asks all threads to end. Does not wait.
    pub(super) fn stop(&self) {
        let _ = self.state.compare_exchange(
            State::Running as u8,
            State::Stopping as u8,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Whether threads are to end.
    pub(super) fn is_over(&self) -> bool {
        self.state.load(Ordering::Relaxed) != State::Running as u8
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state(), State::Success | State::Failure)
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

    /// How long it has lasted, or lasted.
    pub(super) fn seconds(&self) -> u64 {
        match self.seconds.load(Ordering::Relaxed) {
            0 => (self.began.elapsed().as_millis() / 1000) as u64,
            seconds => seconds,
        }
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

    fn end(&self) {
        self.seconds.store(self.seconds().max(1), Ordering::Relaxed);
        let verdict = match self.findings.total() {
            0 => State::Success,
            _ => State::Failure,
        };
        // ORDERING: Release: who sees the verdict sees what led to it.
        self.state.store(verdict as u8, Ordering::Release);
    }
}

/// What the thread does that conducts a run, from its beginning to the verdict.
pub(super) fn conduct(run: &Arc<Run>) {
    report::begin(run);
    let result = match run.plan.subject {
        Subject::Rcu => pointers::torture::<Pointer>(run),
        Subject::Srcu => pointers::torture::<SleepablePointer>(run),
        Subject::Table => routes::torture(run),
    };
    if let Err(error) = result {
        let errno = error.to_errno().unsigned_abs().into();
        run.findings.note(Finding::NotStarted, errno);
    }
    run.stop();
    run.end();
    report::end(run);
}
