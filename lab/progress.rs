// SPDX-License-Identifier: GPL-2.0

//! The progress of a job: its elapsed time, the request to stop it, and its outcome.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use kernel::{
    prelude::*,
    time::{Delta, Instant, Monotonic},
};

/// The outcome of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The job has not ended.
    Running,
    /// The job has run to its end.
    Done,
    /// A request has stopped the job.
    Stopped,
    Failed(Error),
}

const RUNNING: i32 = 0;
const DONE: i32 = 1;
const STOPPED: i32 = 2;

/// The progress of a job, shared by its threads and by readers of its parameter.
pub(crate) struct Progress {
    began: Instant<Monotonic>,
    is_stopped: AtomicBool,
    /// One of the constants above, or a negative errno.
    state: AtomicI32,
    /// The duration of a job that has ended, in ms.
    took_ms: AtomicU64,
}

// ORDERING: `is_stopped` is only a request. Each thread of the job is joined before its results are
// read.
impl Progress {
    /// Creates the progress of a job that begins now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            is_stopped: AtomicBool::new(false),
            state: AtomicI32::new(RUNNING),
            took_ms: AtomicU64::new(0),
        }
    }

    /// Returns the time since the beginning.
    ///
    /// Context: any but NMI.
    #[inline]
    pub(crate) fn elapsed(&self) -> Delta {
        self.began.elapsed()
    }

    /// Returns the milliseconds since the beginning.
    ///
    /// Context: any but NMI.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(0)
    }

    /// Requests the job to stop. Does not wait.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Returns whether the job was requested to stop.
    ///
    /// Context: any.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Records the end of the job. The job calls this once, with the duration that it reports.
    pub(crate) fn end(&self, result: Result, took_ms: u64) {
        self.took_ms.store(took_ms, Ordering::Relaxed);
        let state = match result {
            Err(error) => error.to_errno(),
            Ok(()) if self.is_stopped() => STOPPED,
            Ok(()) => DONE,
        };
        // ORDERING: Release: pairs with the acquire in `outcome()`, which makes the job's results
        // visible.
        self.state.store(state, Ordering::Release);
    }

    /// Returns the outcome.
    pub(crate) fn outcome(&self) -> Outcome {
        // ORDERING: Acquire: pairs with the release in `end()`.
        match self.state.load(Ordering::Acquire) {
            RUNNING => Outcome::Running,
            DONE => Outcome::Done,
            STOPPED => Outcome::Stopped,
            errno => Outcome::Failed(Error::from_errno(errno)),
        }
    }

    /// Returns whether the job has ended, so that another one can begin.
    pub(crate) fn has_ended(&self) -> bool {
        self.outcome() != Outcome::Running
    }

    /// Returns the duration of the job in ms, until now or until its end.
    pub(crate) fn took_ms(&self) -> u64 {
        match self.has_ended() {
            false => self.elapsed_ms(),
            true => self.took_ms.load(Ordering::Relaxed),
        }
    }
}
