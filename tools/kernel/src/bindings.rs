// SPDX-License-Identifier: GPL-2.0

//! The C functions that the module calls, on top of liburcu's.
//!
//! Each keeps the kernel's name, signature and requirements, and checks of the latter what it can.

#![expect(non_camel_case_types, reason = "C's names")]

use crate::{alloc, context};
use core::{
    cell::UnsafeCell,
    ffi::c_void,
    ptr::{self, NonNull},
};
use std::sync::Once;

/// What RCU calls after a grace period.
pub type rcu_callback_t = Option<unsafe extern "C" fn(head: *mut callback_head)>;

/// C's `struct rcu_head`; liburcu's has the same size and meaning.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct callback_head {
    /// RCU's own.
    pub next: *mut callback_head,
    /// RCU's own.
    pub func: rcu_callback_t,
}

#[link(name = "urcu-memb")]
extern "C" {
    pub(crate) fn urcu_memb_register_thread();
    pub(crate) fn urcu_memb_unregister_thread();
    fn urcu_memb_read_lock();
    fn urcu_memb_read_unlock();
    fn urcu_memb_synchronize_rcu();
    fn urcu_memb_call_rcu(head: *mut callback_head, func: rcu_callback_t);
    fn urcu_memb_barrier();
}

/// Begins a read-side critical section.
///
/// # Safety
///
/// [`rcu_read_unlock`] is called by the same thread afterwards.
#[inline]
pub unsafe fn rcu_read_lock() {
    context::register();
    context::enter_reader();
    // SAFETY: The thread is registered.
    unsafe { urcu_memb_read_lock() };
}

/// Ends a read-side critical section.
///
/// # Safety
///
/// The thread is in one.
#[inline]
pub unsafe fn rcu_read_unlock() {
    // SAFETY: The caller promises that it is in a critical section, so the thread is registered.
    unsafe { urcu_memb_read_unlock() };
    context::leave_reader();
}

/// Waits for a grace period.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// Where the kernel would deadlock: inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn synchronize_rcu() {
    context::assert_may_sleep("synchronize_rcu()");
    // SAFETY: Not inside a critical section, as was just checked.
    unsafe { urcu_memb_synchronize_rcu() };
}

/// Waits for all callbacks queued before.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// Where the kernel would deadlock: inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn rcu_barrier() {
    context::assert_may_sleep("rcu_barrier()");
    context::register();
    // SAFETY: Neither inside a critical section nor in a callback, as was just checked.
    unsafe { urcu_memb_barrier() };
}

/// Calls `func` with `head` after a grace period.
///
/// Callbacks run one after the other, in the order in which one thread queued them, in a thread of
/// liburcu's.
///
/// # Safety
///
/// `head` is valid, in no other queue, and stays RCU's until `func` is called.
pub unsafe fn call_rcu(head: *mut callback_head, func: rcu_callback_t) {
    mark_callback_thread();
    context::register();
    // SAFETY: The thread is registered; for `head` the caller vouches.
    unsafe { urcu_memb_call_rcu(head, func) };
}

/// Frees the allocation at `object` after a grace period.
///
/// The kernel allows a head within the first page of the object. Here it must stand in front,
/// because liburcu leaves no place to keep the distance.
///
/// # Safety
///
/// `object` was allocated by [`alloc`], nobody else frees it, and `head` is as for
/// [`call_rcu`].
///
/// # Panics
///
/// If `head` is not where `object` begins.
pub unsafe fn kvfree_call_rcu(head: *mut callback_head, object: *mut c_void) {
    unsafe extern "C" fn free(head: *mut callback_head) {
        let object = NonNull::new(head.cast::<u8>()).expect("RCU hands back what it was given");
        // SAFETY: `head` is the address of an allocation that `kvfree_call_rcu()` was given to free.
        unsafe { alloc::free(object) };
    }
    assert!(
        ptr::addr_eq(head, object),
        "the stand-in's kvfree_call_rcu() wants the head in front"
    );
    // SAFETY: As the caller promises.
    unsafe { call_rcu(head, Some(free)) };
}

/// Lets another thread run.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// Inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn schedule() {
    context::assert_may_sleep("schedule()");
    std::thread::yield_now();
}

/// Has the first callback of all tell its thread what it is. All callbacks share one thread of
/// liburcu's, which takes them in order.
fn mark_callback_thread() {
    struct Marker(UnsafeCell<callback_head>);
    // SAFETY: Its address is all that is used here, once; the rest is liburcu's.
    unsafe impl Sync for Marker {}
    static MARKER: Marker = Marker(UnsafeCell::new(callback_head {
        next: ptr::null_mut(),
        func: None,
    }));
    static ONCE: Once = Once::new();

    unsafe extern "C" fn mark(_head: *mut callback_head) {
        context::become_softirq();
    }
    ONCE.call_once(|| {
        context::register();
        // SAFETY: The thread is registered; the head is static and queued only once.
        unsafe { urcu_memb_call_rcu(MARKER.0.get(), Some(mark)) };
    });
}
