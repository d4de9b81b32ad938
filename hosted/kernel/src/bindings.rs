// SPDX-License-Identifier: GPL-2.0

//! The C functions that the module calls, over the current [flavour](crate::flavour) of liburcu.
//!
//! Each function has the kernel's name, signature and requirements. It checks the requirements on
//! its context.

#![expect(non_camel_case_types, reason = "C's names")]

pub use crate::srcu::{
    __srcu_read_lock, __srcu_read_unlock, call_srcu, cleanup_srcu_struct,
    get_state_synchronize_srcu, init_srcu_struct, poll_state_synchronize_srcu, srcu_barrier,
    srcu_struct, start_poll_synchronize_srcu, synchronize_srcu, synchronize_srcu_expedited,
};
use crate::sync::rcu::read_lock;
pub use crate::workqueue::{
    __flush_workqueue, alloc_workqueue_noprof, destroy_workqueue, init_work_with_key,
    lock_class_key, queue_work_on, work_func_t, work_struct, workqueue_struct, wq_flags_WQ_UNBOUND,
    wq_misc_consts_WORK_CPU_UNBOUND,
};
/// C's `struct xarray`.
pub use crate::xarray::Raw as xarray;
use crate::{alloc, context, flavour::functions, stretch};
use core::{
    cell::UnsafeCell,
    ffi::{c_long, c_ulong, c_void},
    ptr::{self, NonNull},
};
use std::{sync::Once, thread, time::Duration};

/// A callback that RCU runs after a grace period.
pub type rcu_callback_t = Option<unsafe extern "C" fn(head: *mut callback_head)>;

/// C's `struct rcu_head`. liburcu's has the same size and meaning.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct callback_head {
    /// Private to RCU.
    pub next: *mut callback_head,
    /// Private to RCU.
    pub func: rcu_callback_t,
}

/// liburcu's cookie.
#[repr(C)]
pub(crate) struct urcu_gp_poll_state {
    grace_period_id: c_ulong,
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
    unsafe { (functions().read_lock)() };
}

/// Ends a read-side critical section.
///
/// # Safety
///
/// The thread is in one.
#[inline]
pub unsafe fn rcu_read_unlock() {
    // SAFETY: The thread is in a critical section, so it is registered.
    unsafe { (functions().read_unlock)() };
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
/// Inside a read-side critical section or a callback, where the kernel would deadlock.
#[track_caller]
pub unsafe fn synchronize_rcu() {
    context::assert_may_sleep("synchronize_rcu()");
    stretch::reschedule_point();
    // SAFETY: The thread is not in a critical section, as checked above.
    unsafe { (functions().synchronize_rcu)() };
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
    stretch::reschedule_point();
    context::register();
    // SAFETY: The thread is registered and may sleep, as checked above.
    unsafe { (functions().barrier)() };
}

/// Calls `func` with `head` after a grace period.
///
/// Callbacks run one after the other in liburcu's thread. Those of one queueing thread run in
/// order.
///
/// # Safety
///
/// `head` is valid, in no other queue, and belongs to RCU until `func` is called.
pub unsafe fn call_rcu(head: *mut callback_head, func: rcu_callback_t) {
    mark_callback_thread();
    // The flavour `qsbr` requires a thread that is online.
    let _online = read_lock();
    // SAFETY: The thread is registered. The caller guarantees that `head` is valid and in no other
    // queue.
    unsafe { (functions().call_rcu)(head, func) };
}

/// Frees the allocation at `object` after a grace period.
///
/// Without a head it notes the object elsewhere. The kernel allows a head within the first page of the object. Here it must be the first field,
/// because liburcu has no room to store the offset.
///
/// # Safety
///
/// `object` was allocated by [`alloc`] and is freed only here. `head` is null, or as for
/// [`call_rcu`].
///
/// # Panics
///
/// If `head` is not at the start of `object`; without a head, where the kernel must not sleep.
#[track_caller]
pub unsafe fn kvfree_call_rcu(head: *mut callback_head, object: *mut c_void) {
    unsafe extern "C" fn free(head: *mut callback_head) {
        let object = NonNull::new(head.cast::<u8>()).expect("RCU passes the head that was queued");
        // SAFETY: `head` is the address of an allocation whose owner called `kvfree_call_rcu()`.
        unsafe { alloc::free(object) };
    }
    if head.is_null() {
        context::assert_may_sleep("kvfree_rcu_mightsleep()");
        // SAFETY: The caller guarantees an allocation that is freed only here.
        return unsafe { free_noted(object) };
    }
    assert!(
        ptr::addr_eq(head, object),
        "the stand-in's kvfree_call_rcu() requires the head at the start of the object"
    );
    // SAFETY: The caller guarantees that `head` is valid and in no other queue.
    unsafe { call_rcu(head, Some(free)) };
}

/// Frees an object without a head after a grace period.
///
/// # Safety
///
/// `object` was allocated by [`alloc`] and is freed only here.
unsafe fn free_noted(object: *mut c_void) {
    #[repr(C)]
    struct Note {
        head: callback_head,
        object: *mut c_void,
    }
    unsafe extern "C" fn free(head: *mut callback_head) {
        // SAFETY: The head begins the note that was queued, which has no other owner.
        let note = unsafe { Box::from_raw(head.cast::<Note>()) };
        // SAFETY: The caller of `kvfree_call_rcu()` gave the object up.
        unsafe { kvfree(note.object) };
    }
    let head = callback_head {
        next: ptr::null_mut(),
        func: None,
    };
    let note = Box::into_raw(Box::new(Note { head, object }));
    // SAFETY: The note is valid, and only the callback frees it.
    unsafe { call_rcu(note.cast(), Some(free)) };
}

/// Frees memory of any allocator.
///
/// # Safety
///
/// `object` came from [`alloc`], has not been freed, and is not used again.
pub unsafe fn kvfree(object: *const c_void) {
    if let Some(object) = NonNull::new(object.cast_mut().cast::<u8>()) {
        // SAFETY: The caller guarantees a live allocation.
        unsafe { alloc::free(object) };
    }
}

/// Returns a random number.
///
/// # Safety
///
/// None.
pub unsafe fn get_random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// Returns the entry at an index of an array, or null.
///
/// # Safety
///
/// The array is initialised.
pub unsafe fn xa_load(array: *mut xarray, index: usize) -> *mut c_void {
    // SAFETY: The caller guarantees an initialised array.
    unsafe { (*array).load(index) }
}

/// Yields the CPU.
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
    stretch::reschedule_point();
    context::block(thread::yield_now);
}

