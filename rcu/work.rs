// SPDX-License-Identifier: GPL-2.0

//! Reclaiming in process context.
//!
//! A callback of `call_rcu()` must not sleep, so it passes the object on, by its head, to one work
//! item that serves all. C's `queue_rcu_work()` would want a work item in every object.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::{compat, retired, Reclaim};
use core::{
    ffi::c_int,
    mem,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU8, Ordering},
};
use kernel::{bindings, task::might_sleep, types::Opaque};

/// Objects whose grace period has ended, linked by their heads; the last to come is the first.
static PENDING: AtomicPtr<bindings::callback_head> = AtomicPtr::new(ptr::null_mut());

/// The work item that reclaims what is pending.
static RECLAIMER: Reclaimer = Reclaimer(Opaque::uninit());

struct Reclaimer(Opaque<bindings::work_struct>);

// SAFETY: The workqueue's functions synchronise by themselves.
unsafe impl Sync for Reclaimer {}

static STATE: AtomicU8 = AtomicU8::new(UNINITIALISED);
const UNINITIALISED: u8 = 0;
const INITIALISING: u8 = 1;
const READY: u8 = 2;

/// Initialises the work item, if nobody has.
///
/// Context: may sleep.
pub(super) fn prepare() {
    might_sleep();
    // ORDERING: Acquire and release pair with each other: who finds it ready finds it initialised.
    match STATE.compare_exchange(
        UNINITIALISED,
        INITIALISING,
        Ordering::Acquire,
        Ordering::Acquire,
    ) {
        Ok(_) => {
            initialise();
            STATE.store(READY, Ordering::Release);
        }
        Err(_) => {
            while STATE.load(Ordering::Acquire) != READY {
                core::hint::spin_loop();
            }
        }
    }
}

fn initialise() {
    struct LockClass(Opaque<bindings::lock_class_key>);
    // SAFETY: Lockdep goes by its address alone.
    unsafe impl Sync for LockClass {}
    static CLASS: LockClass = LockClass(Opaque::zeroed());

    // SAFETY: The work item is static, and `prepare()` comes here once, before anybody uses it.
    unsafe {
        bindings::init_work_with_key(
            RECLAIMER.0.get(),
            Some(reclaim_pending),
            false,
            c"rcu_reclaimer".as_ptr().cast(),
            CLASS.0.get(),
        )
    };
}

/// Waits until all that was pending is reclaimed.
///
/// Context: may sleep.
pub(super) fn flush() {
    // SAFETY: Called with a `CallbackDrain` in place, whose making has initialised the work item.
    unsafe { bindings::flush_work(RECLAIMER.0.get()) };
}

/// Passes an object on to the work item.
///
/// # Safety
///
/// Called by RCU alone, once, with the head of an object of type `T` that a
/// [`Retired`](super::Retired) gave up while a `CallbackDrain` was in place.
pub(super) unsafe extern "C" fn callback<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: The head is the object's room for RCU and for this list, and RCU is done with it.
    unsafe { (*head).func = Some(reclaim::<T>) };
    let mut next = PENDING.load(Ordering::Relaxed);
    loop {
        // SAFETY: As above.
        unsafe { (*head).next = next };
        // ORDERING: Release, for `take_pending()`.
        match PENDING.compare_exchange_weak(next, head, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => next = found,
        }
    }
    let cpu = bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int;
    // SAFETY: The system's workqueue lives for ever, the work item is initialised, and it is not freed
    // before a `CallbackDrain` has flushed it.
    unsafe { bindings::queue_work_on(cpu, compat::system_workqueue(), RECLAIMER.0.get()) };
}

/// # Safety
///
/// Called by [`reclaim_pending`] alone, once, with a head that [`callback`] was given.
unsafe extern "C" fn reclaim<T: Reclaim + ?Sized>(head: *mut bindings::callback_head) {
    // SAFETY: The grace period had ended when RCU called `callback()`, and ownership comes with the head.
    unsafe { retired::reclaim::<T>(head) };
}

/// # Safety
///
/// Called by the workqueue alone.
unsafe extern "C" fn reclaim_pending(_work: *mut bindings::work_struct) {
    let mut next = take_pending();
    while let Some(head) = NonNull::new(next) {
        // SAFETY: What is in the list is ours, and `callback()` has initialised it.
        let (after, reclaim) = unsafe { ((*head.as_ptr()).next, (*head.as_ptr()).func) };
        next = after;
        if let Some(reclaim) = reclaim {
            // SAFETY: This is the function that `callback()` has put there for this head.
            unsafe { reclaim(head.as_ptr()) };
        }
        might_sleep();
    }
}

/// Takes all that is pending, oldest first.
fn take_pending() -> *mut bindings::callback_head {
    // ORDERING: Acquire, for what `callback()` has written.
    let mut newest = PENDING.swap(ptr::null_mut(), Ordering::Acquire);
    let mut oldest = ptr::null_mut();
    while let Some(head) = NonNull::new(newest) {
        // SAFETY: What is in the list is ours, and `callback()` has initialised it.
        let next = unsafe { &mut (*head.as_ptr()).next };
        newest = mem::replace(next, oldest);
        oldest = head.as_ptr();
    }
    oldest
}
