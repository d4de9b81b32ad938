// SPDX-License-Identifier: GPL-2.0

//! What the table held after each of the last steps, for readers to compare with.
//!
//! ```text
//!   writer   begin(n): row n, started = n    the change    end(n): done = n
//!   reader   from = done      the lookup      to = started
//! ```
//!
//! Step `from` was over when the lookup began, and no step behind `to` had begun when it ended:
//! what the lookup says must be right after some step of `from..=to`.

use super::universe::ROUTE_COUNT;
use std::{
    ops::RangeInclusive,
    sync::atomic::{fence, AtomicU32, Ordering},
};

/// Steps that are remembered. A reader that is preempted for longer checks nothing that time.
const REMEMBERED: u32 = 1 << 13;

/// By route: the step that put it there, or 0 if it is not there.
pub type State = [u32; ROUTE_COUNT];

/// The states after the last steps.
pub struct History {
    rows: Box<[[AtomicU32; ROUTE_COUNT]]>,
    started: AtomicU32,
    done: AtomicU32,
}

/// Steps after one of which an answer must have been right.
pub type Window = RangeInclusive<u32>;

impl History {
    /// The history of an empty table: nothing, after step 0.
    pub fn new() -> Self {
        let row = |_| [const { AtomicU32::new(0) }; ROUTE_COUNT];
        Self {
            rows: (0..REMEMBERED).map(row).collect(),
            started: AtomicU32::new(0),
            done: AtomicU32::new(0),
        }
    }

    fn row(&self, step: u32) -> &[AtomicU32; ROUTE_COUNT] {
        &self.rows[(step % REMEMBERED) as usize]
    }

    /// The writer is about to make step `step`, the one behind the last, after which the table is
    /// `state`.
    pub fn begin(&self, step: u32, state: &State) {
        // ORDERING: Against `is_whole()`: who reads of this row sees that the step before has
        // begun.
        fence(Ordering::Release);
        for (remembered, now) in self.row(step).iter().zip(state) {
            remembered.store(*now, Ordering::Relaxed);
        }
        self.started.store(step, Ordering::Release);
    }

    /// The writer has made step `step`.
    pub fn end(&self, step: u32) {
        self.done.store(step, Ordering::Release);
    }

    /// Before a lookup.
    pub fn open(&self) -> u32 {
        self.done.load(Ordering::Acquire)
    }

    /// After it.
    pub fn close(&self, from: u32) -> Window {
        // ORDERING: Who saw a change sees that its step has begun.
        fence(Ordering::Acquire);
        from..=self.started.load(Ordering::Acquire)
    }

    /// What step put the route there that is there after `step`.
    pub fn at(&self, step: u32, route: usize) -> u32 {
        // ORDERING: `is_whole()` says afterwards whether it was that step's.
        self.row(step)[route].load(Ordering::Relaxed)
    }

    /// Whether what was read of the window's steps was not yet overwritten.
    pub fn is_whole(&self, window: &Window) -> bool {
        fence(Ordering::Acquire);
        // The step behind the last that was started may be being written.
        self.started.load(Ordering::Relaxed) + 1 < window.start() + REMEMBERED
    }
}
