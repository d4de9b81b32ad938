// SPDX-License-Identifier: GPL-2.0

//! What the kinds of stall need and no safe abstraction should offer. Everything `unsafe` of the stall lab is
//! here, but for who may begin.
//!
//! What this kernel has not does nothing; [`Kind::missing`](super::kinds::Kind::missing) refuses the kinds that
//! would need it.
//!
//! C headers: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h),
//! [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

mod interrupt;
mod kthread;
mod oom;
mod published;

pub(super) use interrupt::interrupt_meanwhile;
pub(super) use kthread::{delay_gp_kthread, find_kthread};
pub(super) use oom::{OomNotifier, Spare};
pub(super) use published::Published;

use crate::rcu::Guard;
#[cfg(CONFIG_PROVE_RCU)]
use core::ptr;
use kernel::{bindings, prelude::*, time::msecs_to_jiffies};

/// Lets a thread have the CPU that wants to take it away, where the kernel preempts at certain points only: C's
/// `might_resched()`, which does not ask whether it may.
///
/// Context: any in which preemption is on; a reader is preempted then.
pub(super) fn might_resched() {
    // SAFETY: No requirement.
    unsafe { bindings::might_resched() };
}

/// Sleeps inside a read-side critical section, which is forbidden, and does not ask whether it may. Where readers
/// can be preempted the grace period goes on waiting; elsewhere it would not, so nothing is done.
///
/// Context: may sleep, but for the reader.
pub(super) fn sleep_in_reader(_reader: &Guard, ms: u32) {
    if cfg!(CONFIG_PREEMPT_RCU) {
        let jiffies = c_long::try_from(msecs_to_jiffies(ms)).unwrap_or(1);
        // SAFETY: No memory safety requirement; RCU keeps account of a reader that is not running.
        unsafe { bindings::schedule_timeout_idle(jiffies) };
    }
}

/// Waits until each task has given up its CPU by itself, or was in user space: C's `synchronize_rcu_tasks()`.
///
/// Context: may sleep.
#[cfg(CONFIG_TASKS_RCU)]
pub(super) fn synchronize_tasks() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::synchronize_rcu_tasks() };
}

#[cfg(not(CONFIG_TASKS_RCU))]
pub(super) fn synchronize_tasks() {}

/// Waits for readers as what lockdep takes for a reader, and RCU does not: it complains, and does not hang.
///
/// Context: may sleep; not inside a read-side critical section.
#[cfg(CONFIG_PROVE_RCU)]
pub(super) fn synchronize_as_lockdeps_reader() {
    const IS_TRYLOCK: c_int = 0;
    const RECURSIVE_READER: c_int = 2;
    const NO_CHECK: c_int = 0;
    let map = &raw mut bindings::rcu_lock_map;
    let place = synchronize_as_lockdeps_reader as *const () as c_ulong;
    // SAFETY: The map is one of RCU's own, which live for ever; this is what C's `rcu_read_lock()` does with it.
    unsafe {
        bindings::lock_acquire(
            map,
            0,
            IS_TRYLOCK,
            RECURSIVE_READER,
            NO_CHECK,
            ptr::null_mut(),
            place,
        )
    };
    // SAFETY: No memory safety requirement; RCU itself knows of no reader here.
    unsafe { bindings::synchronize_rcu() };
    // SAFETY: It was acquired above, in the same thread.
    unsafe { bindings::lock_release(map, place) };
}

#[cfg(not(CONFIG_PROVE_RCU))]
pub(super) fn synchronize_as_lockdeps_reader() {}

/// Looks for locks that the current task still holds, as the end of a thread does, where lockdep may have met
/// what it cannot stand before: C's `debug_check_no_locks_held()`.
///
/// Context: any.
#[cfg(CONFIG_LOCKDEP)]
pub(super) fn check_no_locks_held() {
    // SAFETY: No requirement.
    unsafe { bindings::debug_check_no_locks_held() };
}

#[cfg(not(CONFIG_LOCKDEP))]
pub(super) fn check_no_locks_held() {}

/// Gives one object to `call_rcu()` twice, and frees it when RCU has done with it.
///
/// Context: may sleep.
#[cfg(CONFIG_DEBUG_OBJECTS_RCU_HEAD)]
pub(super) fn call_rcu_twice() {
    use crate::rcu::{barrier, read_lock};

    let Ok(head) = KBox::new(bindings::callback_head::default(), GFP_KERNEL) else {
        return;
    };
    let head = KBox::into_raw(head);
    let reader = read_lock();
    for _ in 0..2 {
        // SAFETY: With this configuration RCU notices that it has the head already: it leaves it where it is, and
        // its callback alone. The reader keeps the first from being over before.
        unsafe { bindings::call_rcu(head, Some(callback)) };
    }
    drop(reader);
    barrier();
    // SAFETY: The box is ours again: no callback is left.
    drop(unsafe { KBox::from_raw(head) });
}

#[cfg(not(CONFIG_DEBUG_OBJECTS_RCU_HEAD))]
pub(super) fn call_rcu_twice() {}

/// RCU calls one of its own instead, having noticed.
#[cfg(CONFIG_DEBUG_OBJECTS_RCU_HEAD)]
extern "C" fn callback(_head: *mut bindings::callback_head) {}
