// SPDX-License-Identifier: GPL-2.0

//! Tasks.

pub mod fatal_signal;

use crate::context;

/// Asserts that the caller may sleep.
///
/// The check is always on, not only with `CONFIG_DEBUG_ATOMIC_SLEEP`.
///
/// # Panics
///
/// Inside a read-side critical section of this thread or in an RCU callback.
#[inline]
#[track_caller]
pub fn might_sleep() {
    context::assert_may_sleep("might_sleep()");
}
