// SPDX-License-Identifier: GPL-2.0

//! Waits for callbacks and works before their code is freed.
//!
//! Reclaiming an object runs code of the module that defines its type. `module!` calls
//! [`drain_module`] after the exit of a module and after a failed init, so that this code is loaded
//! until its last use. Code that is built in needs no drain.

use crate::{
    bindings,
    error::Result,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            AtomicFlag,
            Relaxed,
            Release, //
        },
        rcu::{
            rcu_barrier,
            read_lock,
            synchronize_rcu,
            Guard, //
        }, //
    },
    ThisModule, //
};

/// The code that is being drained: its first address, and its size in bytes. Other code may queue
/// callbacks meanwhile, which the drain ignores.
static START: Atomic<usize> = Atomic::new(0);
static SIZE: Atomic<usize> = Atomic::new(0);

/// Whether the code that is being drained has queued a callback since a drain last cleared this.
static QUEUED: AtomicFlag = AtomicFlag::new(false);

/// Counts what `rcu_barrier()` does not wait for: callbacks of `call_srcu()`, whose domain may
/// be unreachable, and works.
pub(super) struct Counter {
    queued: Atomic<usize>,
    ended: Atomic<usize>,
}

pub(super) static SRCU_CALLBACKS: Counter = Counter::new();
pub(super) static WORKS: Counter = Counter::new();

impl Counter {
    const fn new() -> Self {
        Self {
            queued: Atomic::new(0),
            ended: Atomic::new(0),
        }
    }

    pub(super) fn add(&self) {
        // ORDERING: Relaxed suffices: the waits of a drain order this before its load.
        self.queued.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        // ORDERING: Release pairs with the acquire in `wait()`.
        self.ended.fetch_add(1, Release);
    }

    /// Waits until everything has ended that was added before.
    fn wait(&self) {
        let queued = self.queued.load(Relaxed);
        // ORDERING: Acquire pairs with the release in `end()`.
        while (self.ended.load(Acquire).wrapping_sub(queued) as isize) < 0 {
            // SAFETY: The function has no memory safety requirement.
            unsafe { bindings::schedule_timeout_uninterruptible(1) };
        }
    }
}

/// Notes that a callback of `call_srcu()` has reclaimed its object. The callback returns at once.
pub(super) fn note_end_of_srcu_callback() {
    SRCU_CALLBACKS.end();
}

/// Waits until no callback and no work can run code of `module` any more.
///
/// The module's own code must not run otherwise. [`module!`](crate::prelude::module) calls this.
///
/// Context: may sleep.
#[cfg(CONFIG_MODULES)]
#[doc(hidden)]
pub fn drain_module(module: &ThisModule) {
    // SAFETY: The module is loaded until this returns, and its memory does not change.
    let text = unsafe { &(*module.as_ptr()).mem[bindings::mod_mem_type_MOD_TEXT as usize] };
    drain(text.base as usize, text.size as usize);
}

/// Waits for the callbacks and works of `size` bytes of code from `start` on.
fn drain(start: usize, size: usize) {
    let _lock = Lock::acquire();
    START.store(start, Relaxed);
    SIZE.store(size, Relaxed);
    // A thread that queues a callback is a reader, so from here on callbacks of this code set `QUEUED`.
    synchronize_rcu();
    // Each pass waits for all callbacks that were queued before it. A callback that runs meanwhile
    // may queue another one: it sets `QUEUED`, or found it set before the pass. So no callback is
    // left after a pass that finds `QUEUED` clear at its beginning and at its end.
    loop {
        let queued_before = QUEUED.xchg(false, Relaxed);
        rcu_barrier();
        SRCU_CALLBACKS.wait();
        // The last callbacks of SRCU may not have returned yet. Bottom halves are off in them, and
        // a grace period waits for such sections.
        synchronize_rcu();
        WORKS.wait();
        if !queued_before && !QUEUED.load(Relaxed) {
            break;
        }
    }
    SIZE.store(0, Relaxed);
}

/// Excludes drains from each other.
struct Lock(());

static IS_LOCKED: AtomicFlag = AtomicFlag::new(false);

impl Lock {
    fn acquire() -> Self {
        // ORDERING: Acquire pairs with the release in `drop()`.
        while IS_LOCKED.xchg(true, Acquire) {
            // SAFETY: The function has no memory safety requirement.
            unsafe { bindings::schedule_timeout_uninterruptible(1) };
        }
        Self(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        IS_LOCKED.store(false, Release);
    }
}

/// Waits, when it is dropped, until all callbacks and works of
/// [`Retired`](super::Retired) have run that were queued before.
///
/// A module needs none, because its unload waits for its callbacks.
///
/// # Examples
///
/// ```
/// use kernel::{
///     prelude::*,
///     sync::{
///         atomic::{
///             AtomicFlag,
///             Relaxed, //
///         },
///         rcu::{
///             CallbackDrain,
///             Reclaim,
///             Softirq,
///             UniqueRcuBox, //
///         },
///         Arc, //
///     }, //
/// };
///
/// struct Config(Arc<AtomicFlag>);
///
/// impl Drop for Config {
///     fn drop(&mut self) {
///         self.0.store(true, Relaxed);
///     }
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// let is_dropped = Arc::new(AtomicFlag::new(false), GFP_KERNEL)?;
/// let config = UniqueRcuBox::new(Config(is_dropped.clone()), GFP_KERNEL)?;
/// let drain = CallbackDrain::new()?;
/// config.retire().call_rcu();
/// drop(drain);
/// assert!(is_dropped.load(Relaxed));
/// # Ok::<(), Error>(())
/// ```
pub struct CallbackDrain(());

impl CallbackDrain {
    /// Creates a drain.
    ///
    /// Errors: none. Context: any.
    pub fn new() -> Result<Self> {
        Ok(Self(()))
    }
}

impl Drop for CallbackDrain {
    fn drop(&mut self) {
        drain(0, usize::MAX);
    }
}

/// Permission to queue a callback.
pub(super) struct Permit {
    /// A drain waits for this reader.
    _reader: Guard,
}

impl Permit {
    /// Returns a permit. It never fails, because all code that can queue a callback is drained.
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            _reader: read_lock(),
        }
    }

    /// Announces a callback to the drain, before it is queued. A callback that is counted calls
    /// [`note_end_of_srcu_callback`].
    pub(super) fn announce_callback(
        &self,
        callback: unsafe extern "C" fn(*mut bindings::callback_head),
        is_counted: bool,
    ) {
        if is_counted {
            SRCU_CALLBACKS.add();
        }
        let offset = (callback as usize).wrapping_sub(START.load(Relaxed));
        if offset < SIZE.load(Relaxed) {
            QUEUED.store(true, Relaxed);
        }
    }
}
