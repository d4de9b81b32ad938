// SPDX-License-Identifier: GPL-2.0

//! A run of one kind: what its threads share, and how far it is.

use super::{
    grace_period,
    knobs::{Kind, Plan},
    lookup, read,
    row::Rows,
    update,
};
use crate::{job::Job, rcu_table::Table};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicU8, Ordering},
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

/// How a run has come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    None,
    /// It has measured all that it was to.
    Done,
    /// It was told to end before.
    Stopped,
    /// It could not go on.
    Failed(Error),
}

const RUNNING: u8 = 0;
const DONE: u8 = 1;
const STOPPED: u8 = 2;
const FAILED: u8 = 3;

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) table: Arc<Table>,
    pub(super) rows: Arc<Rows>,
    began: Instant<Monotonic>,
    is_stopped: AtomicBool,
    state: AtomicU8,
    /// With `FAILED`, why.
    error: AtomicI32,
    /// Milliseconds that it took, once it has ended.
    took: AtomicU64,
    /// How often the rows have been measured.
    passed: AtomicU32,
}

// ORDERING: The flags are only looked at; threads are joined before anything depends on what they did.
impl Run {
    /// A run that begins now.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(plan: Plan, table: Arc<Table>) -> Result<Self> {
        Ok(Self {
            plan,
            table,
            rows: Arc::pin_init(Rows::new(), GFP_KERNEL)?,
            began: Instant::now(),
            is_stopped: AtomicBool::new(false),
            state: AtomicU8::new(RUNNING),
            error: AtomicI32::new(0),
            took: AtomicU64::new(0),
            passed: AtomicU32::new(0),
        })
    }

    /// Nanoseconds since the beginning.
    ///
    /// Context: any but NMI.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Whether someone wants it to end.
    ///
    /// Context: any.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
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

    fn end(&self, result: Result) {
        self.took.store(self.now() / 1_000_000, Ordering::Relaxed);
        let state = match result {
            Err(error) => {
                self.error.store(error.to_errno(), Ordering::Relaxed);
                FAILED
            }
            Ok(()) if self.is_stopped() => STOPPED,
            Ok(()) => DONE,
        };
        // ORDERING: Release: who sees the end sees how it came.
        self.state.store(state, Ordering::Release);
    }

    /// How it has come out.
    pub(super) fn outcome(&self) -> Outcome {
        match self.state.load(Ordering::Acquire) {
            RUNNING => Outcome::None,
            DONE => Outcome::Done,
            STOPPED => Outcome::Stopped,
            _ => Outcome::Failed(Error::from_errno(self.error.load(Ordering::Relaxed))),
        }
    }

    /// How long it has lasted, or lasted, in milliseconds.
    pub(super) fn took_ms(&self) -> u64 {
        match self.outcome() {
            Outcome::None => self.now() / 1_000_000,
            _ => self.took.load(Ordering::Relaxed),
        }
    }
}

impl Job for Run {
    const NAME: &'static CStr = c"rcu_scale";

    fn conduct(this: &Arc<Self>) {
        let result = match this.plan.kind {
            Kind::Read => read::measure(this),
            Kind::Lookup => lookup::measure(this),
            Kind::Update => update::measure(this),
            Kind::Gp => grace_period::measure(this),
        };
        this.end(result);
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.outcome() != Outcome::None
    }
}
