// SPDX-License-Identifier: GPL-2.0

//! How far a job is, and how it has come out.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use kernel::{
    prelude::*,
    time::{Delta, Instant, Monotonic},
};

/// How a job has come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    None,
    /// It has done all that it was to.
    Done,
    /// It was told to end before.
    Stopped,
    /// It could not go on.
    Failed(Error),
}

const RUNNING: i32 = 0;
const DONE: i32 = 1;
const STOPPED: i32 = 2;

/// What a job's threads, and those who ask about it, share.
pub(crate) struct Progress {
    began: Instant<Monotonic>,
    is_stopped: AtomicBool,
    /// One of the above, or below zero an errno.
    state: AtomicI32,
    /// Milliseconds that it took, once it has ended.
    took: AtomicU64,
}

// ORDERING: `is_stopped` is only looked at; threads are joined before anything depends on what they did.
impl Progress {
    /// Of a job that begins now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            is_stopped: AtomicBool::new(false),
            state: AtomicI32::new(RUNNING),
            took: AtomicU64::new(0),
        }
    }

    /// The time since the beginning.
    ///
    /// Context: any but NMI.
    #[inline]
    pub(crate) fn elapsed(&self) -> Delta {
        self.began.elapsed()
    }

    /// The same in milliseconds.
    ///
    /// Context: any but NMI.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(0)
    }

    /// Asks the job to end. Does not wait.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether someone wants it to end.
    ///
    /// Context: any.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// To be called once, by the job, with the milliseconds that it took.
    pub(crate) fn end(&self, result: Result, took_ms: u64) {
        self.took.store(took_ms, Ordering::Relaxed);
        let state = match result {
            Err(error) => error.to_errno(),
            Ok(()) if self.is_stopped() => STOPPED,
            Ok(()) => DONE,
        };
        // ORDERING: Release: who sees the end sees how it came.
        self.state.store(state, Ordering::Release);
    }

    /// How it has come out.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.state.load(Ordering::Acquire) {
            RUNNING => Outcome::None,
            DONE => Outcome::Done,
            STOPPED => Outcome::Stopped,
            errno => Outcome::Failed(Error::from_errno(errno)),
        }
    }

    /// How long it has lasted, or lasted, in milliseconds.
    pub(crate) fn took_ms(&self) -> u64 {
        match self.outcome() {
            Outcome::None => self.elapsed_ms(),
            _ => self.took.load(Ordering::Relaxed),
        }
    }
}