/// As [`synchronize_rcu`]: liburcu has only one kind of grace period.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// As [`synchronize_rcu`].
#[track_caller]
pub unsafe fn synchronize_rcu_expedited() {
    context::assert_may_sleep("synchronize_rcu_expedited()");
    stretch::reschedule_point();
    // SAFETY: The thread is not in a critical section, as checked above.
    unsafe { (functions().synchronize_rcu)() };
}

/// The cookie of a completed grace period. Cookies of liburcu are doubled and incremented, so that
/// they differ from it.
const COMPLETED: c_ulong = 0;

/// Starts a grace period and returns its cookie.
///
/// # Safety
///
/// None.
pub unsafe fn start_poll_synchronize_rcu() -> c_ulong {
    mark_callback_thread();
    // The flavour `qsbr` requires a thread that is online.
    let _online = read_lock();
    // SAFETY: The thread is registered.
    let state = unsafe { (functions().start_poll_synchronize_rcu)() };
    state.grace_period_id * 2 + 1
}

/// As [`start_poll_synchronize_rcu`]: liburcu has only one kind of grace period.
///
/// # Safety
///
/// None.
pub unsafe fn start_poll_synchronize_rcu_expedited() -> c_ulong {
    // SAFETY: No requirement.
    unsafe { start_poll_synchronize_rcu() }
}

/// As [`start_poll_synchronize_rcu`]: liburcu cannot return a cookie without starting a grace
/// period.
///
/// # Safety
///
/// None.
pub unsafe fn get_state_synchronize_rcu() -> c_ulong {
    // SAFETY: No requirement.
    unsafe { start_poll_synchronize_rcu() }
}

/// Returns a cookie whose grace period has ended.
///
/// # Safety
///
/// None.
pub unsafe fn get_completed_synchronize_rcu() -> c_ulong {
    COMPLETED
}

/// Returns whether the cookie's grace period has ended.
///
/// # Safety
///
/// The cookie came from one of the functions above.
pub unsafe fn poll_state_synchronize_rcu(cookie: c_ulong) -> bool {
    let grace_period_id = cookie / 2;
    let state = urcu_gp_poll_state { grace_period_id };
    // SAFETY: Any other cookie is one of liburcu's, because it came from one of the functions
    // above.
    cookie == COMPLETED || unsafe { (functions().poll_state_synchronize_rcu)(state) }
}

