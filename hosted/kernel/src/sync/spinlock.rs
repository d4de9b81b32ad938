// SPDX-License-Identifier: GPL-2.0

//! The spinning lock.

use super::rcu;
use core::{
    marker::PhantomPinned,
    ops::{Deref, DerefMut},
};
use pinned_init::PinInit;
use std::sync;

/// A lock whose holder must not sleep and is a reader of RCU, as the kernel's with `PREEMPT_RT`.
pub struct SpinLock<T> {
    inner: sync::Mutex<T>,
    _pin: PhantomPinned,
}

/// Makes an initialiser for a [`SpinLock`]; the name is for lockdep and goes nowhere here.
#[macro_export]
macro_rules! new_spinlock {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::sync::SpinLock::new($inner)
    };
}

impl<T> SpinLock<T> {
    /// An initialiser for a lock around `value`. Use [`new_spinlock!`](crate::new_spinlock): the
    /// kernel's function takes more arguments.
    pub fn new(value: T) -> impl PinInit<Self> {
        Self {
            inner: sync::Mutex::new(value),
            _pin: PhantomPinned,
        }
    }

    /// Waits for the lock and holds it.
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

/// A held lock. The kernel crate calls it `Guard` of a `Lock`.
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
