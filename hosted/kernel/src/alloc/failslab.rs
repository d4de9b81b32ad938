// SPDX-License-Identifier: GPL-2.0

//! Allocation failures on demand, like the kernel's fault injection of the same name.

use core::{cell::Cell, marker::PhantomData};

thread_local! {
    /// The number of allocations until one fails; 0 for never.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
}

/// An armed failure of the current thread. Dropping it disarms the failure.
#[must_use = "the failure is disarmed when this is dropped"]
pub struct Injection(PhantomData<*mut ()>);

/// Makes the `nth` next allocation of this thread fail, counted from 1, and none after it.
///
/// # Panics
///
/// If `nth` is 0 or a failure is already armed.
pub fn fail_nth(nth: u64) -> Injection {
    assert_ne!(nth, 0, "allocations are counted from 1");
    let before = COUNTDOWN.replace(nth);
    assert_eq!(before, 0, "a failure is already armed");
    Injection(PhantomData)
}

impl Injection {
    /// Returns whether the allocation has failed.
    pub fn has_fired(&self) -> bool {
        COUNTDOWN.get() == 0
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        COUNTDOWN.set(0);
    }
}

/// Counts an allocation. Returns whether it must fail.
pub(super) fn should_fail() -> bool {
    let left = COUNTDOWN.get();
    COUNTDOWN.set(left.saturating_sub(1));
    left == 1
}
