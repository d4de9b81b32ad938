// SPDX-License-Identifier: GPL-2.0

//! Yielding the CPU.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

#![expect(unsafe_code, reason = "calls a C function")]

use kernel::{bindings, task::might_sleep};

/// Yields the CPU, which is a quiescent state of RCU. Long loops call this: unlike
/// `cond_resched()`, it yields on every preemption model.
///
/// Context: may sleep, outside read-side critical sections.
pub(crate) fn yield_now() {
    might_sleep();
    // SAFETY: The caller's context may sleep, as `might_sleep()` checks.
    unsafe { bindings::schedule() };
}
