// SPDX-License-Identifier: GPL-2.0

//! C's functions and types, on top of the model. Those without requirements are safe.

#![expect(non_camel_case_types, reason = "C's names")]
#![expect(non_upper_case_globals, reason = "C's names")]

/// C's `struct srcu_struct`.
pub use super::sync::srcu::Srcu as srcu_struct;

use super::{domain::Domain, task::might_sleep, this_execution, workqueue};
use core::ffi::{c_char, c_int, c_ulong, c_void};
use std::thread::panicking;

/// C's `struct rcu_head`.
#[repr(C)]
pub struct callback_head {
    /// RCU's, or whose the head is after its callback was called.
    pub next: *mut callback_head,
    /// As above.
    pub func: rcu_callback_t,
}

/// What RCU calls after a grace period.
pub type rcu_callback_t = Option<unsafe extern "C-unwind" fn(head: *mut callback_head)>;

/// Waits for a grace period.
#[track_caller]
pub fn synchronize_rcu() {
    might_sleep();
    this_execution().rcu.begin_grace_period().wait();
}

/// The same.
#[track_caller]
pub fn synchronize_rcu_expedited() {
    synchronize_rcu();
}

/// Waits for the callbacks queued before.
#[track_caller]
pub fn rcu_barrier() {
    // Called by a destructor.
    if !panicking() {
        might_sleep();
        super::rcu_barrier();
    }
}

/// Has `func` called with `head` after a grace period.
///
/// # Safety
///
/// `head` is valid, in no other queue, and stays RCU's until `func` is called.
pub unsafe fn call_rcu(head: *mut callback_head, func: rcu_callback_t) {
    // Called by a destructor.
    if panicking() {
        return;
    }
    let func = func.expect("RCU needs something to call");
    this_execution().rcu.call(move || {
        // SAFETY: As the caller promises; the grace period has passed.
        unsafe { func(head) };
    });
}

/// Frees memory after a grace period, which nobody would see.
pub fn kvfree_call_rcu(_head: *mut callback_head, _object: *mut c_void) {
    unreachable!("no test frees without a destructor");
}

/// The cookie of a grace period that has ended. The model's cookies are numbers, here plus one.
const COMPLETED: c_ulong = 0;

/// Begins a grace period and returns its cookie.
pub fn start_poll_synchronize_rcu() -> c_ulong {
    this_execution().rcu.cookie() as c_ulong + 1
}

/// The same.
pub fn start_poll_synchronize_rcu_expedited() -> c_ulong {
    start_poll_synchronize_rcu()
}

/// The same: somebody else begins it at once.
pub fn get_state_synchronize_rcu() -> c_ulong {
    start_poll_synchronize_rcu()
}

/// A cookie whose grace period has ended.
pub fn get_completed_synchronize_rcu() -> c_ulong {
    COMPLETED
}

/// Whether the cookie's grace period has ended.
pub fn poll_state_synchronize_rcu(cookie: c_ulong) -> bool {
    let rcu = &this_execution().rcu;
    cookie == COMPLETED || rcu.grace_period(cookie as usize - 1).is_complete()
}

/// Waits for what is left of the cookie's grace period.
#[track_caller]
pub fn cond_synchronize_rcu(cookie: c_ulong) {
    might_sleep();
    if cookie != COMPLETED {
        this_execution()
            .rcu
            .grace_period(cookie as usize - 1)
            .wait();
    }
}

/// The same.
#[track_caller]
pub fn cond_synchronize_rcu_expedited(cookie: c_ulong) {
    cond_synchronize_rcu(cookie);
}

/// A large cookie.
#[derive(Clone, Copy)]
pub struct rcu_gp_seq(c_ulong);

