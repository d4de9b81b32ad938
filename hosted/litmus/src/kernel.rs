// SPDX-License-Identifier: GPL-2.0

//! A model of the kernel's memory ordering for the module's sources.
//!
//! It gives exactly the order that the kernel promises. Any more order would hide missing orderings
//! in the sources:
//!
//! | operation | is ordered before | because |
//! |---|---|---|
//! | a read-side critical section that began before a grace period | the end of the grace period | `rcu_read_unlock()` releases to `synchronize_rcu()` |
//! | code before the beginning of a grace period | a read-side critical section that begins later | `synchronize_rcu()` releases to `rcu_read_lock()` |
//! | code before `call_rcu()`, and the grace period | the callback | `call_rcu()` spawns the callback's thread |
//! | callbacks | the end of `rcu_barrier()` | it joins their threads |
//! | code before `mutex_unlock()` | code after the next `mutex_lock()` | release and acquire |
//! | code before `queue_work()` | the work | it spawns the work's thread |
//! | works | the end of `flush_workqueue()` | it joins their threads |
//!
//! Each SRCU domain has the same order, independently of RCU and of other domains. Readers are not
//! ordered with each other. Grace periods do not order updaters.
//!
//! Work and callbacks run in their own threads. The model checker allows few threads, so a test can
//! defer work and callbacks and run them itself.

#[expect(unsafe_code, reason = "implements an allocation that is freed late")]
pub mod alloc;
#[expect(unsafe_code, reason = "defines functions with C's requirements")]
pub mod bindings;
mod domain;
pub mod prelude;
pub mod sync;
pub mod task;
pub mod workqueue;

pub use stand_in::{error, types};

use crate::ordering::Site;
use core::sync::atomic::Ordering;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// The orderings of the model. Tests weaken them too.
pub const ORDERINGS: &[Site] = &[
    site("rcu_read_lock", Ordering::Acquire),
    site("rcu_read_unlock", Ordering::Release),
    site("synchronize_rcu begin", Ordering::Release),
    site("synchronize_rcu end", Ordering::Acquire),
    site("mutex_lock", Ordering::Acquire),
    site("mutex_unlock", Ordering::Release),
];

const fn site(name: &'static str, ordering: Ordering) -> Site {
    Site {
        name,
        ordering,
        place: "the model of the kernel",
    }
}

/// The state of the kernel in one execution of a test.
struct Execution {
    rcu: domain::Domain,
    work: workqueue::Queue,
    /// Whether grace periods end without waiting for readers.
    has_broken_grace_periods: Cell<bool>,
    /// Whether the module is unloaded.
    is_unloaded: Cell<bool>,
}

impl Execution {
    fn assert_is_loaded(&self) {
        assert!(
            !self.is_unloaded.get(),
            "code of the module was called after it was unloaded"
        );
    }
}

thread_local! {
    static EXECUTION: RefCell<Option<Rc<Execution>>> = const { RefCell::new(None) };
}

/// Begins an execution. Its first thread must call this.
pub(crate) fn boot() {
    alloc::free_all();
    let execution = Execution {
        rcu: domain::Domain::new(),
        work: workqueue::Queue::new(),
        has_broken_grace_periods: Cell::new(false),
        is_unloaded: Cell::new(false),
    };
    EXECUTION.replace(Some(Rc::new(execution)));
}

/// Waits until no callback and no work is pending.
pub(crate) fn shut_down() {
    while rcu_barrier() | flush_works() {}
}

/// Lets grace periods end without waiting for readers, until the end of this execution.
pub fn break_grace_periods() {
    this_execution().has_broken_grace_periods.set(true);
}

/// Defers later callbacks to [`deferred_callback`].
pub fn defer_callbacks() {
    this_execution().rcu.defer_callbacks();
}

/// Returns the oldest deferred callback, which waits for its grace period. The calling thread must
/// have begun after the callback was queued.
pub fn deferred_callback() -> impl FnOnce() {
    this_execution().rcu.deferred_callback()
}

/// Defers later works to [`run_deferred_work`].
pub fn defer_work() {
    this_execution().work.defer();
}

/// Runs the deferred works in the calling thread.
pub fn run_deferred_work() {
    this_execution().work.run_deferred();
}

/// Unloads the module: a later callback or run of work in this execution panics.
pub fn unload() {
    this_execution().is_unloaded.set(true);
}

fn this_execution() -> Rc<Execution> {
    let execution = EXECUTION.with_borrow(Clone::clone);
    execution.expect("only an execution of a test may call the module")
}

/// Waits for callbacks. Returns whether any were queued.
fn rcu_barrier() -> bool {
    this_execution().rcu.barrier()
}

/// Waits for works. Returns whether any were queued.
fn flush_works() -> bool {
    this_execution().work.flush()
}
