// SPDX-License-Identifier: GPL-2.0

//! Locks.

pub mod rcu;
pub mod srcu;

pub use stand_in::sync::{Arc, LockClassKey};

use crate::ordering::at;
use core::{
    convert::Infallible,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};
use loom::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, Thread},
};
use pinned_init::PinInit;
use std::{
    cell::{Cell, RefCell},
    thread::panicking,
};

/// A queue of waiting threads.
///
/// Threads park instead of polling, because two polling threads would have unboundedly many orders.
/// The wake-up orders the waking thread before the waiting one, which every user of this type does
/// anyway.
#[derive(Default)]
pub(super) struct Waiting(RefCell<Vec<Thread>>);

impl Waiting {
    pub(super) fn wait_while(&self, condition: impl Fn() -> bool) {
        while condition() {
            self.0.borrow_mut().push(thread::current());
            thread::park();
        }
    }

    pub(super) fn wake_all(&self) {
        self.0.take().iter().for_each(Thread::unpark);
    }
}

/// A lock whose caller chooses the orderings. The model checker's own lock prints at each
/// acquisition.
#[derive(Default)]
pub(super) struct RawLock {
    is_locked: AtomicBool,
    /// The value of `is_locked` for waiting threads, which they read without ordering.
    must_wait: Cell<bool>,
    waiting: Waiting,
}

impl RawLock {
    pub(super) fn lock(&self, ordering: Ordering) {
        while self.is_locked.swap(true, ordering) {
            self.waiting.wait_while(|| self.must_wait.get());
        }
        self.must_wait.set(true);
    }

    pub(super) fn unlock(&self, ordering: Ordering) {
        // An exchange, because the model checker does not order a store with other threads'
        // exchanges.
        self.is_locked.swap(false, ordering);
        self.must_wait.set(false);
        self.waiting.wake_all();
    }
}

/// A sleeping lock. It protects no data of its own.
pub struct Mutex<T> {
    lock: RawLock,
    _data: T,
}

impl<T> Mutex<T> {
    /// Returns an initialiser.
    pub fn new(data: T) -> impl PinInit<Self> {
        Self {
            lock: RawLock::default(),
            _data: data,
        }
    }

    /// Acquires the mutex.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock.lock(at("mutex_lock", Ordering::Acquire));
        MutexGuard(self)
    }
}

/// A held lock.
pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        unreachable!("no test reads the data of a mutex")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        unreachable!("no test writes the data of a mutex")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if !panicking() {
            self.0.lock.unlock(at("mutex_unlock", Ordering::Release));
        }
    }
}

/// Defines a spin lock of which the model has no instances.
macro_rules! spin_lock {
    ($lock:ident, $guard:ident) => {
        /// A spin lock. The model has no instances.
        pub struct $lock<T> {
            never: Infallible,
            _inner: T,
        }

        impl<T> $lock<T> {
            /// Acquires the lock.
            pub fn lock(&self) -> $guard<'_, T> {
                match self.never {}
            }
        }

        /// A held spin lock. The model has no instances.
        pub struct $guard<'a, T: ?Sized> {
            never: Infallible,
            _lock: PhantomData<&'a T>,
        }

        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                match self.never {}
            }
        }

        impl<T: ?Sized> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                match self.never {}
            }
        }
    };
}

spin_lock!(SpinLock, SpinLockGuard);
spin_lock!(SpinLockIrq, SpinLockIrqGuard);
