// SPDX-License-Identifier: GPL-2.0

//! Spin locks.

use super::rcu;
use core::{
    marker::PhantomPinned,
    ops::{Deref, DerefMut},
};
use pinned_init::PinInit;
use std::sync;

/// A lock whose holder must not sleep and is an RCU reader, as in the kernel with `PREEMPT_RT`.
pub struct SpinLock<T> {
    inner: sync::Mutex<T>,
    _pin: PhantomPinned,
}

/// Returns an initialiser for a [`SpinLock`]. The name is for lockdep and ignored here.
#[macro_export]
macro_rules! new_spinlock {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::sync::SpinLock::new($inner)
    };
}

impl<T> SpinLock<T> {
    /// Returns an initialiser for a lock around `value`. Use
    /// [`new_spinlock!`](crate::new_spinlock), because the kernel's function has more arguments.
    pub fn new(value: T) -> impl PinInit<Self> {
        Self {
            inner: sync::Mutex::new(value),
            _pin: PhantomPinned,
        }
    }

    /// Acquires the lock, waiting if needed.
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        let held = self
            .inner
            .lock()
            .unwrap_or_else(sync::PoisonError::into_inner);
        SpinLockGuard {
            held,
            _section: rcu::read_lock(),
        }
    }
}

/// A held lock: the kernel crate's lock `Guard`.
#[must_use = "the lock is released when this is dropped"]
pub struct SpinLockGuard<'a, T: ?Sized> {
    held: sync::MutexGuard<'a, T>,
    _section: rcu::Guard,
}

impl<T: ?Sized> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T: ?Sized> DerefMut for SpinLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}
