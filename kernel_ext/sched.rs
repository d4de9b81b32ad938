// SPDX-License-Identifier: GPL-2.0

//! What the kernel crate lacks of `<linux/sched.h>`.

use kernel::{bindings, task::might_sleep};

/// Lets another task run, and RCU see a quiescent state: what `cond_resched()` is for, in long loops,
/// on every preemption model.
///
/// Context: may sleep; must not be called inside a read-side critical section.
pub(crate) fn yield_now() {
    might_sleep();
    // SAFETY: No memory safety requirement; the caller's context may sleep, as documented and checked above.
    unsafe { bindings::schedule() };
}
