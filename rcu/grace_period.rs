// SPDX-License-Identifier: GPL-2.0

//! Waiting for grace periods and for callbacks.

use kernel::{bindings, task::might_sleep};

/// Waits until every read-side critical section that runs now has ended: C's `synchronize_rcu()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
#[track_caller]
pub fn synchronize() {
    might_sleep();
    // SAFETY: No memory safety requirement; the context is the caller's, as documented and checked above.
    unsafe { bindings::synchronize_rcu() };
}

/// Waits until every callback that was queued before has run: C's `rcu_barrier()`.
///
/// Context: may sleep; must not be called inside a read-side critical section nor from a callback.
#[track_caller]
pub fn barrier() {
    might_sleep();
    // SAFETY: No memory safety requirement; the context is the caller's, as documented and checked above.
    unsafe { bindings::rcu_barrier() };
}

/// Keeps the module's code loaded until its last callback has run.
///
/// Make it the *last* field of the module's type, so that it is dropped after everything that could
/// queue a callback, and initialise it *first*, so that a failed init passes it as well.
pub struct CallbackDrain(());

impl CallbackDrain {
    /// A guard that calls [`barrier`] when it is dropped.
    #[expect(
        clippy::new_without_default,
        reason = "a default would hide that it guards something"
    )]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Drop for CallbackDrain {
    fn drop(&mut self) {
        barrier();
    }
}
