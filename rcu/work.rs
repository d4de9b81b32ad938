// SPDX-License-Identifier: GPL-2.0

//! Reclaims objects in process context.
//!
//! A callback of `call_rcu()` must not sleep, so it links its object, by the head, into a list that
//! one work item reclaims. C's `queue_rcu_work()` needs a work item in every object.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

#![expect(unsafe_code, reason = "links objects by raw pointers and calls C")]

use super::{compat, reclaim::reclaim, Reclaim};
use core::{
    ffi::c_int,
    mem,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU8, Ordering},
};
use kernel::{bindings, task::might_sleep, types::Opaque};

/// Objects whose grace period has ended, linked by their heads, newest first.
static PENDING: AtomicPtr<bindings::callback_head> = AtomicPtr::new(ptr::null_mut());

/// The work item that reclaims the pending objects.
static RECLAIMER: Reclaimer = Reclaimer(Opaque::uninit());

struct Reclaimer(Opaque<bindings::work_struct>);

// SAFETY: The workqueue's functions synchronise their accesses to the work item.
unsafe impl Sync for Reclaimer {}

static STATE: AtomicU8 = AtomicU8::new(UNINITIALISED);
const UNINITIALISED: u8 = 0;
const INITIALISING: u8 = 1;
const READY: u8 = 2;

/// Initialises the work item, unless another thread has done so or is doing so.
///
/// Context: may sleep.
pub(super) fn init_once() {
    might_sleep();
    // ORDERING: The acquire loads pair with the release store: a thread that finds the item ready
    // finds it initialised.
    match STATE.compare_exchange(
        UNINITIALISED,
        INITIALISING,
        Ordering::Acquire,
        Ordering::Acquire,
    ) {
        Ok(_) => {
            init();
            STATE.store(READY, Ordering::Release);
        }
        Err(_) => {
            while STATE.load(Ordering::Acquire) != READY {
                core::hint::spin_loop();
            }
        }
    }
}

fn init() {
    struct LockClass(Opaque<bindings::lock_class_key>);
    // SAFETY: Lockdep uses only the address of a key.
    unsafe impl Sync for LockClass {}
    static CLASS: LockClass = LockClass(Opaque::zeroed());

    // SAFETY: The work item is static. Only the thread that moved `STATE` to `INITIALISING` calls
    // this, and nobody uses the item before `STATE` is `READY`.
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

/// Waits until all objects that are pending now have been reclaimed.
///
/// Context: may sleep.
pub(super) fn flush() {
    // SAFETY: Only a `CallbackDrain` calls this, whose creation has initialised the work item.
    unsafe { bindings::flush_work(RECLAIMER.0.get()) };
}

/// Adds an object to the pending list; a callback for `call_rcu()`.
///
/// # Safety
///
/// - `head` and `T` are as [`reclaim`] requires.
/// - A `CallbackDrain` exists and waits for this call.
pub(super) unsafe extern "C" fn add_pending<T: Reclaim + ?Sized>(
    head: *mut bindings::callback_head,
) {
    // SAFETY: The owner of the object gave it up to this call, so nobody else accesses the head.
    unsafe { (*head).func = Some(reclaim::<T>) };
    let mut next = PENDING.load(Ordering::Relaxed);
    loop {
        // SAFETY: The object is not in the list yet, so nobody else accesses the head.
        unsafe { (*head).next = next };
        // ORDERING: Release pairs with the acquire in `remove_pending()`.
        match PENDING.compare_exchange_weak(next, head, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => next = found,
        }
    }
    let cpu = bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int;
    // SAFETY: The system's workqueue is never freed. The drain has initialised the work item, and
    // flushes it before the module is unloaded.
    unsafe { bindings::queue_work_on(cpu, compat::system_workqueue(), RECLAIMER.0.get()) };
}

/// # Safety
///
/// Only the workqueue calls this.
unsafe extern "C" fn reclaim_pending(_work: *mut bindings::work_struct) {
    let mut next = remove_pending();
    while let Some(head) = NonNull::new(next) {
        // SAFETY: `remove_pending()` gave the list to this call, and `add_pending()` has
        // initialised each head.
        let (after, reclaim) = unsafe { ((*head.as_ptr()).next, (*head.as_ptr()).func) };
        next = after;
        if let Some(reclaim) = reclaim {
            // SAFETY: `add_pending()` stored this function for the object, and nobody else owns it.
            unsafe { reclaim(head.as_ptr()) };
        }
        might_sleep();
    }
}

/// Removes all pending objects and returns them, oldest first.
fn remove_pending() -> *mut bindings::callback_head {
    // ORDERING: Acquire pairs with the release in `add_pending()`: the heads are initialised.
    let mut newest = PENDING.swap(ptr::null_mut(), Ordering::Acquire);
    let mut oldest = ptr::null_mut();
    while let Some(head) = NonNull::new(newest) {
        // SAFETY: The exchange gave the list to this call, and `add_pending()` has initialised each
        // head.
        let next = unsafe { &mut (*head.as_ptr()).next };
        newest = mem::replace(next, oldest);
        oldest = head.as_ptr();
    }
    oldest
}
