// SPDX-License-Identifier: GPL-2.0

//! Checks whether the current context may wait for readers.

#![expect(unsafe_code, reason = "calls C and reads the current task")]

use core::panic::Location;
#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
use core::ptr;
use kernel::{bindings, prelude::*, task::might_sleep};

/// Warns if the caller is a reader, for which `call` would wait for ever, or must not sleep.
///
/// The check uses the information that the kernel keeps: the nesting of readers with
/// `CONFIG_PREEMPT_RCU`, lockdep's held locks with `CONFIG_DEBUG_LOCK_ALLOC`, and the preemption
/// count with `CONFIG_DEBUG_ATOMIC_SLEEP`. If none of these options is set,
/// it cannot recognise a reader.
#[track_caller]
#[inline]
pub(super) fn assert_may_wait(call: &str) {
    if is_reader() {
        warn(call, Location::caller());
    }
    might_sleep();
}

#[cold]
fn warn(call: &str, place: &Location<'_>) {
    pr_err!(
        "{call} inside an RCU read-side critical section, at {}:{}: it would wait for itself\n",
        place.file(),
        place.line()
    );
    // SAFETY: The function has no safety requirement.
    unsafe { bindings::WARN_ON(true) };
}

fn is_reader() -> bool {
    is_preemptible_reader() || is_reader_to_lockdep()
}

#[cfg(CONFIG_PREEMPT_RCU)]
fn is_preemptible_reader() -> bool {
    // SAFETY: The current task is valid, and only this thread writes its nesting count.
    unsafe { (*bindings::get_current()).rcu_read_lock_nesting > 0 }
}

#[cfg(not(CONFIG_PREEMPT_RCU))]
fn is_preemptible_reader() -> bool {
    false
}

#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
fn is_reader_to_lockdep() -> bool {
    let is_held = |map: *const bindings::lockdep_map| {
        // SAFETY: The map is one of RCU's static maps.
        unsafe { bindings::lock_is_held_type(map, -1) != 0 }
    };
    // SAFETY: The function has no safety requirement.
    let is_lockdep_on = unsafe { bindings::debug_lockdep_rcu_enabled() != 0 };
    is_lockdep_on
        && (is_held(ptr::addr_of!(bindings::rcu_lock_map))
            || is_held(ptr::addr_of!(bindings::rcu_bh_lock_map))
            || is_held(ptr::addr_of!(bindings::rcu_sched_lock_map)))
}

#[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
fn is_reader_to_lockdep() -> bool {
    false
}
