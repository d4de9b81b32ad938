// SPDX-License-Identifier: GPL-2.0

//! Tasks.

use super::this_execution;

/// Asserts that the caller may sleep.
///
/// # Panics
///
/// If this thread is in a read-side critical section.
#[track_caller]
pub fn might_sleep() {
    let is_reader = this_execution().rcu.is_reader();
    assert!(
        !is_reader,
        "sleeping function called inside a read-side critical section"
    );
}
