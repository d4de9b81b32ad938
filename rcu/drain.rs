// SPDX-License-Identifier: GPL-2.0

//! Keeps the module loaded until its callbacks and works have run.

use super::{barrier, read_lock, synchronize, work, Guard};
use core::{
    any::type_name,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::prelude::*;

/// The number of [`CallbackDrain`]s that exist.
static DRAINS: AtomicUsize = AtomicUsize::new(0);

/// Whether a callback was queued since a drain last cleared this. Rarely written, so that CPUs that
/// queue callbacks share a clean cache line.
static QUEUED: AtomicBool = AtomicBool::new(false);

/// Keeps the module's code loaded until its last callback has run.
///
/// Make it the *last* field of the module's type, so that it is dropped after everything that can
/// queue a callback. Initialise it *first*, so that a failed init drops it as well. Without a
/// drain, objects that need a callback are leaked, with an error in the log.
///
/// A leaked drain (`mem::forget`) does not wait. No type prevents the leak.
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
///     drain: CallbackDrain::new(), // Initialised first.
///     config: Rcu::null(),
/// })
/// # , GFP_KERNEL)?;
/// # Ok::<(), Error>(())
/// ```
pub struct CallbackDrain(());

impl CallbackDrain {
    /// Creates a drain. Its drop waits until all callbacks and works of
    /// [`Retired`](super::Retired) have run.
    ///
    /// Context: may sleep.
    #[expect(
        clippy::new_without_default,
        reason = "a default would hide that it guards something"
    )]
    pub fn new() -> Self {
        work::init_once();
        // ORDERING: Release pairs with the acquire in `Permit::new()`: a thread that finds the
        // drain finds the work item initialised.
        DRAINS.fetch_add(1, Ordering::Release);
        Self(())
    }
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
            // `barrier()` and `flush()` order the stores of callbacks before the load below.
            let queued_before = QUEUED.swap(false, Ordering::Relaxed);
            barrier();
            work::flush();
            if !queued_before && !QUEUED.load(Ordering::Relaxed) {
                break;
            }
        }
        // ORDERING: Relaxed suffices: readers that begin after the grace period below see the new
        // count.
        if DRAINS.fetch_sub(1, Ordering::Relaxed) == 1 {
            // If this drain is not dropped last, other threads may hold a `Permit` that they have
            // not used yet.
            synchronize();
            barrier();
            work::flush();
        }
    }
}

/// Permission to queue a callback. A drain waits for each callback that is queued with a permit.
pub(super) struct Permit {
    /// The drop of the last drain waits for this reader.
    _reader: Option<Guard>,
}

impl Permit {
    /// Returns a permit for callbacks and works, or `None` if there is no drain.
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let reader = read_lock();
        // ORDERING: Acquire pairs with the release in `CallbackDrain::new()`: the work item is
        // initialised.
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
}

/// Logs that an object is leaked, because its module has no drain: the callback's code might be
/// unloaded before it is called.
#[cold]
pub(super) fn log_leak<T: ?Sized>(ending: &str) {
    pr_err!(
        "rcu: {ending} of {} without a CallbackDrain: the object is leaked. Make a CallbackDrain \
         the last field of the module's type and initialise it first\n",
        type_name::<T>()
    );
}
