// SPDX-License-Identifier: GPL-2.0

//! Timed sleeps and busy loops.
//!
//! C headers: [`include/linux/delay.h`](srctree/include/linux/delay.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

#![expect(unsafe_code, reason = "calls C functions")]

use kernel::{
    bindings,
    prelude::*,
    task::might_sleep,
    time::{msecs_to_jiffies, Delta, Instant, Monotonic},
};

/// Sleeps for a time, or until the thread is woken, as by a request to stop it: C's
/// `schedule_timeout_idle()`. The sleep counts neither as load nor as a hung task.
///
/// Context: may sleep.
pub(crate) fn sleep_ms(ms: u32) {
    might_sleep();
    let jiffies = c_long::try_from(msecs_to_jiffies(ms)).unwrap_or(c_long::MAX);
    // SAFETY: The caller's context may sleep, as `might_sleep()` checks.
    unsafe { bindings::schedule_timeout_idle(jiffies.max(1)) };
}

/// Keeps the CPU busy for a time, as C's `udelay()` does.
///
/// Context: any but NMI.
pub(crate) fn spin_us(us: u32) {
    let start = Instant::<Monotonic>::now();
    let time = Delta::from_micros(us.into());
    while start.elapsed() < time {
        core::hint::spin_loop();
    }
}
