// SPDX-License-Identifier: GPL-2.0

//! Failing allocations on demand, as the kernel's fault injection of that name does.

use core::{cell::Cell, marker::PhantomData};

thread_local! {
    /// How many allocations from now on are counted before one fails; 0 is never.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
}

/// An armed failure, for the current thread, until dropped.
#[must_use = "the failure is disarmed when this is dropped"]
pub struct Injection(PhantomData<*mut ()>);

/// Makes the `nth` allocation of this thread from now on fail, counted from 1, and none after it.
///
/// # Panics
///
/// If `nth` is 0, or a failure is armed already.
pub fn fail_nth(nth: u64) -> Injection {
    assert_ne!(nth, 0, "allocations are counted from 1");
    let before = COUNTDOWN.replace(nth);
    assert_eq!(before, 0, "a failure is armed already");
    Injection(PhantomData)
}

impl Injection {
    /// Whether the allocation has failed.
    pub fn has_fired(&self) -> bool {
        COUNTDOWN.get() == 0
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        COUNTDOWN.set(0);
    }
}

/// Whether the allocation that is being made is the one to fail.
pub(super) fn should_fail() -> bool {
    let left = COUNTDOWN.get();
    COUNTDOWN.set(left.saturating_sub(1));
    left == 1
}
