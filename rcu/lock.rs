// SPDX-License-Identifier: GPL-2.0

//! The kernel crate's locks, as the library uses them.

#![expect(unsafe_code, reason = "states what locks guarantee")]

use super::{
    context::assert_may_sleep,
    domain::{DomainKind, DomainOf},
    Global,
};
use core::ops::Deref;
use kernel::sync::{Mutex, MutexGuard, SpinLock, SpinLockGuard};
#[cfg(kernel_7_3)]
use kernel::sync::{SpinLockIrq, SpinLockIrqGuard};

/// A lock of the kernel crate with the data that it protects: `Mutex<D>`, `SpinLock<D>`, or from
/// 7.3 on `SpinLockIrq<D>`, which disables interrupts.
///
/// # Examples
///
/// See [`UpdaterLock`](super::UpdaterLock).
///
/// # Safety
///
/// While a `Held` exists, no other `Held` of the same lock does.
pub unsafe trait ExclusiveLock {
    /// The data that the lock protects.
    type Data;

    /// The held lock. A drop releases it.
    type Held<'a>: Deref<Target = Self::Data>
    where
        Self: 'a;

    /// The kind of domain of the readers whose updaters this lock excludes: [`Global`], unless it is
    /// a [`SrcuLock`](super::SrcuLock).
    type Kind: DomainKind;

    /// Whether its holder may sleep.
    #[doc(hidden)]
    const MAY_SLEEP: bool;

    /// Borrows the domain, always the same.
    #[doc(hidden)]
    fn domain(&self) -> DomainOf<'_, Self::Kind>;

    /// Acquires the lock.
    ///
    /// Context: that of the lock.
    #[doc(hidden)]
    #[track_caller]
    fn acquire(&self) -> Self::Held<'_>;

    /// Borrows the data for changes.
    #[doc(hidden)]
    fn data<'h>(held: &'h mut Self::Held<'_>) -> &'h mut Self::Data
    where
        Self::Data: Unpin;
}

/// A lock whose holder does not sleep, so that a reader may acquire it.
///
/// # Examples
///
/// See [`find_and_lock`](super::find_and_lock).
///
/// # Safety
///
/// Acquiring and holding the lock is allowed inside a read-side critical section.
#[diagnostic::on_unimplemented(
    message = "a reader must not acquire `{Self}`, because that may sleep",
    label = "not a spin lock",
    note = "protect the object's data by a `SpinLock`"
)]
pub unsafe trait SpinningLock: ExclusiveLock {}

macro_rules! exclusive_lock {
    ($lock:ident, $held:ident, $may_sleep:literal $(, $check:expr)?) => {
        // SAFETY: The kernel's lock has one holder at a time, and the guard is the holder.
        unsafe impl<D> ExclusiveLock for $lock<D> {
            type Data = D;
            type Kind = Global;
            const MAY_SLEEP: bool = $may_sleep;
            type Held<'a>
                = $held<'a, D>
            where
                Self: 'a;

            #[inline]
            fn domain(&self) -> Global {
                Global
            }

            #[inline]
            #[track_caller]
            fn acquire(&self) -> $held<'_, D> {
                $($check;)?
                self.lock()
            }

            #[inline]
            fn data<'h>(held: &'h mut $held<'_, D>) -> &'h mut D
            where
                D: Unpin,
            {
                held
            }
        }
    };
}

exclusive_lock!(
    Mutex,
    MutexGuard,
    true,
    assert_may_sleep("UpdaterLock::lock()")
);
exclusive_lock!(SpinLock, SpinLockGuard, false);
#[cfg(kernel_7_3)]
exclusive_lock!(SpinLockIrq, SpinLockIrqGuard, false);

// SAFETY: A spin lock does not sleep. On `PREEMPT_RT` a reader may acquire it nevertheless.
unsafe impl<D> SpinningLock for SpinLock<D> {}
#[cfg(kernel_7_3)]
// SAFETY: A spin lock does not sleep. On `PREEMPT_RT` a reader may acquire it nevertheless.
unsafe impl<D> SpinningLock for SpinLockIrq<D> {}
