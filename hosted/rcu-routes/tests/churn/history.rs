// SPDX-License-Identifier: GPL-2.0

//! The contents of the table after each of the last steps, for comparison by readers.
//!
//! ```text
//!   writer   begin(n): row n, started = n    the change    end(n): done = n
//!   reader   from = done      the lookup      to = started
//! ```
//!
//! Step `from` had ended when the lookup began, and no step after `to` had begun when it ended. The
//! answer must be right after some step of `from..=to`.

use super::universe::ROUTE_COUNT;
use std::{
    ops::RangeInclusive,
    sync::atomic::{fence, AtomicU32, Ordering},
};

/// The number of steps kept. A reader that is preempted for longer skips its check.
const KEPT_STEPS: u32 = 1 << 13;

/// By route: the step that inserted it, or 0 if it is absent.
pub type State = [u32; ROUTE_COUNT];

/// The states after the last steps.
pub struct History {
    rows: Box<[[AtomicU32; ROUTE_COUNT]]>,
    started: AtomicU32,
    done: AtomicU32,
}

/// A range of steps. An answer must be right after one of them.
pub type Window = RangeInclusive<u32>;

impl History {
    /// Creates the history of an empty table: no routes after step 0.
    pub fn new() -> Self {
        let row = |_| [const { AtomicU32::new(0) }; ROUTE_COUNT];
        Self {
            rows: (0..KEPT_STEPS).map(row).collect(),
            started: AtomicU32::new(0),
            done: AtomicU32::new(0),
        }
    }

    fn row(&self, step: u32) -> &[AtomicU32; ROUTE_COUNT] {
        &self.rows[(step % KEPT_STEPS) as usize]
    }

    /// Records that the writer begins the next step, after which the table is `state`.
    pub fn begin(&self, step: u32, state: &State) {
        // ORDERING: Pairs with `is_whole()`: a reader of this row's new contents sees the start of
        // the step before.
        fence(Ordering::Release);
        for (kept, now) in self.row(step).iter().zip(state) {
            kept.store(*now, Ordering::Relaxed);
        }
        self.started.store(step, Ordering::Release);
    }

    /// Records that the writer has ended a step.
    pub fn end(&self, step: u32) {
        self.done.store(step, Ordering::Release);
    }

    /// Returns the last step that has ended. Called before a lookup.
    pub fn open(&self) -> u32 {
        self.done.load(Ordering::Acquire)
    }

    /// Returns the window of a lookup that began at `from`. Called after the lookup.
    pub fn close(&self, from: u32) -> Window {
        // ORDERING: A reader that saw a change sees the start of its step.
        fence(Ordering::Acquire);
        from..=self.started.load(Ordering::Acquire)
    }

    /// Returns the step that inserted the route present after `step`, or 0.
    pub fn at(&self, step: u32, route: usize) -> u32 {
        // ORDERING: `is_whole()` checks afterwards whether the row was still that step's.
        self.row(step)[route].load(Ordering::Relaxed)
    }

    /// Returns whether the rows of the window have not been overwritten.
    pub fn is_whole(&self, window: &Window) -> bool {
        fence(Ordering::Acquire);
        // The writer may be writing the row of the step after the last one that started.
        self.started.load(Ordering::Relaxed) + 1 < window.start() + KEPT_STEPS
    }
}
