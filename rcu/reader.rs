// SPDX-License-Identifier: GPL-2.0

//! What proves that a read-side critical section lasts.

#![expect(unsafe_code, reason = "names what grace periods wait for")]

use super::{read_lock, Guard};
use core::{cell::Cell, marker::PhantomData};
use kernel::sync::{SpinLock, SpinLockGuard};

/// Proof of a read-side critical section, for as long as it is borrowed.
///
/// | proof | section | in C |
/// |---|---|---|
/// | [`Guard`] | RCU; may be preempted where the kernel has `CONFIG_PREEMPT_RCU` | `rcu_read_lock()` |
/// | [`Section`] | the same, and cannot be leaked | `rcu_read_lock()` |
/// | [`Overlap`] | one after the other of the above, without a gap | as C has it, by hand |
/// | [`SpinLockGuard`] | RCU-sched: preemption is off, which `synchronize_rcu()` has waited for since 4.20; on `PREEMPT_RT` the lock itself takes `rcu_read_lock()` | `rcu_read_lock_sched()` |
///
/// There is none for RCU-bh: C's `local_bh_disable()` is inline and has no helper that Rust could
/// call, up to 7.3.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rcu_routes::rcu::{read_lock, Rcu, RcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(RcuBox::new(Config(1), GFP_KERNEL)?);
/// let total = Arc::pin_init(new_spinlock!(0), GFP_KERNEL)?;
///
/// // Whoever holds a spin lock needs no guard.
/// let mut held = total.lock();
/// *held += config.dereference(&held).map_or(0, |config| config.0);
/// # drop(held);
///
/// assert_eq!(*total.lock(), config.dereference(&read_lock()).unwrap().0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// While a value is borrowed, the context that made it is in a critical section that
/// `synchronize_rcu()`, `call_rcu()` and their kin wait for.
pub unsafe trait ReadSide {}

// SAFETY: By its type invariant the RCU read-side lock is held while it exists.
unsafe impl ReadSide for Guard {}

// SAFETY: While it is borrowed the lock cannot be released, neither by dropping it nor by waiting on a
// condition, which takes it by `&mut`. A held spin lock keeps preemption off, or on `PREEMPT_RT`
// holds the RCU read-side lock. Shared with another thread, it still stands for the section of the
// thread that holds the lock, which lasts as long as the borrow.
unsafe impl<T: ?Sized> ReadSide for SpinLockGuard<'_, T> {}

/// A read-side critical section that [`read`] began and will end.
///
/// Unlike a [`Guard`] it cannot be leaked, so nothing that it proves can outlive the section.
///
/// # Examples
///
/// See [`read`].
///
/// # Invariants
///
/// The RCU read-side lock is held while it exists.
pub struct Section(PhantomData<*mut ()>);

// SAFETY: By its type invariant the RCU read-side lock is held while it exists.
unsafe impl ReadSide for Section {}

/// Runs `body` in a read-side critical section, which ends with it.
///
/// Context: any; `body` must not sleep.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{self, Rcu, RcuBox};
/// # struct Config(u32);
/// # impl rcu::Reclaim for Config { type Context = rcu::Softirq; }
///
/// let config = Rcu::new(RcuBox::new(Config(1), GFP_KERNEL)?);
/// let limit = rcu::read(|section| config.dereference(section).map(|config| config.0));
/// assert_eq!(limit, Some(1));
/// # Ok::<(), Error>(())
/// ```
#[inline]
pub fn read<R>(body: impl FnOnce(&Section) -> R) -> R {
    let _guard = read_lock();
    // INVARIANT: The lock was just taken, and `body` has the section no longer than `_guard` lives.
    body(&Section(PhantomData))
}

/// A read-side critical section that passes from one protection to the next: from the RCU read-side lock to
/// a spin lock, and back. Each is taken before the one before is given up, so that what was found under the
/// first may be used under the last.
///
/// Since 4.20 grace periods wait for such a chain as a whole.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rcu_routes::rcu::{Overlap, Rcu, RcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(RcuBox::new(Config(1), GFP_KERNEL)?);
/// let total = Arc::pin_init(new_spinlock!(0), GFP_KERNEL)?;
///
/// // Found under the RCU read-side lock, used when there is the spin lock only.
/// let section = Overlap::new();
/// let found = config.dereference(&section).map(|config| &config.0);
/// section.lock(&total);
/// assert_eq!(found, Some(&1));
///
/// // And again without.
/// section.read_lock();
/// assert_eq!(found, Some(&1));
/// assert_eq!(*total.lock(), 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `held` is never empty: at any time the RCU read-side lock is held, or the spin lock.
pub struct Overlap<'a, T>(Cell<Held<'a, T>>);

enum Held<'a, T> {
    Rcu { _guard: Guard },
    Lock { _guard: SpinLockGuard<'a, T> },
}

// SAFETY: By the type invariant it is in a critical section at any time, by what `Guard` and
// `SpinLockGuard` are. The next begins before the last ends; grace periods wait for preemption to be on and
// for the RCU read-side lock to be free, in whatever order they came and go.
unsafe impl<T> ReadSide for Overlap<'_, T> {}

impl<'a, T> Overlap<'a, T> {
    /// Begins with the RCU read-side lock.
    ///
    /// Context: any.
    #[expect(
        clippy::new_without_default,
        reason = "a default would hide that it takes a lock"
    )]
    pub fn new() -> Self {
        // INVARIANT: It begins with the guard.
        Self(Cell::new(Held::Rcu {
            _guard: read_lock(),
        }))
    }

    /// Goes on under a spin lock. It must not be held already.
    ///
    /// Context: any in which the lock may be taken.
    pub fn lock(&self, lock: &'a SpinLock<T>) {
        // INVARIANT: What was held is dropped after it was replaced.
        drop(self.0.replace(Held::Lock {
            _guard: lock.lock(),
        }));
    }

    /// Goes on under the RCU read-side lock.
    ///
    /// Context: any.
    pub fn read_lock(&self) {
        // INVARIANT: What was held is dropped after it was replaced.
        drop(self.0.replace(Held::Rcu {
            _guard: read_lock(),
        }));
    }
}
