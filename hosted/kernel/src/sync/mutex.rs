// SPDX-License-Identifier: GPL-2.0

//! Mutexes.

use crate::context;
use core::{
    marker::PhantomPinned,
    ops::{Deref, DerefMut},
};
use pinned_init::PinInit;
use std::sync::{self, PoisonError, TryLockError};

/// The standard library's mutex, pinned as the kernel's, without poisoning, name or lock class.
pub struct Mutex<T> {
    inner: sync::Mutex<T>,
    _pin: PhantomPinned,
}

/// Returns an initialiser for a [`Mutex`]. The name is for lockdep and ignored here.
#[macro_export]
macro_rules! new_mutex {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::sync::Mutex::new($inner)
    };
}

impl<T> Mutex<T> {
    /// Returns an initialiser for a mutex around `value`. Use [`new_mutex!`](crate::new_mutex),
    /// because the kernel's function has more arguments.
    pub fn new(value: T) -> impl PinInit<Self> {
        Self {
            inner: sync::Mutex::new(value),
            _pin: PhantomPinned,
        }
    }

    /// Acquires the mutex, waiting if needed.
    ///
    /// # Panics
    ///
    /// In a context that must not sleep, even if the mutex is free.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        context::assert_may_sleep("mutex_lock()");
        let inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The holder may wait for a grace period, which must not wait for this thread.
            Err(TryLockError::WouldBlock) => {
                context::block(|| self.inner.lock().unwrap_or_else(PoisonError::into_inner))
            }
        };
        MutexGuard(inner)
    }
}

/// A held mutex: the kernel crate's lock `Guard`.
#[must_use = "the mutex is released when this is dropped"]
pub struct MutexGuard<'a, T>(sync::MutexGuard<'a, T>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
