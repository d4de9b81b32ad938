// SPDX-License-Identifier: GPL-2.0

//! Tasks.

use super::this_execution;

/// Says that the caller may sleep.
///
/// # Panics
///
/// Inside a read-side critical section of this thread.
#[track_caller]
pub fn might_sleep() {
    let is_reader = this_execution().rcu.is_reader();
    assert!(!is_reader, "sleeping inside a read-side critical section");
}
