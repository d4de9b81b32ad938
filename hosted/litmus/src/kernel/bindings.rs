// SPDX-License-Identifier: GPL-2.0

//! C's functions and types, implemented by the model. A function without requirements is safe.

#![expect(non_camel_case_types, reason = "C's names")]

/// C's `struct srcu_struct`.
pub use super::sync::srcu::Srcu as srcu_struct;

use super::{domain::Domain, task::might_sleep, this_execution, workqueue};
use core::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use std::thread::panicking;

/// C's `struct rcu_head`.
#[repr(C)]
pub struct callback_head {
    /// Used by RCU while the head is queued, and by its owner otherwise.
    pub next: *mut callback_head,
    /// Used like `next`.
    pub func: rcu_callback_t,
}

/// A function that RCU calls after a grace period.
pub type rcu_callback_t = Option<unsafe extern "C-unwind" fn(head: *mut callback_head)>;

/// Waits for a grace period.
#[track_caller]
pub fn synchronize_rcu() {
    might_sleep();
    this_execution().rcu.begin_grace_period().wait();
}

/// Waits for a grace period.
#[track_caller]
pub fn synchronize_rcu_expedited() {
    synchronize_rcu();
}

/// Waits for the callbacks that are queued.
#[track_caller]
pub fn rcu_barrier() {
    // A destructor may call this after a failure, when the model checker cannot be used.
    if !panicking() {
        might_sleep();
        super::rcu_barrier();
    }
}

/// Calls `func` with `head` after a grace period.
///
/// # Safety
///
/// `head` is valid, is in no other queue, and is accessed only by RCU until `func` is called.
pub unsafe fn call_rcu(head: *mut callback_head, func: rcu_callback_t) {
    // A destructor may call this after a failure, when the model checker cannot be used.
    if panicking() {
        return;
    }
    let func = func.expect("a callback has a function");
    this_execution().rcu.call(move || {
        // SAFETY: The caller of `call_rcu()` gave up `head` until this call; the grace period has
        // ended.
        unsafe { func(head) };
    });
}

/// Frees memory without a destructor after a grace period. The model checker could not observe such
/// a free, so no test may cause one.
pub fn kvfree_call_rcu(_head: *mut callback_head, _object: *mut c_void) {
    unreachable!("no test frees without a destructor");
}

/// Frees memory: not before the execution ends, see [`alloc`](super::alloc).
pub fn kvfree(_object: *const c_void) {}

/// The cookie of a completed grace period. Other cookies are the number of a grace period plus one.
const COMPLETED: c_ulong = 0;

/// Begins a grace period and returns its cookie.
pub fn start_poll_synchronize_rcu() -> c_ulong {
    this_execution().rcu.cookie() as c_ulong + 1
}

/// Begins a grace period and returns its cookie.
pub fn start_poll_synchronize_rcu_expedited() -> c_ulong {
    start_poll_synchronize_rcu()
}

/// Returns the cookie of the next grace period. The model begins it at once.
pub fn get_state_synchronize_rcu() -> c_ulong {
    start_poll_synchronize_rcu()
}

/// Returns the cookie of a completed grace period.
pub fn get_completed_synchronize_rcu() -> c_ulong {
    COMPLETED
}

/// Returns whether the cookie's grace period has ended.
pub fn poll_state_synchronize_rcu(cookie: c_ulong) -> bool {
    let rcu = &this_execution().rcu;
    cookie == COMPLETED || rcu.grace_period(cookie as usize - 1).is_complete()
}

/// Waits until the cookie's grace period has ended.
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

/// Waits until the cookie's grace period has ended.
#[track_caller]
pub fn cond_synchronize_rcu_expedited(cookie: c_ulong) {
    cond_synchronize_rcu(cookie);
}

/// A cookie of the type that C's `_full` functions use.
#[derive(Clone, Copy)]
pub struct rcu_gp_seq(c_ulong);

