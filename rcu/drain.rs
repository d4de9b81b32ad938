// SPDX-License-Identifier: GPL-2.0

//! Keeps the module loaded until its callbacks and works have run.

#![expect(unsafe_code, reason = "calls C")]

use super::{barrier, context::assert_may_sleep, read_lock, synchronize, work, Guard};
use core::{
    any::type_name,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{bindings, prelude::*};

/// The number of [`CallbackDrain`]s that exist.
static DRAINS: AtomicUsize = AtomicUsize::new(0);

/// Whether a callback was queued since a drain last cleared this. Rarely written, so that CPUs that
/// queue callbacks share a clean cache line.
static QUEUED: AtomicBool = AtomicBool::new(false);

/// The number of callbacks that were given to `call_srcu()`.
static SRCU_QUEUED: AtomicUsize = AtomicUsize::new(0);
/// The number of callbacks of `call_srcu()` that have reclaimed their object.
static SRCU_ENDED: AtomicUsize = AtomicUsize::new(0);

/// The number of objects that were leaked for lack of a drain.
static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// Keeps the module's code loaded until its last callback has run.
///
/// Make it the *last* field of the module's type, so that it is dropped after everything that can
/// queue a callback. Initialise it *first*, so that a failed init drops it as well. Without a
/// drain, objects that need a callback are leaked, with an error in the log.
///
/// Its drop waits for callbacks of SRCU domains that are never dropped, too. If a reader of such a
/// domain was leaked, it never returns.
///
/// A drain that is not dropped (`mem::forget`, a `static`) does not wait. No type prevents that.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{CallbackDrain, Rcu};
/// # struct Config;
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// #[pin_data]
/// struct MyModule {
///     config: Rcu<Config>,
///     drain: CallbackDrain, // Dropped last.
/// }
///
/// # let module = KBox::pin_init(
/// try_pin_init!(MyModule {
///     drain: CallbackDrain::new()?, // Initialised first.
///     config: Rcu::null(),
/// })
/// # , GFP_KERNEL)?;
/// # Ok::<(), Error>(())
/// ```
pub struct CallbackDrain(());

impl CallbackDrain {
    /// Creates a drain. Its drop waits until all callbacks and works of
    /// [`Retired`](super::Retired) and [`SrcuRetired`](super::SrcuRetired) have run.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    #[track_caller]
    pub fn new() -> Result<Self> {
        assert_may_sleep("CallbackDrain::new()");
        let _lock = DrainLock::acquire();
        // ORDERING: Relaxed suffices: the lock orders all accesses but those of `Permit::new()`.
        if DRAINS.load(Ordering::Relaxed) == 0 {
            work::create_queue()?;
        }
        // ORDERING: Release pairs with the acquire in `Permit::new()`: a thread that finds the
        // drain finds the workqueue.
        DRAINS.fetch_add(1, Ordering::Release);
        Ok(Self(()))
    }

    /// Waits until all callbacks and works that were queued before have run.
    fn wait_for_callbacks(&self) {
        barrier();
        wait_for_srcu_callbacks();
        work::flush(self);
    }
}

/// Waits until all callbacks of `call_srcu()` that were announced before have returned.
///
/// `srcu_barrier()` needs a domain, but a domain may be unreachable, such as one that was leaked.
fn wait_for_srcu_callbacks() {
    // ORDERING: Relaxed suffices: an announcement that happened before is seen.
    let queued = SRCU_QUEUED.load(Ordering::Relaxed);
    if queued == 0 {
        return;
    }
    // ORDERING: Acquire pairs with the release in `note_end_of_srcu_callback()`: what the callback
    // wrote and announced is seen.
    while (SRCU_ENDED.load(Ordering::Acquire).wrapping_sub(queued) as isize) < 0 {
        // SAFETY: The function has no memory safety requirement.
        unsafe { bindings::schedule_timeout_uninterruptible(1) };
    }
    // The last callbacks may not have returned yet. SRCU calls them with bottom halves off, and a
    // grace period waits for such sections.
    synchronize();
}

/// Notes that a callback of `call_srcu()` has reclaimed its object. The callback returns at once.
#[inline]
pub(super) fn note_end_of_srcu_callback() {
    // ORDERING: Release pairs with the acquire in `wait_for_srcu_callbacks()`.
    SRCU_ENDED.fetch_add(1, Ordering::Release);
}

impl Drop for CallbackDrain {
    fn drop(&mut self) {
        // Each pass waits for all callbacks that were queued before it. A callback or work that
        // runs meanwhile may queue another callback: it sets `QUEUED`, or found it set before the
        // pass. So no callback is left after a pass that finds `QUEUED` clear at its beginning and
        // at its end.
        loop {
            // ORDERING: Relaxed suffices. A running callback might read the `true` that this
            // exchange removes, and then not announce the callback that it queues itself.
            // - If the running callback was queued before the exchange, this pass waits for it.
            //   `queued_before` is true, so another pass waits for the callback that it queued.
            // - If it was queued after the exchange, the grace period before it runs orders its
            //   read after the exchange, so it reads no old value.
            // The waits order the stores of callbacks before the load below.
            let queued_before = QUEUED.swap(false, Ordering::Relaxed);
            self.wait_for_callbacks();
            if !queued_before && !QUEUED.load(Ordering::Relaxed) {
                break;
            }
        }
        let _lock = DrainLock::acquire();
        // ORDERING: Relaxed suffices: readers that begin after the grace period below see the new
        // count.
        if DRAINS.fetch_sub(1, Ordering::Relaxed) == 1 {
            // If this drain is not dropped last, other threads may hold a `Permit` that they have
            // not used yet.
            synchronize();
            self.wait_for_callbacks();
            // SAFETY: The creation of the first drain has created the queue. This was the last
            // drain. Nobody holds a permit, and all callbacks have run.
            unsafe { work::destroy_queue() };
        }
    }
}

/// Excludes the creation of a drain and the end of another from each other.
struct DrainLock(());

static IS_LOCKED: AtomicBool = AtomicBool::new(false);

impl DrainLock {
    /// Context: may sleep.
    fn acquire() -> Self {
        // ORDERING: Acquire pairs with the release in `drop()`.
        while IS_LOCKED.swap(true, Ordering::Acquire) {
            // SAFETY: The function has no memory safety requirement.
            unsafe { bindings::schedule() };
        }
        Self(())
    }
}

impl Drop for DrainLock {
    fn drop(&mut self) {
        // The model checker does not order a store with the exchanges of `acquire()`.
        IS_LOCKED.swap(false, Ordering::Release);
    }
}

/// Permission to queue a callback. A drain waits for each callback that is queued with a permit.
pub(super) struct Permit {
    /// The drop of the last drain waits for this reader.
    _reader: Option<Guard>,
}

impl Permit {
    /// Returns a permit for works and the callbacks that queue them, or `None` if there is no drain.
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let reader = read_lock();
        // ORDERING: Acquire pairs with the release in `CallbackDrain::new()`: the workqueue exists.
        (DRAINS.load(Ordering::Acquire) > 0).then_some(Self {
            _reader: Some(reader),
        })
    }

    /// Returns a permit for callbacks alone. Built-in code, and user space, need no drain for them.
    #[inline]
    pub(super) fn for_callback() -> Option<Self> {
        if cfg!(MODULE) {
            Self::new()
        } else {
            Some(Self { _reader: None })
        }
    }

    /// Announces a callback to the drain, before it is queued.
    #[inline]
    pub(super) fn announce_callback(&self) {
        // ORDERING: Relaxed suffices, as `CallbackDrain::drop()` explains.
        if !QUEUED.load(Ordering::Relaxed) {
            QUEUED.store(true, Ordering::Relaxed);
        }
    }

    /// Announces a callback of `call_srcu()` to the drain, before it is queued. The callback calls
    /// [`note_end_of_srcu_callback`].
    #[inline]
    pub(super) fn announce_srcu_callback(&self) {
        // ORDERING: Relaxed suffices: the drain sees it as it sees `QUEUED`.
        SRCU_QUEUED.fetch_add(1, Ordering::Relaxed);
        self.announce_callback();
    }
}

/// Logs that an object is leaked, because its module has no drain: the callback's code might be
/// unloaded before it is called. Thousands of leaks fill only a few lines.
#[cold]
pub(super) fn log_leak<T: ?Sized>(ending: &str) {
    // ORDERING: Relaxed suffices: it is a statistic.
    let leaked = LEAKED.fetch_add(1, Ordering::Relaxed) + 1;
    if leaked > 8 && !leaked.is_power_of_two() {
        return;
    }
    pr_err!(
        "rcu: {ending} of {} without a CallbackDrain: the object is leaked. Make a CallbackDrain \
         the last field of the module's type and initialise it first\n",
        type_name::<T>()
    );
}
