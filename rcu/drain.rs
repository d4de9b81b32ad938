// SPDX-License-Identifier: GPL-2.0

//! Callbacks and the end of the module.

use super::{barrier, read_lock, synchronize, work, Guard};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many [`CallbackDrain`]s there are.
static DRAINS: AtomicUsize = AtomicUsize::new(0);

/// Whether a callback was queued since a drain last looked. Written rarely, so that queueing shares no
/// cache line that is written.
static QUEUED: AtomicBool = AtomicBool::new(false);

/// Keeps the module's code loaded until its last callback has run.
///
/// Make it the *last* field of the module's type, so that it is dropped after everything that could
/// queue a callback, and initialise it *first*, so that a failed init passes it as well. Without one,
/// objects that would need a callback are leaked, with an error in the log.
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
///     config: Rcu<Config>,   // First no pointers,
///     drain: CallbackDrain,  // then no callbacks.
/// }
///
/// # let module = KBox::pin_init(
/// try_pin_init!(MyModule {
///     drain: CallbackDrain::new(),
///     // What can fail comes after it.
///     config: Rcu::null(),
/// })
/// # , GFP_KERNEL)?;
/// # Ok::<(), Error>(())
/// ```
///
/// What cannot be stopped: a drain that is forgotten (`mem::forget`) is never passed.
pub struct CallbackDrain(());

impl CallbackDrain {
    /// A guard that, dropped, waits until no callback and no work of [`Retired`](super::Retired) is left.
    ///
    /// Context: may sleep.
    #[expect(
        clippy::new_without_default,
        reason = "a default would hide that it guards something"
    )]
    pub fn new() -> Self {
        work::prepare();
        // ORDERING: Release: who sees the drain sees the work prepared.
        DRAINS.fetch_add(1, Ordering::Release);
        Self(())
    }
}

impl Drop for CallbackDrain {
    fn drop(&mut self) {
        // Callbacks and work may queue callbacks. Each pass waits for all that were queued before it; one
        // that was queued later was noted since, or was noted before by a callback that this pass has
        // seen the end of. So a pass is the last when nothing was noted from the one before it to its
        // own end.
        loop {
            // ORDERING: None needed. `barrier()` and `flush()` order all that callbacks did before what
            // follows. A callback that was queued since, and so is called after a grace period that began
            // since, comes after this, since to RCU every instruction is a reader: it does not take the old
            // note for its own.
            let noted_before = QUEUED.swap(false, Ordering::Relaxed);
            barrier();
            work::flush();
            if !noted_before && !QUEUED.load(Ordering::Relaxed) {
                break;
            }
        }
        // ORDERING: None needed, thanks to the grace period.
        if DRAINS.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Where this was not dropped last, others may have found it in place, and not queued yet.
            synchronize();
            barrier();
            work::flush();
        }
    }
}

/// While this exists, whatever is queued will be waited for before its code goes.
pub(super) struct InPlace {
    _reader: Option<Guard>,
}

impl InPlace {
    /// `None` if there is no drain.
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let reader = read_lock();
        // ORDERING: Acquire: the work is prepared.
        (DRAINS.load(Ordering::Acquire) > 0).then_some(Self {
            _reader: Some(reader),
        })
    }

    /// The same for callbacks, which in built-in code, as in user space, need no drain.
    #[inline]
    pub(super) fn for_callback() -> Option<Self> {
        if cfg!(MODULE) {
            Self::new()
        } else {
            Some(Self { _reader: None })
        }
    }

    /// To be called before a callback is queued.
    #[inline]
    pub(super) fn note_callback(&self) {
        // ORDERING: None needed, as `CallbackDrain::drop()` says.
        if !QUEUED.load(Ordering::Relaxed) {
            QUEUED.store(true, Ordering::Relaxed);
        }
    }
}
