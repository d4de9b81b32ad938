// SPDX-License-Identifier: GPL-2.0

//! A run: one stall, from its beginning to its end.

use super::{knobs::Plan, report};
use crate::{
    delay::{sleep_ms, spin_us},
    job::Job,
    kthread::Attributes,
    rcu,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicU8, Ordering},
};
use kernel::{
    current,
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

/// Milliseconds between two looks at the run, of those who sleep.
const TICK_MS: u32 = 5;
/// Microseconds between two looks at the run, of those who spin.
const TICK_US: u32 = 500;

/// How a run has come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    None,
    /// It has lasted for as long as it was to.
    Ended,
    /// It was told to end before.
    Stopped,
    /// It could not be set up.
    Failed(Error),
}

const RUNNING: u8 = 0;
const ENDED: u8 = 1;
const STOPPED: u8 = 2;
const FAILED: u8 = 3;

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    began: Instant<Monotonic>,
    /// Someone wants it to end.
    is_stopped: AtomicBool,
    /// It could not be set up, and what there is of it is to end.
    is_abandoned: AtomicBool,
    /// The culprit has begun.
    is_held: AtomicBool,
    /// The culprit's, if it is a thread.
    pid: AtomicI32,
    state: AtomicU8,
    /// With `FAILED`, why.
    error: AtomicI32,
    /// Milliseconds that it took, once it has ended.
    took: AtomicU64,
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
            began: Instant::now(),
            is_stopped: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            pid: AtomicI32::new(0),
            state: AtomicU8::new(RUNNING),
            error: AtomicI32::new(0),
            took: AtomicU64::new(0),
            recovery: AtomicU64::new(0),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(0)
    }

    /// Milliseconds that are left for the culprit, counted from the beginning of the run: threads that start
    /// late do not make it last longer.
    ///
    /// Context: any but NMI.
    pub(super) fn left_ms(&self) -> u32 {
        let ms = u64::from(self.plan.holdoff_ms) + u64::from(self.plan.hold_ms);
        let is_told = self.is_stopped.load(Ordering::Relaxed);
        if is_told || self.is_abandoned.load(Ordering::Relaxed) {
            return 0;
        }
        u32::try_from(ms.saturating_sub(self.elapsed_ms())).unwrap_or(u32::MAX)
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
        let is_early = || self.elapsed_ms() < self.plan.holdoff_ms.into();
        while is_early() && !self.is_stopped.load(Ordering::Relaxed) {
            sleep_ms(TICK_MS);
        }
    }

    fn end(&self, result: Result) {
        let state = match result {
            Err(error) => {
                self.error.store(error.to_errno(), Ordering::Relaxed);
                FAILED
            }
            Ok(()) if self.is_stopped.load(Ordering::Relaxed) => STOPPED,
            Ok(()) => ENDED,
        };
        // ORDERING: Release: who sees the end sees how it came.
        self.state.store(state, Ordering::Release);
    }

    /// How it has come out.
    pub(super) fn outcome(&self) -> Outcome {
        match self.state.load(Ordering::Acquire) {
            RUNNING => Outcome::None,
            ENDED => Outcome::Ended,
            STOPPED => Outcome::Stopped,
            _ => Outcome::Failed(Error::from_errno(self.error.load(Ordering::Relaxed))),
        }
    }

    /// How long it has lasted, or lasted, in milliseconds.
    pub(super) fn took_ms(&self) -> u64 {
        match self.outcome() {
            Outcome::None => self.elapsed_ms(),
            _ => self.took.load(Ordering::Relaxed),
        }
    }

    /// How long grace periods take since it has ended, in milliseconds.
    pub(super) fn recovery_ms(&self) -> u64 {
        self.recovery.load(Ordering::Relaxed)
    }

    /// Sees that grace periods come to their end again.
    ///
    /// Context: may sleep.
    fn recover(&self) {
        self.took.store(self.elapsed_ms(), Ordering::Relaxed);
        self.recovery.store(grace_period_ms(), Ordering::Relaxed);
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
        this.recover();
        this.end(result);
        report::end(this);
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.outcome() != Outcome::None
    }
}
