// SPDX-License-Identifier: GPL-2.0

//! Proofs that a read-side critical section lasts.

#![expect(unsafe_code, reason = "names the contexts that are readers")]

use super::{not_copy::NotCopy, read_lock, Guard};
use core::{cell::Cell, marker::PhantomData};
use kernel::sync::{SpinLock, SpinLockGuard};

/// Proof of a read-side critical section, for as long as it is borrowed.
///
/// | proof | section | in C |
/// |---|---|---|
/// | [`Guard`] | RCU; preemptible with `CONFIG_PREEMPT_RCU` | `rcu_read_lock()` |
/// | [`Section`] | RCU; cannot be leaked | `rcu_read_lock()` |
/// | [`SpinLockGuard`] | RCU-sched: preemption is off, and `synchronize_rcu()` waits for that since 4.20; on `PREEMPT_RT` the lock calls `rcu_read_lock()` | `rcu_read_lock_sched()` |
/// | [`Overlap`] | several of these in turn, without a gap | nested by hand |
///
/// RCU-bh has no proof: up to 7.3, C's `local_bh_disable()` is inline, without a helper that Rust
/// can call.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rcu_routes::rcu::{read_lock, Rcu, UniqueRcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config(1), GFP_KERNEL)?);
/// let total = Arc::pin_init(new_spinlock!(0), GFP_KERNEL)?;
///
/// // The holder of a spin lock needs no guard.
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
/// While a value is borrowed, the context that created it is in a critical section that RCU's grace
/// periods wait for.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` does not prove a read-side critical section of RCU",
    label = "expected a reference to a guard",
    note = "begin the section with `let guard = rcu::read_lock();` and pass `&guard`"
)]
pub unsafe trait ReadSide {}

// SAFETY: By the type invariant of `Guard` the RCU read-side lock is held while it exists.
unsafe impl ReadSide for Guard {}

// SAFETY: A held spin lock keeps preemption off, or on `PREEMPT_RT` holds the RCU read-side lock.
// While the guard is borrowed, the lock cannot be released: neither by a drop nor by a wait for a
// condition, which needs `&mut`. Even if another thread has the borrow, the section of the thread
// that holds the lock lasts as long.
unsafe impl<T: ?Sized> ReadSide for SpinLockGuard<'_, T> {}

/// The read-side critical section of [`read`].
///
/// Unlike a [`Guard`] it cannot be leaked, so no borrow can outlive the section.
///
/// # Examples
///
/// See [`read`].
///
/// # Invariants
///
/// The RCU read-side lock is held while it exists.
pub struct Section(PhantomData<*mut ()>, NotCopy);

// SAFETY: By the type invariant the RCU read-side lock is held while it exists.
unsafe impl ReadSide for Section {}

/// Runs `body` in a read-side critical section.
///
/// Context: any; `body` must not sleep.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{self, Rcu, UniqueRcuBox};
/// # struct Config(u32);
/// # impl rcu::Reclaim for Config { type Context = rcu::Softirq; }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config(1), GFP_KERNEL)?);
/// let limit = rcu::read(|section| config.dereference(section).map(|config| config.0));
/// assert_eq!(limit, Some(1));
/// # Ok::<(), Error>(())
/// ```
#[inline]
pub fn read<R>(body: impl FnOnce(&Section) -> R) -> R {
    let _guard = read_lock();
    // INVARIANT: `_guard` holds the read-side lock until `body` has returned.
    body(&Section(PhantomData, NotCopy))
}

/// A read-side critical section that switches between the RCU read-side lock and a spin lock. It
/// acquires the next lock before it releases the previous one, so borrows remain valid throughout.
///
/// Since 4.20 grace periods wait for such a section as a whole.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rcu_routes::rcu::{Overlap, Rcu, UniqueRcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config(1), GFP_KERNEL)?);
/// let total = Arc::pin_init(new_spinlock!(0), GFP_KERNEL)?;
///
/// // Borrow under the RCU read-side lock, use under the spin lock.
/// let section = Overlap::new();
/// let found = config.dereference(&section).map(|config| &config.0);
/// section.lock(&total);
/// assert_eq!(found, Some(&1));
///
/// // Use under the RCU read-side lock again.
/// section.read_lock();
/// assert_eq!(found, Some(&1));
/// assert_eq!(*total.lock(), 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// At any time the RCU read-side lock or the spin lock is held.
pub struct Overlap<'a, T>(Cell<Held<'a, T>>);

enum Held<'a, T> {
    Rcu { _guard: Guard },
    Lock { _guard: SpinLockGuard<'a, T> },
}

// SAFETY: By the type invariant a `Guard` or a `SpinLockGuard` exists at any time, and the next is
// created before the previous is dropped. A grace period waits until preemption is on and the RCU
// read-side lock is free at the same time, so it does not end between the two.
unsafe impl<T> ReadSide for Overlap<'_, T> {}

impl<'a, T> Overlap<'a, T> {
    /// Begins the section with the RCU read-side lock.
    ///
    /// Context: any.
    #[expect(
        clippy::new_without_default,
        reason = "a default would hide that it acquires a lock"
    )]
    pub fn new() -> Self {
        // INVARIANT: The guard holds the RCU read-side lock.
        Self(Cell::new(Held::Rcu {
            _guard: read_lock(),
        }))
    }

    /// Switches to a spin lock, which this context must not hold already.
    ///
    /// Context: any in which the lock may be acquired.
    pub fn lock(&self, lock: &'a SpinLock<T>) {
        // INVARIANT: The previous lock is released after the next is held.
        drop(self.0.replace(Held::Lock {
            _guard: lock.lock(),
        }));
    }

    /// Switches to the RCU read-side lock.
    ///
    /// Context: any.
    pub fn read_lock(&self) {
        // INVARIANT: The previous lock is released after the next is held.
        drop(self.0.replace(Held::Rcu {
            _guard: read_lock(),
        }));
    }
}
