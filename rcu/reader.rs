// SPDX-License-Identifier: GPL-2.0

//! What proves that a read-side critical section lasts.

use super::{read_lock, Guard};
use core::marker::PhantomData;
use kernel::sync::SpinLockGuard;

/// Proof of a read-side critical section, for as long as it is borrowed.
///
/// | proof | section | in C |
/// |---|---|---|
/// | [`Guard`] | RCU; may be preempted where the kernel has `CONFIG_PREEMPT_RCU` | `rcu_read_lock()` |
/// | [`Section`] | the same, and cannot be leaked | `rcu_read_lock()` |
/// | [`SpinLockGuard`] | RCU-sched: preemption is off, which `synchronize_rcu()` has waited for since 4.20; on `PREEMPT_RT` the lock itself takes `rcu_read_lock()` | `rcu_read_lock_sched()` |
///
/// There is none for RCU-bh: C's `local_bh_disable()` is inline and has no helper that Rust could
/// call, up to 7.3.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::{Arc, SpinLock}};
/// use rust_rcu_demo::rcu::{read_lock, Rcu, RcuBox};
/// # struct Config(u32);
/// # impl rust_rcu_demo::rcu::Reclaim for Config { type Context = rust_rcu_demo::rcu::Softirq; }
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
/// use rust_rcu_demo::rcu::{self, Rcu, RcuBox};
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
