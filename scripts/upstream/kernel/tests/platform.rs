// SPDX-License-Identifier: GPL-2.0

//! Threads, time and contexts for the tests.

#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
use core::ptr;

use crate::{
    bindings,
    prelude::*,
    sync::{
        Arc,
        Completion, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    workqueue, //
};

/// A function that runs in a work item. The drop waits for its end.
pub(super) struct Thread(Arc<Completion>);

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.wait_for_completion();
    }
}

/// Runs `work` in a work item of its own.
pub(super) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Thread> {
    let end = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    let thread = Thread(end.clone());
    let run = move || {
        work();
        end.complete_all();
    };
    if workqueue::system_unbound().try_spawn(GFP_KERNEL, run).is_err() {
        // Nothing will complete it.
        thread.0.complete_all();
        return Err(ENOMEM);
    }
    Ok(thread)
}

/// Waits until all threads have ended.
pub(super) fn join(threads: KVec<Thread>) {
    drop(threads);
}

/// Returns a monotonic time.
pub(super) fn now_ms() -> u64 {
    // SAFETY: The function has no safety requirement.
    let nanoseconds = unsafe { bindings::ktime_get() };
    nanoseconds as u64 / 1_000_000
}

/// Sleeps for at least this time.
pub(super) fn sleep_ms(milliseconds: u32) {
    fsleep(Delta::from_millis(i64::from(milliseconds)));
}

/// The context of a destructor.
pub(super) enum CallContext {
    #[cfg_attr(
        not(CONFIG_DEBUG_LOCK_ALLOC),
        expect(dead_code, reason = "only lockdep recognises callbacks")
    )]
    Callback,
    Process,
    Unknown,
}

/// Returns the context of the current call, as far as the kernel records it.
pub(super) fn call_context() -> CallContext {
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
pub(super) const RECOGNISES_CALLBACKS: bool = cfg!(CONFIG_DEBUG_LOCK_ALLOC);
