// SPDX-License-Identifier: GPL-2.0

//! The points at which a signal can end a long call.

use crate::kernel_ext::{sched, signal};
use kernel::prelude::*;

/// Yields the CPU, and then returns whether a signal is pending for the current task.
///
/// Context: may sleep; must not be called inside a read-side critical section.
pub(super) fn yield_and_check() -> bool {
    sched::yield_now();
    current!().signal_pending()
}

/// Yields the CPU, and then returns whether a signal is pending that kills the current task.
///
/// Context: may sleep; must not be called inside a read-side critical section.
pub(super) fn yield_and_check_fatal() -> bool {
    sched::yield_now();
    signal::is_fatal_pending()
}
