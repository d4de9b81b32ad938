// SPDX-License-Identifier: GPL-2.0

//! Waiting for time to pass, as threads of this module do it.
//!
//! C headers: [`include/linux/delay.h`](srctree/include/linux/delay.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

use kernel::{
    bindings,
    prelude::*,
    task::might_sleep,
    time::{msecs_to_jiffies, Delta, Instant, Monotonic},
};

/// Sleeps for so many milliseconds, or until someone wakes the thread, as who stops a kernel thread does:
/// C's `schedule_timeout_idle()`. The sleep counts neither as load nor as a hung task.
///
/// Context: may sleep.
pub(crate) fn sleep_ms(ms: u32) {
    might_sleep();
    let jiffies = c_long::try_from(msecs_to_jiffies(ms)).unwrap_or(c_long::MAX);
    // SAFETY: No memory safety requirement; the caller's context may sleep, as documented and checked above.
    unsafe { bindings::schedule_timeout_idle(jiffies.max(1)) };
}

/// Keeps the CPU busy for so many microseconds, as C's `udelay()`.
///
/// Context: any but NMI.
pub(crate) fn spin_us(us: u32) {
    let start = Instant::<Monotonic>::now();
    let time = Delta::from_micros(us.into());
    while start.elapsed() < time {
        core::hint::spin_loop();
    }
}
