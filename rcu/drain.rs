// SPDX-License-Identifier: GPL-2.0

//! Keeps the module loaded until its callbacks and works have run.

#![expect(unsafe_code, reason = "calls C")]

use super::{barrier, context::assert_may_sleep, read_lock, synchronize, work, Domain, Guard};
use core::{
    any::type_name,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{bindings, prelude::*};

/// The number of [`CallbackDrain`]s and of [`open`] drains, or [`CLOSED`] and more. Callbacks may be
/// queued while it is between.
static DRAINS: AtomicUsize = AtomicUsize::new(0);

/// The module is being unloaded.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Whether a callback was queued since a drain last cleared this. Rarely written, so that CPUs that
/// queue callbacks share a clean cache line.
static QUEUED: AtomicBool = AtomicBool::new(false);

/// The number of callbacks that were given to `call_srcu()`.
static SRCU_QUEUED: AtomicUsize = AtomicUsize::new(0);
/// The number of callbacks of `call_srcu()` that have reclaimed their object.
static SRCU_ENDED: AtomicUsize = AtomicUsize::new(0);

/// The number of objects that were leaked for lack of a drain.
static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// Permits callbacks and works.
///
/// Errors: `ENOMEM`; in a module `EBUSY` if it was called before. Context: may sleep.
///
/// # Safety
///
/// [`close`] is called before the code of the callbacks is unloaded.
pub(super) unsafe fn open() -> Result {
    let _lock = DrainLock::acquire();
    if core::cfg!(MODULE) && DRAINS.load(Ordering::Relaxed) != 0 {
        return Err(EBUSY);
    }
    work::create_queue()?;
    // ORDERING: Release pairs with the acquire in `Permit::new()`: a thread that finds the drain
    // finds the workqueue.
    DRAINS.fetch_add(1, Ordering::Release);
    Ok(())
}

/// Waits until all callbacks and works have run, and permits no more of them.
///
/// Context: may sleep.
///
/// # Safety
///
/// [`open`] has succeeded, and this is called once.
#[cfg(MODULE)]
pub(super) unsafe fn close() {
    wait_for_all();
    let _lock = DrainLock::acquire();
    // ORDERING: Relaxed suffices: readers that begin after the grace period below see it, and the
    // next holder of the lock.
    DRAINS.fetch_add(CLOSED, Ordering::Relaxed);
    // Other threads may hold a `Permit` that they have not used yet.
    synchronize();
    wait_for_callbacks();
    // SAFETY: `open()` has created the queue. Nobody holds a permit, and all callbacks have run.
    // Nobody flushes it: a `CallbackDrain` does so with the lock.
    unsafe { work::destroy_queue() };
}

/// Waits, when it is dropped, until all callbacks and works have run, including those that callbacks
/// and works queue.
///
/// [`drained_module!`](super::drained_module) does that before unload. A `CallbackDrain` is for code
/// that must wait earlier, and for works in user space.
///
/// It waits for all objects of the module, those that other threads retire meanwhile included. So
/// it may not end before the threads do, and an object must not own one: its destructor would wait
/// for itself for ever.
///
/// It waits for callbacks of SRCU domains that are never dropped, too. If a reader of such a domain
/// was leaked, it never returns.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{CallbackDrain, UniqueRcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let drain = CallbackDrain::new()?;
/// UniqueRcuBox::new(Config(1), GFP_KERNEL)?.retire().call_rcu();
/// drop(drain);
/// // The object has been reclaimed.
/// # Ok::<(), Error>(())
/// ```
pub struct CallbackDrain(());

impl CallbackDrain {
    /// Creates a drain.
    ///
    /// Errors: `ENODEV` in a module that [`drained_module!`](super::drained_module) does not
    /// declare; in user space `ENOMEM`. Context: may sleep.
    #[track_caller]
    pub fn new() -> Result<Self> {
        assert_may_sleep("CallbackDrain::new()");
        if !core::cfg!(MODULE) {
            // SAFETY: The code of callbacks is never unloaded.
            unsafe { open()? };
            return Ok(Self(()));
        }
        // ORDERING: Relaxed suffices: it is only counted. If `close()` has begun meanwhile, the
        // number remains greater than `CLOSED`.
        if !is_open(DRAINS.load(Ordering::Relaxed)) {
            return Err(ENODEV);
        }
        DRAINS.fetch_add(1, Ordering::Relaxed);
        Ok(Self(()))
    }
}

/// Returns whether callbacks may be queued.
#[inline]
fn is_open(drains: usize) -> bool {
    drains != 0 && drains < CLOSED
}

/// Waits until all callbacks and works that were queued before have run.
fn wait_for_callbacks() {
    barrier();
    wait_for_srcu_callbacks();
    work::flush();
}

/// Waits until all callbacks and works have run, including those that they queue.
fn wait_for_all() {
    // Each pass waits for all callbacks that were queued before it. A callback or work that runs
    // meanwhile may queue another callback: it sets `QUEUED`, or found it set before the pass. So no
    // callback is left after a pass that finds `QUEUED` clear at its beginning and at its end.
    loop {
        // ORDERING: Relaxed suffices. A running callback might read the `true` that this exchange
        // removes, and then not announce the callback that it queues itself.
        // - If the running callback was queued before the exchange, this pass waits for it.
        //   `queued_before` is true, so another pass waits for the callback that it queued.
        // - If it was queued after the exchange, the grace period before it runs orders its read
        //   after the exchange, so it reads no old value.
        // The waits order the stores of callbacks before the load below.
        let queued_before = QUEUED.swap(false, Ordering::Relaxed);
        wait_for_callbacks();
        if !queued_before && !QUEUED.load(Ordering::Relaxed) {
            break;
        }
    }
}

impl Drop for CallbackDrain {
    fn drop(&mut self) {
        let _lock = DrainLock::acquire();
        // ORDERING: Relaxed suffices: the lock orders it. After `close()` no callback is left.
        if is_open(DRAINS.load(Ordering::Relaxed)) {
            wait_for_all();
        }
        // ORDERING: Relaxed suffices: it is only counted.
        DRAINS.fetch_sub(1, Ordering::Relaxed);
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

/// Lets one thread at a time use or change the workqueue: in [`open`], [`close`] and the drop of a
/// [`CallbackDrain`].
struct DrainLock(());

static IS_LOCKED: AtomicBool = AtomicBool::new(false);

impl DrainLock {
    /// Context: may sleep.
    fn acquire() -> Self {
        // ORDERING: Acquire pairs with the release in `drop()`.
        while IS_LOCKED.swap(true, Ordering::Acquire) {
            // A waiter with a real-time priority must not keep the holder from running.
            // SAFETY: The function has no memory safety requirement.
            unsafe { bindings::schedule_timeout_uninterruptible(1) };
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

/// Permission to queue a callback. [`close`] waits for each callback that is queued with a permit.
pub(super) struct Permit {
    /// [`close`] waits for this reader.
    _reader: Option<Guard>,
}

impl Permit {
    /// Returns a permit for works and the callbacks that queue them, or `None` if there is no drain.
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let reader = read_lock();
        // ORDERING: Acquire pairs with the release in `open()`: the workqueue exists.
        is_open(DRAINS.load(Ordering::Acquire)).then_some(Self {
            _reader: Some(reader),
        })
    }

    /// Returns a permit for callbacks alone. Built-in code, and user space, need no drain for them.
    #[inline]
    pub(super) fn for_callback() -> Option<Self> {
        if core::cfg!(MODULE) {
            Self::new()
        } else {
            Some(Self { _reader: None })
        }
    }

    /// Announces a callback to the drain, before it is queued. A callback of SRCU calls
    /// [`note_end_of_srcu_callback`].
    #[inline]
    pub(super) fn announce_callback<D: Domain>(&self) {
        if D::IS_COUNTED {
            // ORDERING: Relaxed suffices: the drain sees it as it sees `QUEUED`.
            SRCU_QUEUED.fetch_add(1, Ordering::Relaxed);
        }
        // ORDERING: Relaxed suffices, as `wait_for_all()` explains.
        if !QUEUED.load(Ordering::Relaxed) {
            QUEUED.store(true, Ordering::Relaxed);
        }
    }
}

/// Logs that an object is leaked, because nothing waits for its callback before the callback's code
/// is unloaded. Thousands of leaks fill only a few lines.
#[cold]
pub(super) fn log_leak<T: ?Sized>(ending: &str) {
    // ORDERING: Relaxed suffices: it is a statistic.
    let leaked = LEAKED.fetch_add(1, Ordering::Relaxed) + 1;
    if leaked > 8 && !leaked.is_power_of_two() {
        return;
    }
    pr_err!(
        "rcu: {ending} of {} in a module without drains: the object is leaked. Declare the module \
         with rcu::drained_module! in place of module!\n",
        type_name::<T>()
    );
}
