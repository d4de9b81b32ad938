// SPDX-License-Identifier: GPL-2.0

//! A run: one stall, from its beginning to its end.

use super::{knobs::Plan, report};
use crate::{
    kernel_ext::{
        delay::{sleep_ms, spin_us},
        kthread::Attributes,
    },
    lab::job::{Job, Outcome, Progress},
    rcu,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
};
use kernel::{
    current,
    sync::Arc,
    time::{Instant, Monotonic},
};

/// Milliseconds between two looks at the run, of those who sleep.
const TICK_MS: u32 = 5;
/// Microseconds between two looks at the run, of those who spin.
const TICK_US: u32 = 500;

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) progress: Progress,
    /// It could not be set up, and what there is of it is to end.
    is_abandoned: AtomicBool,
    /// The culprit has begun.
    is_held: AtomicBool,
    /// The culprit's, if it is a thread.
    pid: AtomicI32,
    /// Milliseconds that the first grace period after the culprit's end took, once it has ended.
    recovery: AtomicU64,
}

// ORDERING: The flags are only looked at; threads are joined, callbacks and interrupts waited for, before anything
// depends on what they did.
impl Run {
    /// A run that begins now.
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            progress: Progress::new(),
            is_abandoned: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            pid: AtomicI32::new(0),
            recovery: AtomicU64::new(0),
        }
    }

    /// Milliseconds that are left for the culprit, counted from the beginning of the run: threads that start
    /// late do not make it last longer.
    ///
    /// Context: any but NMI.
    pub(super) fn left_ms(&self) -> u32 {
        let ms = u64::from(self.plan.holdoff_ms) + u64::from(self.plan.hold_ms);
        if self.progress.is_stopped() || self.is_abandoned.load(Ordering::Relaxed) {
            return 0;
        }
        u32::try_from(ms.saturating_sub(self.progress.elapsed_ms())).unwrap_or(u32::MAX)
    }

    /// Whether the culprit is to end.
    ///
    /// Context: any but NMI.
    pub(super) fn is_over(&self) -> bool {
        self.left_ms() == 0
    }

    /// Keeps the CPU busy until the run is over.
    ///
    /// Context: any but NMI.
    pub(super) fn spin(&self) {
        while !self.is_over() {
            spin_us(TICK_US);
        }
    }

    /// Sleeps until the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn sleep(&self) {
        while !self.is_over() {
            sleep_ms(TICK_MS);
        }
    }

    /// To be called by the culprit when it has begun.
    ///
    /// Context: any.
    pub(super) fn note_held(&self) {
        if self.plan.kind.culprit.is_some() {
            self.note_culprit(current!().pid());
        }
        self.is_held.store(true, Ordering::Relaxed);
    }

    /// Tells who holds up the grace period, where that is no thread of this module.
    pub(super) fn note_culprit(&self, pid: i32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Waits until the culprit has begun, or the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn wait_until_held(&self) {
        while !self.is_held.load(Ordering::Relaxed) && !self.is_over() {
            sleep_ms(1);
        }
    }

    /// Has all threads end, without it being anyone's wish.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    fn hold_off(&self) {
        let is_early = || self.progress.elapsed_ms() < self.plan.holdoff_ms.into();
        while is_early() && !self.progress.is_stopped() {
            sleep_ms(TICK_MS);
        }
    }

    /// How long grace periods take since it has ended, in milliseconds.
    pub(super) fn recovery_ms(&self) -> u64 {
        self.recovery.load(Ordering::Relaxed)
    }

    /// The culprit's process identifier; 0 if it has not begun, or is no thread.
    pub(super) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }
}

/// Waits for a grace period, and tells how many milliseconds it took.
///
/// Context: may sleep.
fn grace_period_ms() -> u64 {
    let since = Instant::<Monotonic>::now();
    rcu::synchronize();
    u64::try_from(since.elapsed().as_millis()).unwrap_or(0)
}

impl Job for Run {
    const NAME: &'static CStr = c"rcu_stall";
    const BUSY: &'static str = "stall: a stall goes on; write none to end it";

    fn attributes(&self) -> Attributes {
        Attributes {
            // Its timers must not be on a CPU that does not serve them.
            cpu: self.plan.other_cpu,
            ..Attributes::default()
        }
    }

    fn conduct(this: &Arc<Self>) {
        this.hold_off();
        // RCU takes its time-outs when a grace period begins: those that were set just before are in force now.
        grace_period_ms();
        report::begin(this);
        let result = match this.is_over() {
            true => Ok(()),
            false => (this.plan.kind.provoke)(this),
        };
        let took = this.progress.elapsed_ms();
        // Only when grace periods come to their end again is it over.
        this.recovery.store(grace_period_ms(), Ordering::Relaxed);
        this.progress.end(result, took);
        report::end(this);
    }

    fn stop(&self) {
        self.progress.stop();
    }

    fn has_ended(&self) -> bool {
        self.progress.outcome() != Outcome::None
    }
}
