// SPDX-License-Identifier: GPL-2.0

//! Checks whether the current context may wait for readers.

#![expect(unsafe_code, reason = "calls C and reads the current task")]

use core::panic::Location;
#[cfg(all(CONFIG_DEBUG_LOCK_ALLOC, not(CONFIG_PREEMPT_COUNT)))]
use core::ptr;
use kernel::{bindings, prelude::*, task::might_sleep};

/// Checks that the caller may wait for readers. If the caller is a reader, this never returns: with
/// `CONFIG_PREEMPT_RCU` the wait would never end, and without it the reader's references would
/// dangle after the wait.
///
/// The check uses the information that the kernel keeps: the nesting of readers with
/// `CONFIG_PREEMPT_RCU`, and with `CONFIG_DEBUG_LOCK_ALLOC` lockdep's held locks and the preemption
/// count. If neither option is set, it cannot recognise a reader.
#[track_caller]
#[inline]
pub(super) fn assert_may_wait(call: &str) {
    if is_preemptible_reader() || is_reader_to_lockdep() {
        block(call, Location::caller());
    }
    might_sleep();
}

/// Checks that the caller may sleep. If a grace period would not wait for the caller while it
/// sleeps, although the caller is a reader, this never returns.
///
/// A preemptible reader delays grace periods while it sleeps, which is a bug that the kernel
/// reports at run time. So this returns. The function that sleeps calls C's `might_sleep()`.
#[track_caller]
#[inline]
pub(super) fn assert_may_sleep(call: &str) {
    if is_nonpreemptible_reader() {
        block(call, Location::caller());
    }
}

/// Blocks the current task for ever, so that a reader uses no reference after it has slept.
#[cold]
fn block(call: &str, place: &Location<'_>) -> ! {
    pr_err!(
        "{call} inside an RCU read-side critical section, at {}:{}: it must not wait there, so \
         this task is blocked for ever. End the section before the call\n",
        place.file(),
        place.line()
    );
    // SAFETY: The function has no safety requirement.
    unsafe { bindings::WARN_ON(true) };
    loop {
        // SAFETY: The function has no memory safety requirement.
        unsafe { bindings::schedule_timeout_uninterruptible(c_long::MAX) };
    }
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

#[cfg(not(CONFIG_PREEMPT_RCU))]
fn is_nonpreemptible_reader() -> bool {
    is_reader_to_lockdep()
}

#[cfg(all(CONFIG_PREEMPT_RCU, CONFIG_DEBUG_LOCK_ALLOC))]
fn is_nonpreemptible_reader() -> bool {
    // SAFETY: The functions have no safety requirement. The second returns true without lockdep.
    unsafe {
        bindings::debug_lockdep_rcu_enabled() != 0 && bindings::rcu_read_lock_sched_held() != 0
    }
}

#[cfg(all(CONFIG_PREEMPT_RCU, not(CONFIG_DEBUG_LOCK_ALLOC)))]
fn is_nonpreemptible_reader() -> bool {
    false
}

/// Returns whether the task is a reader of RCU, RCU-bh or RCU-sched, such as the holder of a spin
/// lock.
#[cfg(all(CONFIG_DEBUG_LOCK_ALLOC, CONFIG_PREEMPT_COUNT))]
fn is_reader_to_lockdep() -> bool {
    // SAFETY: The functions have no safety requirement. The second returns true without lockdep.
    unsafe { bindings::debug_lockdep_rcu_enabled() != 0 && bindings::rcu_read_lock_any_held() != 0 }
}

/// Returns whether the task is a reader of RCU, RCU-bh or RCU-sched. Without a preemption count it
/// is unknown whether the task holds a spin lock.
#[cfg(all(CONFIG_DEBUG_LOCK_ALLOC, not(CONFIG_PREEMPT_COUNT)))]
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