macro_rules! full_cookies {
    ($($full:ident by $small:ident),* $(,)?) => {
        $(
            #[doc = concat!("Writes the cookie of [`", stringify!($small), "`].")]
            ///
            /// # Safety
            ///
            /// `cookie` is valid for writes.
            pub unsafe extern "C-unwind" fn $full(cookie: *mut rcu_gp_seq) {
                // SAFETY: `cookie` is valid for writes by this function's requirements.
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

/// Returns whether the cookie's grace period has ended.
pub fn poll_state_synchronize_rcu_full(cookie: &mut rcu_gp_seq) -> bool {
    poll_state_synchronize_rcu(cookie.0)
}

/// Waits until the cookie's grace period has ended.
#[track_caller]
pub fn cond_synchronize_rcu_full(cookie: &mut rcu_gp_seq) {
    cond_synchronize_rcu(cookie.0);
}

/// Returns the model's domain of a C domain.
///
/// # Safety
///
/// `domain` is live for `'a`.
unsafe fn srcu<'a>(domain: *mut srcu_struct) -> &'a Domain {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { &(*domain).domain }
}

/// Calls `func` with `head` after a grace period of the domain.
///
/// # Safety
///
/// `domain` is live. `head` meets the requirements of [`call_rcu`].
pub unsafe fn call_srcu(domain: *mut srcu_struct, head: *mut callback_head, func: rcu_callback_t) {
    // A destructor may call this after a failure, when the model checker cannot be used.
    if panicking() {
        return;
    }
    let func = func.expect("a callback has a function");
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { srcu(domain) }.call(move || {
        // SAFETY: The caller of `call_rcu()` gave up `head` until this call; the grace period has
        // ended.
        unsafe { func(head) };
    });
}

/// Waits for the callbacks that are queued in the domain.
///
/// # Safety
///
/// `domain` is live.
#[track_caller]
pub unsafe fn srcu_barrier(domain: *mut srcu_struct) {
    might_sleep();
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { srcu(domain) }.barrier();
}

/// Begins a grace period of the domain and returns its cookie.
///
/// # Safety
///
/// `domain` is live.
pub unsafe fn start_poll_synchronize_srcu(domain: *mut srcu_struct) -> c_ulong {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { srcu(domain) }.cookie() as c_ulong
}

/// Returns the cookie of the domain's next grace period. The model begins it at once.
///
/// # Safety
///
/// `domain` is live.
pub unsafe fn get_state_synchronize_srcu(domain: *mut srcu_struct) -> c_ulong {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { start_poll_synchronize_srcu(domain) }
}

/// Returns whether the cookie's grace period has ended.
///
/// # Safety
///
/// `domain` is live, and one of the functions above returned the cookie.
pub unsafe fn poll_state_synchronize_srcu(domain: *mut srcu_struct, cookie: c_ulong) -> bool {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { srcu(domain) }
        .grace_period(cookie as usize)
        .is_complete()
}

/// Initialises a domain.
///
/// # Safety
///
/// `domain` is valid for writes.
pub unsafe fn init_srcu_struct_with_key(
    domain: *mut srcu_struct,
    _name: *const c_char,
    _key: *mut lock_class_key,
) -> c_int {
    // SAFETY: `domain` is valid for writes by this function's requirements.
    unsafe { domain.write(srcu_struct::new()) };
    0
}

/// Ends a domain that is no longer used.
///
/// # Safety
///
/// `domain` is live and not used again.
pub unsafe fn cleanup_srcu_struct(domain: *mut srcu_struct) {
    // After a failure the model checker cannot be used.
    if !panicking() {
        // SAFETY: `domain` is live and not used again by this function's requirements.
        unsafe { domain.drop_in_place() };
    }
}

/// Begins a read-side critical section of the domain and returns its index.
///
/// # Safety
///
/// `domain` is live.
pub unsafe fn srcu_read_lock(domain: *mut srcu_struct) -> c_int {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { &*domain }.read_lock()
}

/// Ends a read-side critical section of the domain.
///
/// # Safety
///
/// `domain` is live, and [`srcu_read_lock`] returned the index.
pub unsafe fn srcu_read_unlock(domain: *mut srcu_struct, index: c_int) {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { &*domain }.read_unlock(index);
}

/// Waits for a grace period of the domain.
///
/// # Safety
///
/// `domain` is live.
#[track_caller]
pub unsafe fn synchronize_srcu(domain: *mut srcu_struct) {
    // A destructor may call this after a failure, when the model checker cannot be used.
    if !panicking() {
        might_sleep();
        // SAFETY: `domain` is live by this function's requirements.
        unsafe { srcu(domain) }.begin_grace_period().wait();
    }
}

/// Waits for a grace period of the domain.
///
/// # Safety
///
/// `domain` is live.
#[track_caller]
pub unsafe fn synchronize_srcu_expedited(domain: *mut srcu_struct) {
    // SAFETY: `domain` is live by this function's requirements.
    unsafe { synchronize_srcu(domain) };
}

/// A work item.
pub struct work_struct {
    func: work_func_t,
}

/// The function of a work item.
pub type work_func_t = Option<unsafe extern "C-unwind" fn(work: *mut work_struct)>;

pub use stand_in::bindings::lock_class_key;

/// Any CPU.
#[expect(non_upper_case_globals, reason = "C's name")]
pub const wq_misc_consts_WORK_CPU_UNBOUND: u32 = 8192;

/// Any CPU.
#[expect(non_upper_case_globals, reason = "C's name")]
pub const wq_flags_WQ_UNBOUND: u32 = 2;

/// Initialises the work item.
///
/// # Safety
///
/// `work` is valid for writes.
pub unsafe fn init_work_with_key(
    work: *mut work_struct,
    func: work_func_t,
    _onstack: bool,
    _name: *const c_char,
    _key: *mut lock_class_key,
) {
    // SAFETY: `work` is valid for writes by this function's requirements.
    unsafe { work.write(work_struct { func }) };
}

/// A workqueue. The model has only one, so its address is not used: with a weakened ordering a
/// thread may use the queue although it has no address yet.
pub type workqueue_struct = workqueue::Queue;

/// Creates the workqueue.
pub fn alloc_workqueue_noprof(
    _name: *const c_char,
    _flags: u32,
    _max_active: c_int,
) -> *mut workqueue_struct {
    workqueue::Queue::create()
}

/// Destroys the workqueue after its last work.
///
/// # Safety
///
/// [`alloc_workqueue_noprof`] returned the queue, which is not used again.
#[track_caller]
pub unsafe fn destroy_workqueue(queue: *mut workqueue_struct) {
    // SAFETY: The queue is live by this function's requirements.
    unsafe { __flush_workqueue(queue) };
    if !panicking() {
        this_execution().work.destroy();
    }
}

/// Waits for the works that are queued.
///
/// # Safety
///
/// The queue is live.
#[track_caller]
pub unsafe fn __flush_workqueue(_queue: *mut workqueue_struct) {
    // A destructor may call this after a failure, when the model checker cannot be used.
    if !panicking() {
        might_sleep();
        this_execution().work.flush();
    }
}

/// Queues the work item.
///
/// # Safety
///
/// The queue is live. The work item is initialised and valid until its function has begun.
pub unsafe fn queue_work_on(
    _cpu: c_int,
    _queue: *mut workqueue_struct,
    work: *mut work_struct,
) -> bool {
    // SAFETY: The work item is initialised by this function's requirements.
    let func = unsafe { (*work).func }.expect("a work item has a function");
    this_execution().work.queue(move || {
        // SAFETY: The work item is valid by this function's requirements.
        unsafe { func(work) };
    });
    true
}

/// Lets other threads run.
pub fn schedule() {
    loom::thread::yield_now();
}

/// Lets other threads run.
pub fn schedule_timeout_uninterruptible(timeout: c_long) -> c_long {
    assert_ne!(timeout, c_long::MAX, "a thread is blocked for ever");
    loom::thread::yield_now();
    0
}

/// Panics if `condition` holds; otherwise returns false.
#[expect(non_snake_case, reason = "C's name")]
pub fn WARN_ON(condition: bool) -> bool {
    assert!(!condition, "the module called WARN_ON()");
    condition
}