macro_rules! full_cookies {
    ($($full:ident by $small:ident),* $(,)?) => {
        $(
            #[doc = concat!("Writes the cookie of [`", stringify!($small), "`].")]
            ///
            /// # Safety
            ///
            /// `cookie` is valid for writing.
            pub unsafe extern "C-unwind" fn $full(cookie: *mut rcu_gp_seq) {
                // SAFETY: As the caller promises.
                unsafe { cookie.write(rcu_gp_seq($small())) };
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
pub fn poll_state_synchronize_rcu_full(cookie: &mut rcu_gp_seq) -> bool {
    poll_state_synchronize_rcu(cookie.0)
}

/// As [`cond_synchronize_rcu`].
#[track_caller]
pub fn cond_synchronize_rcu_full(cookie: &mut rcu_gp_seq) {
    cond_synchronize_rcu(cookie.0);
}

/// The domain behind a pointer.
///
/// # Safety
///
/// It is a live domain.
unsafe fn srcu<'a>(domain: *mut srcu_struct) -> &'a Domain {
    // SAFETY: As the caller promises.
    unsafe { &(*domain).domain }
}

/// As [`call_rcu`], in a domain.
///
/// # Safety
///
/// As for [`call_rcu`]; the domain is live.
pub unsafe fn call_srcu(domain: *mut srcu_struct, head: *mut callback_head, func: rcu_callback_t) {
    // Called by a destructor.
    if panicking() {
        return;
    }
    let func = func.expect("SRCU needs something to call");
    // SAFETY: As the caller promises.
    unsafe { srcu(domain) }.call(move || {
        // SAFETY: As the caller promises; the grace period has passed.
        unsafe { func(head) };
    });
}

/// Waits for the callbacks that were queued in the domain before.
///
/// # Safety
///
/// The domain is live.
#[track_caller]
pub unsafe fn srcu_barrier(domain: *mut srcu_struct) {
    might_sleep();
    // SAFETY: As the caller promises.
    unsafe { srcu(domain) }.barrier();
}

/// Begins a grace period of the domain and returns its cookie.
///
/// # Safety
///
/// The domain is live.
pub unsafe fn start_poll_synchronize_srcu(domain: *mut srcu_struct) -> c_ulong {
    // SAFETY: As the caller promises.
    unsafe { srcu(domain) }.cookie() as c_ulong
}

/// The same: somebody else begins it at once.
///
/// # Safety
///
/// The domain is live.
pub unsafe fn get_state_synchronize_srcu(domain: *mut srcu_struct) -> c_ulong {
    // SAFETY: As the caller promises.
    unsafe { start_poll_synchronize_srcu(domain) }
}

/// Whether the cookie's grace period has ended.
///
/// # Safety
///
/// The domain is live, and the cookie came from one of the functions above.
pub unsafe fn poll_state_synchronize_srcu(domain: *mut srcu_struct, cookie: c_ulong) -> bool {
    // SAFETY: As the caller promises.
    unsafe { srcu(domain) }
        .grace_period(cookie as usize)
        .is_complete()
}

/// A work item: its address is all there is.
pub struct work_struct(());

/// What a work item does.
pub type work_func_t = Option<unsafe extern "C-unwind" fn(work: *mut work_struct)>;

/// A class of locks.
pub struct lock_class_key(());

/// No CPU in particular.
#[expect(non_upper_case_globals, reason = "C's name")]
pub const wq_misc_consts_WORK_CPU_UNBOUND: u32 = 8192;

/// Initialises the work item.
///
/// # Safety
///
/// `func` may be called with `work`, in any thread.
pub unsafe fn init_work_with_key(
    work: *mut work_struct,
    func: work_func_t,
    _onstack: bool,
    _name: *const c_char,
    _key: *mut lock_class_key,
) {
    let func = func.expect("work is something to do");
    this_execution().work.initialise(move || {
        // SAFETY: As the caller promises.
        unsafe { func(work) };
    });
}

/// A workqueue.
pub type workqueue_struct = workqueue::Queue;

/// The one that there is needs no address.
pub static mut system_percpu_wq: *mut workqueue_struct = std::ptr::null_mut();

/// Queues the work item; says whether it was not pending already.
pub fn queue_work_on(_cpu: c_int, _queue: *mut workqueue::Queue, _work: *mut work_struct) -> bool {
    this_execution().work.queue()
}

/// Waits until the work item is neither pending nor running.
#[track_caller]
pub fn flush_work(_work: *mut work_struct) {
    // Called by a destructor.
    if !panicking() {
        might_sleep();
        super::flush_work();
    }
}

/// Complains if `condition` holds, which it returns.
#[expect(non_snake_case, reason = "C's name")]
pub fn WARN_ON(condition: bool) -> bool {
    assert!(!condition, "the module warns");
    condition
}
