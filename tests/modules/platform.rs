// SPDX-License-Identifier: GPL-2.0

//! The kernel functions that the tests need.

#![expect(unsafe_code, reason = "calls C functions and reads the current task")]

use crate::kernel_ext::kthread::{Attributes, Kthread};
#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
use core::ptr;
use kernel::{
    bindings,
    prelude::*,
    time::{delay::fsleep, Delta},
};

/// A running thread. Its drop waits for its end.
pub(crate) type Thread = Kthread;

/// Runs `work` in a thread of its own.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    Kthread::spawn(c"rcu_test", Attributes::default(), work)
}

/// Waits until all threads have ended.
pub(crate) fn join(threads: KVec<Thread>) {
    drop(threads);
}

/// Returns a monotonic time.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: The function has no safety requirement.
    let nanoseconds = unsafe { bindings::ktime_get() };
    nanoseconds as u64 / 1_000_000
}

/// Sleeps for at least this time.
pub(crate) fn sleep_ms(milliseconds: u32) {
    fsleep(Delta::from_millis(i64::from(milliseconds)));
}

/// Returns whether memory is one of `vmalloc()`.
pub(crate) fn is_vmalloc<T>(memory: &T) -> Option<bool> {
    // SAFETY: The function accepts any address.
    Some(unsafe { bindings::is_vmalloc_addr(core::ptr::from_ref(memory).cast()) })
}

/// The context of the current call, as far as the kernel records it.
pub(crate) enum CallContext {
    #[cfg_attr(
        not(CONFIG_DEBUG_LOCK_ALLOC),
        expect(dead_code, reason = "only lockdep recognises callbacks")
    )]
    Callback,
    Process,
    Unknown,
}

/// Returns the context of the current call.
///
/// Only lockdep recognises callbacks of RCU. A worker that runs none is in process context, or runs
/// callbacks of SRCU, where `CONFIG_DEBUG_ATOMIC_SLEEP` warns of a sleeping destructor.
pub(crate) fn call_context() -> CallContext {
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    // SAFETY: The map is one of RCU's static maps.
    if unsafe { bindings::lock_is_held_type(ptr::addr_of!(bindings::rcu_callback_map), -1) } != 0 {
        return CallContext::Callback;
    }
    // SAFETY: The current task is valid.
    let flags = unsafe { (*bindings::get_current()).flags };
    if flags & bindings::PF_WQ_WORKER != 0 {
        CallContext::Process
    } else {
        CallContext::Unknown
    }
}

/// Whether [`call_context`] recognises callbacks.
pub(crate) const RECOGNISES_CALLBACKS: bool = cfg!(CONFIG_DEBUG_LOCK_ALLOC);