/// Waits until the cookie's grace period has ended.
///
/// # Safety
///
/// The cookie came from one of the functions above.
///
/// # Panics
///
/// As [`synchronize_rcu`].
#[track_caller]
pub unsafe fn cond_synchronize_rcu(cookie: c_ulong) {
    context::assert_may_sleep("cond_synchronize_rcu()");
    // SAFETY: The caller guarantees that the cookie came from one of the functions above.
    while unsafe { !poll_state_synchronize_rcu(cookie) } {
        context::block(|| thread::sleep(Duration::from_micros(100)));
    }
}

/// As [`cond_synchronize_rcu`].
///
/// # Safety
///
/// As for [`cond_synchronize_rcu`].
///
/// # Panics
///
/// As [`synchronize_rcu`].
#[track_caller]
pub unsafe fn cond_synchronize_rcu_expedited(cookie: c_ulong) {
    // SAFETY: The caller guarantees that the cookie came from one of the functions above.
    unsafe { cond_synchronize_rcu(cookie) };
}

/// A cookie for both kinds of grace periods; liburcu has only one kind.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rcu_gp_oldstate {
    /// The cookie.
    pub rgos_norm: c_ulong,
}

/// Defines the functions that write a full cookie in terms of those that return one.
macro_rules! full_cookies {
    ($($full:ident by $small:ident),* $(,)?) => {
        $(
            #[doc = concat!("As [`", stringify!($small), "`].")]
            ///
            /// # Safety
            ///
            /// `cookie` is valid for writing.
            pub unsafe extern "C" fn $full(cookie: *mut rcu_gp_oldstate) {
                // SAFETY: No requirement.
                let rgos_norm = unsafe { $small() };
                // SAFETY: The caller guarantees that `cookie` is valid for writing.
                unsafe { cookie.write(rcu_gp_oldstate { rgos_norm }) };
            }
        )*
    };
}

full_cookies! {
    get_state_synchronize_rcu_full by get_state_synchronize_rcu,
    start_poll_synchronize_rcu_full by start_poll_synchronize_rcu,
    start_poll_synchronize_rcu_expedited_full by start_poll_synchronize_rcu_expedited,
    get_completed_synchronize_rcu_full by get_completed_synchronize_rcu,
}

/// As [`poll_state_synchronize_rcu`].
///
/// # Safety
///
/// `cookie` was written by one of the functions above.
pub unsafe fn poll_state_synchronize_rcu_full(cookie: *mut rcu_gp_oldstate) -> bool {
    // SAFETY: The caller guarantees that `cookie` was written by one of the functions above.
    unsafe { poll_state_synchronize_rcu((*cookie).rgos_norm) }
}

/// As [`cond_synchronize_rcu`].
///
/// # Safety
///
/// `cookie` was written by one of the functions above.
///
/// # Panics
///
/// As [`synchronize_rcu`].
#[track_caller]
pub unsafe fn cond_synchronize_rcu_full(cookie: *mut rcu_gp_oldstate) {
    // SAFETY: The caller guarantees that `cookie` was written by one of the functions above.
    unsafe { cond_synchronize_rcu((*cookie).rgos_norm) };
}

/// Sleeps for a number of ticks.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// Inside a read-side critical section or a callback, or if the time is unlimited.
#[track_caller]
pub unsafe fn schedule_timeout_uninterruptible(timeout: c_long) -> c_long {
    context::assert_may_sleep("schedule_timeout_uninterruptible()");
    assert_ne!(timeout, c_long::MAX, "a task is blocked for ever");
    context::block(|| thread::sleep(Duration::from_millis(timeout as u64)));
    0
}

/// Prints a backtrace if `condition` holds. Returns the condition.
///
/// # Safety
///
/// None.
#[expect(non_snake_case, reason = "C's name")]
pub unsafe fn WARN_ON(condition: bool) -> bool {
    if condition {
        eprintln!("WARNING: {}", std::backtrace::Backtrace::force_capture());
    }
    condition
}

/// Queues a first callback that marks its thread as softirq context. liburcu runs all callbacks in
/// order in one thread.
fn mark_callback_thread() {
    struct Marker(UnsafeCell<callback_head>);
    // SAFETY: This module uses only its address, once; liburcu synchronises its own accesses.
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
        let _online = read_lock();
        // SAFETY: The thread is registered; the head is static and queued only once.
        unsafe { (functions().call_rcu)(MARKER.0.get(), Some(mark)) };
    });
}
