// SPDX-License-Identifier: GPL-2.0

//! Operations that the kinds of stall need and that no safe abstraction should offer. All `unsafe`
//! code of the stall lab is here, except the permission check.
//!
//! An operation that the kernel's configuration lacks does nothing. The kinds that need it have
//! [`StallKind::missing`](super::kind::StallKind::missing) set and are refused.
//!
//! C headers: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h),
//! [`include/linux/lockdep.h`](srctree/include/linux/lockdep.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

mod interrupt;
mod kthread;
mod oom;
mod preemption;
mod published;

pub(super) use interrupt::interrupt_meanwhile;
pub(super) use kthread::{delay_gp_kthread, find_kthread};
pub(super) use oom::{OomNotifier, Spare};
pub(super) use preemption::PreemptionLock;
pub(super) use published::Published;

use crate::rcu::Guard;
#[cfg(CONFIG_PROVE_RCU)]
use core::ptr;
use kernel::{bindings, prelude::*, time::msecs_to_jiffies, workqueue::Work};

/// Lets a waiting thread preempt this one if the kernel only preempts at certain points: C's
/// `might_resched()`, which does not check its context.
///
/// Context: any with preemption on; inside a reader it preempts the reader.
pub(super) fn might_resched() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::might_resched() };
}

/// Sleeps inside a read-side critical section, which is forbidden, without checking the context.
///
/// Preemptible RCU still waits for the reader. Without it RCU would not wait, so this does nothing.
///
/// Context: process context, in which only `_reader` forbids sleeping.
pub(super) fn sleep_in_reader(_reader: &Guard, ms: u32) {
    if cfg!(CONFIG_PREEMPT_RCU) {
        let jiffies = c_long::try_from(msecs_to_jiffies(ms)).unwrap_or(1);
        // SAFETY: Preemptible RCU tracks readers that are not running, so `_reader` still protects
        // its objects.
        unsafe { bindings::schedule_timeout_idle(jiffies) };
    }
}

/// Ends a read-side critical section of the current task whose guard was forgotten.
///
/// Context: inside such a section.
pub(super) fn end_leaked_reader() {
    // SAFETY: The section has no guard, so no reference depends on it.
    unsafe { bindings::rcu_read_unlock() };
}

/// Waits until a work item does not run any more: C's `flush_work()`.
///
/// Context: may sleep.
pub(super) fn flush<T>(work: &Work<T>) {
    // SAFETY: `work` is initialised.
    unsafe { bindings::flush_work(Work::raw_get(work)) };
}

/// Waits until each task has yielded voluntarily or run in user space: C's
/// `synchronize_rcu_tasks()`.
///
/// Context: may sleep.
#[cfg(CONFIG_TASKS_RCU)]
pub(super) fn synchronize_tasks() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::synchronize_rcu_tasks() };
}

#[cfg(not(CONFIG_TASKS_RCU))]
pub(super) fn synchronize_tasks() {}

/// Waits for readers in a thread that is a reader to lockdep but not to RCU: lockdep reports it,
/// and RCU does not hang.
///
/// Context: may sleep; not inside a read-side critical section.
#[cfg(CONFIG_PROVE_RCU)]
pub(super) fn synchronize_as_lockdep_reader() {
    const IS_TRYLOCK: c_int = 0;
    const RECURSIVE_READER: c_int = 2;
    const NO_CHECK: c_int = 0;
    let map = &raw mut bindings::rcu_lock_map;
    let address = synchronize_as_lockdep_reader as *const () as c_ulong;
    // SAFETY: `map` is a static of RCU. C's `rcu_read_lock()` makes the same call.
    unsafe {
        bindings::lock_acquire(
            map,
            0,
            IS_TRYLOCK,
            RECURSIVE_READER,
            NO_CHECK,
            ptr::null_mut(),
            address,
        )
    };
    // SAFETY: The caller is not inside a read-side critical section, so this waits for other
    // readers only.
    unsafe { bindings::synchronize_rcu() };
    // SAFETY: This thread has acquired `map` above.
    unsafe { bindings::lock_release(map, address) };
}

#[cfg(not(CONFIG_PROVE_RCU))]
pub(super) fn synchronize_as_lockdep_reader() {}

/// Reports locks that the current task holds: C's `debug_check_no_locks_held()`.
///
/// The exit of a thread makes this check too, but lockdep may report another problem earlier and
/// turn itself off.
///
/// Context: any.
#[cfg(CONFIG_LOCKDEP)]
pub(super) fn check_no_locks_held() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::debug_check_no_locks_held() };
}

#[cfg(not(CONFIG_LOCKDEP))]
pub(super) fn check_no_locks_held() {}

/// Passes one object to `call_rcu()` twice, and frees it after its callback.
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
        // SAFETY: `reader` keeps the first callback pending. With this configuration RCU detects
        // that the head is already queued, and leaves the queue unchanged. The head then gets a
        // callback that does not touch it.
        unsafe { bindings::call_rcu(head, Some(callback)) };
    }
    drop(reader);
    barrier();
    // SAFETY: The head came from `KBox::into_raw()`, and after the barrier no callback refers to
    // it.
    drop(unsafe { KBox::from_raw(head) });
}

#[cfg(not(CONFIG_DEBUG_OBJECTS_RCU_HEAD))]
pub(super) fn call_rcu_twice() {}

/// Does not free the head. When RCU detects the second call, it replaces this callback by its own.
#[cfg(CONFIG_DEBUG_OBJECTS_RCU_HEAD)]
extern "C" fn callback(_head: *mut bindings::callback_head) {}
