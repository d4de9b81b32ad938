// SPDX-License-Identifier: GPL-2.0

//! Fatal signals of the current task.
//!
//! C header: [`include/linux/sched/signal.h`](srctree/include/linux/sched/signal.h)

#![expect(unsafe_code, reason = "reads the pending signals of the current task")]

use kernel::{bindings, prelude::*};

/// Returns whether a signal is pending that kills the current task, as `fatal_signal_pending()`
/// does. The kernel adds SIGKILL to the signals of each task of a process that a signal kills.
pub(crate) fn is_fatal_pending() -> bool {
    const SIGKILL_BIT: c_ulong = 1 << (bindings::SIGKILL - 1);
    let task = current!();
    // SAFETY: The current task is valid. Another CPU may set the bit meanwhile, as in C; a volatile
    // read does not tear.
    let pending = unsafe { (&raw const (*task.as_ptr()).pending.signal.sig[0]).read_volatile() };
    task.signal_pending() && pending & SIGKILL_BIT != 0
}
