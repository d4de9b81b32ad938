// SPDX-License-Identifier: GPL-2.0

//! The run of one stall: the state that its threads share.

use crate::{
    kernel_ext::delay::{sleep_ms, spin_us},
    lab::progress::Progress,
    rcu,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
};
use kernel::{
    current,
    time::{Instant, Monotonic},
};

/// How often sleeping threads check whether the run is over.
const SLEEP_INTERVAL_MS: u32 = 5;
/// How often spinning threads check whether the run is over.
const SPIN_INTERVAL_US: u32 = 500;

/// Where a stall runs and for how long.
pub(super) struct Plan {
    /// The name of the culprit, if it is a thread.
    pub(super) culprit: Option<&'static CStr>,
    /// The CPU to stall.
    pub(super) cpu: u32,
    /// Another online CPU, if there is one.
    pub(super) other_cpu: Option<u32>,
    pub(super) hold_ms: u32,
    pub(super) holdoff_ms: u32,
}

/// The state that the threads of a stall share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) progress: Progress,
    /// The run must end early: setup has failed, or the stall has shown its effect.
    is_abandoned: AtomicBool,
    has_culprit_begun: AtomicBool,
    /// The culprit's PID, if it is a thread.
    pid: AtomicI32,
    /// The duration of the first grace period after the culprit's end.
    recovery_ms: AtomicU64,
}

// ORDERING: Relaxed: the flags only request or record. The run joins its threads, and waits for
// callbacks and interrupts, before it uses their results.
impl Run {
    /// A run that begins now.
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            progress: Progress::new(),
            is_abandoned: AtomicBool::new(false),
            has_culprit_begun: AtomicBool::new(false),
            pid: AtomicI32::new(0),
            recovery_ms: AtomicU64::new(0),
        }
    }

    /// Returns the milliseconds until the culprit must end.
    ///
    /// They count from the beginning of the run, so that threads that start late do not extend it.
    ///
    /// Context: any but NMI.
    pub(super) fn left_ms(&self) -> u32 {
        let ms = u64::from(self.plan.holdoff_ms) + u64::from(self.plan.hold_ms);
        if self.progress.is_stopped() || self.is_abandoned.load(Ordering::Relaxed) {
            return 0;
        }
        u32::try_from(ms.saturating_sub(self.progress.elapsed_ms())).unwrap_or(u32::MAX)
    }

    /// Returns whether the culprit must end.
    ///
    /// Context: any but NMI.
    pub(super) fn is_over(&self) -> bool {
        self.left_ms() == 0
    }

    /// Keeps the CPU busy until the run is over.
    ///
    /// Context: any but NMI.
    pub(super) fn spin_until_over(&self) {
        while !self.is_over() {
            spin_us(SPIN_INTERVAL_US);
        }
    }

    /// Sleeps until the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn sleep_until_over(&self) {
        while !self.is_over() {
            sleep_ms(SLEEP_INTERVAL_MS);
        }
    }

    /// Notes that the culprit has begun. The culprit calls it.
    ///
    /// Context: any.
    pub(super) fn note_culprit_began(&self) {
        if self.plan.culprit.is_some() {
            self.set_pid(current!().pid());
        }
        self.has_culprit_begun.store(true, Ordering::Relaxed);
    }

    /// Waits until the culprit has begun, or the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn wait_for_culprit(&self) {
        while !self.has_culprit_begun.load(Ordering::Relaxed) && !self.is_over() {
            sleep_ms(1);
        }
    }

    /// Makes all threads end early.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Waits for the hold-off, unless the run is stopped.
    ///
    /// Context: may sleep.
    pub(super) fn hold_off(&self) {
        let is_early = || self.progress.elapsed_ms() < self.plan.holdoff_ms.into();
        while is_early() && !self.progress.is_stopped() {
            sleep_ms(SLEEP_INTERVAL_MS);
        }
    }

    /// Measures a grace period after the culprit's end.
    ///
    /// Context: may sleep.
    pub(super) fn measure_recovery(&self) {
        let since = Instant::<Monotonic>::now();
        rcu::synchronize();
        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(0);
        self.recovery_ms.store(ms, Ordering::Relaxed);
    }

    /// Returns the ms that [`Self::measure_recovery`] measured; 0 before.
    pub(super) fn recovery_ms(&self) -> u64 {
        self.recovery_ms.load(Ordering::Relaxed)
    }

    /// Sets the PID of the thread that blocks the grace period.
    pub(super) fn set_pid(&self, pid: i32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Returns the culprit's PID; 0 if it has not begun or is not a thread.
    pub(super) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }
}
