// SPDX-License-Identifier: GPL-2.0

//! The sleeping lock.

use crate::context;
use core::{
    marker::PhantomPinned,
    ops::{Deref, DerefMut},
};
use pinned_init::PinInit;
use std::sync;

/// A mutex of the standard library that is pinned like the kernel's, knows no poisoning, and has
/// neither name nor lock class.
pub struct Mutex<T> {
    inner: sync::Mutex<T>,
    _pin: PhantomPinned,
}

/// Makes an initialiser for a [`Mutex`]; the name is for lockdep and goes nowhere here.
#[macro_export]
macro_rules! new_mutex {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::sync::Mutex::new($inner)
    };
}

impl<T> Mutex<T> {
    /// An initialiser for a mutex around `value`. Use [`new_mutex!`](crate::new_mutex): the kernel's
    /// function takes more arguments.
    pub fn new(value: T) -> impl PinInit<Self> {
        Self {
            inner: sync::Mutex::new(value),
            _pin: PhantomPinned,
        }
    }

    /// Waits for the mutex and holds it.
    ///
    /// # Panics
    ///
    /// Where the caller may not sleep, whether or not it would have to.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        context::assert_may_sleep("mutex_lock()");
        MutexGuard(
            self.inner
                .lock()
                .unwrap_or_else(sync::PoisonError::into_inner),
        )
    }
}

/// A held mutex. The kernel crate calls it `Guard` of a `Lock`.
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
