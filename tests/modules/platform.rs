// SPDX-License-Identifier: GPL-2.0

//! What the tests need of the kernel, beyond the library.

use crate::kernel_ext::kthread::{Attributes, Kthread};
use core::ptr;
use kernel::{
    bindings,
    prelude::*,
    time::{delay::fsleep, Delta},
};

/// A running thread; dropping it waits for its end.
pub(crate) type Thread = Kthread;

/// Runs `work` in a thread of its own.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    Kthread::spawn(c"rcu_test", Attributes::default(), work)
}

/// Waits for the end of each.
pub(crate) fn join(threads: KVec<Thread>) {
    drop(threads);
}

/// Time that only goes on.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: No requirement.
    let nanoseconds = unsafe { bindings::ktime_get() };
    nanoseconds as u64 / 1_000_000
}

/// Sleeps.
pub(crate) fn sleep_ms(milliseconds: u32) {
    fsleep(Delta::from_millis(i64::from(milliseconds)));
}

/// Reads memory even if the compiler thinks that it knows what is there.
pub(crate) fn read_volatile(number: &u64) -> u64 {
    // SAFETY: A reference is valid for reading.
    unsafe { ptr::from_ref(number).read_volatile() }
}

/// Where code is running, as far as the kernel tells.
pub(crate) enum Place {
    #[cfg_attr(
        not(CONFIG_DEBUG_LOCK_ALLOC),
        expect(dead_code, reason = "nobody can tell")
    )]
    Callback,
    Process,
    Unknown,
}

/// Lockdep knows callbacks of RCU; without it nobody does. A worker that is not in one is in process
/// context, unless it runs SRCU's: `CONFIG_DEBUG_ATOMIC_SLEEP` complains of what sleeps there.
pub(crate) fn place() -> Place {
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    // SAFETY: The map is RCU's own and lives for ever.
    if unsafe { bindings::lock_is_held_type(ptr::addr_of!(bindings::rcu_callback_map), -1) } != 0 {
        return Place::Callback;
    }
    // SAFETY: The current task is valid.
    let flags = unsafe { (*bindings::get_current()).flags };
    if flags & bindings::PF_WQ_WORKER != 0 {
        Place::Process
    } else {
        Place::Unknown
    }
}

/// Whether so many drops in a callback are what one drop in a callback is seen as.
pub(crate) fn is_in_callback(drops: usize) -> bool {
    drops == usize::from(cfg!(CONFIG_DEBUG_LOCK_ALLOC))
}
