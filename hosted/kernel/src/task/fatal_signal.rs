// SPDX-License-Identifier: GPL-2.0

//! Fatal signals on demand. A process in user space ends at a real one, and could check nothing.

use core::{cell::Cell, marker::PhantomData};

thread_local! {
    /// The number of checks until a signal is pending; 0 for never.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
}

/// A signal of the current thread. Dropping it removes the signal.
#[must_use = "the signal is removed when this is dropped"]
pub struct Arrival(PhantomData<*mut ()>);

/// Makes a fatal signal arrive before the `nth` next check of this thread, counted from 1. It stays
/// pending.
///
/// # Panics
///
/// If `nth` is 0 or the thread already has a signal.
pub fn arrive_before(nth: u64) -> Arrival {
    assert_ne!(nth, 0, "checks are counted from 1");
    let before = COUNTDOWN.replace(nth);
    assert_eq!(before, 0, "the thread already has a signal");
    Arrival(PhantomData)
}

impl Drop for Arrival {
    fn drop(&mut self) {
        COUNTDOWN.set(0);
    }
}

/// Returns whether a fatal signal is pending for the current thread.
pub fn is_pending() -> bool {
    let left = COUNTDOWN.get();
    COUNTDOWN.set(left.saturating_sub(1).max(left.min(1)));
    left == 1
}
