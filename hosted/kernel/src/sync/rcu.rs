// SPDX-License-Identifier: GPL-2.0

//! Read-side critical sections.

use crate::bindings;
use core::marker::PhantomData;

/// Proof that the current thread is in a read-side critical section, which ends with the guard. A
/// guard cannot move to another thread.
///
/// # Invariants
///
/// The thread is in a critical section that this guard ends.
pub struct Guard(PhantomData<*mut ()>);

impl Guard {
    /// Begins a critical section.
    #[inline]
    pub fn new() -> Self {
        // SAFETY: `drop()` ends the section in the same thread, because the type is not `Send`.
        unsafe { bindings::rcu_read_lock() };
        // INVARIANT: The section was begun above.
        Self(PhantomData)
    }

    /// Ends the critical section.
    #[inline]
    pub fn unlock(self) {}
}

impl Default for Guard {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the thread is in a critical section, which ends here.
        unsafe { bindings::rcu_read_unlock() };
    }
}

/// Begins a read-side critical section.
#[inline]
pub fn read_lock() -> Guard {
    Guard::new()
}
