// SPDX-License-Identifier: GPL-2.0

//! A model of the kernel for the module's sources, as far as they order memory.
//!
//! It gives the order that the kernel promises and no more, or it would hide what the sources forget:
//!
//! | what | is ordered before | as |
//! |---|---|---|
//! | a read-side critical section that has begun when a grace period begins | the end of the grace period | `rcu_read_unlock()` releases to `synchronize_rcu()` |
//! | what precedes the beginning of a grace period | a read-side critical section that begins later | `synchronize_rcu()` releases to `rcu_read_lock()` |
//! | what precedes `call_rcu()`, and the grace period | the callback | the callback has a thread of its own, which begins there |
//! | callbacks | the end of `rcu_barrier()` | their threads are joined |
//! | what precedes `mutex_unlock()` | what follows the next `mutex_lock()` | release and acquire |
//! | what precedes `queue_work()` | the next run of the work | as above |
//! | a run of the work | the next one, and the end of `flush_work()` | as above |
//!
//! Each domain of SRCU has the same for itself. Readers are not ordered with each other, nor updaters by
//! grace periods.
//!
//! Work and callbacks run in threads of their own, of which the model checker allows few; a test that
//! needs fewer has them kept and runs them itself.

pub mod alloc;
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

/// The orderings of the model, for seeing that the tests need them too.
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

/// What the kernel has in one execution of a test.
struct Execution {
    rcu: domain::Domain,
    work: workqueue::Work,
    /// Whether grace periods are over as soon as they begin.
    takes_no_time: Cell<bool>,
    /// Whether the module's code is gone.
    is_unloaded: Cell<bool>,
}

impl Execution {
    fn assert_is_loaded(&self) {
        assert!(
            !self.is_unloaded.get(),
            "the module's code is called when it is gone"
        );
    }
}

thread_local! {
    static EXECUTION: RefCell<Option<Rc<Execution>>> = const { RefCell::new(None) };
}

/// Begins an execution, in its first thread.
pub(crate) fn boot() {
    alloc::free_all();
    let execution = Execution {
        rcu: domain::Domain::new(),
        work: workqueue::Work::new(),
        takes_no_time: Cell::new(false),
        is_unloaded: Cell::new(false),
    };
    EXECUTION.replace(Some(Rc::new(execution)));
}

/// Waits until no callback and no work is left.
pub(crate) fn shut_down() {
    while rcu_barrier() | flush_work() {}
}

/// Has grace periods end as soon as they begin, until the end of this execution.
pub fn break_grace_periods() {
    this_execution().takes_no_time.set(true);
}

/// Keeps callbacks from now on, until [`held_callback`].
pub fn hold_callbacks() {
    this_execution().rcu.hold_callbacks();
}

/// The callback that was kept first, to be called by a thread that begins after it was queued; it waits
/// for its grace period.
pub fn held_callback() -> impl FnOnce() {
    this_execution().rcu.held_callback()
}

/// Keeps work from now on, for [`run_work`].
pub fn hold_work() {
    this_execution().work.hold();
}

/// Does the work that was kept, in this thread.
pub fn run_work() {
    this_execution().work.run_held();
}

/// Has the module's code be gone: whatever calls it from now on, in this execution, panics.
pub fn unload() {
    this_execution().is_unloaded.set(true);
}

fn this_execution() -> Rc<Execution> {
    let execution = EXECUTION.with_borrow(Clone::clone);
    execution.expect("the module's code runs inside a model only")
}

/// Waits for callbacks; returns whether there were any.
fn rcu_barrier() -> bool {
    this_execution().rcu.barrier()
}

/// Waits for work; returns whether there was any.
fn flush_work() -> bool {
    this_execution().work.flush()
}
