// SPDX-License-Identifier: GPL-2.0

//! Locks.

pub mod rcu;
pub mod srcu;

pub use stand_in::sync::LockClassKey;

use crate::ordering::at;
use core::{convert::Infallible, marker::PhantomData};
use loom::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, Thread},
};
use pinned_init::PinInit;
use std::{
    cell::{Cell, RefCell},
    thread::panicking,
};

/// Threads that wait for others.
///
/// They do not look again and again: two that did so for the same thing would have as many orders as
/// they have patience. Who is waited for is ordered before who waits, as everything is here that waits.
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

/// A lock whose orderings are the caller's choice. The model checker's own prints whenever it is taken.
#[derive(Default)]
pub(super) struct RawLock {
    is_taken: AtomicBool,
    /// The same, for those who wait.
    lasts: Cell<bool>,
    waiting: Waiting,
}

impl RawLock {
    pub(super) fn lock(&self, ordering: Ordering) {
        while self.is_taken.swap(true, ordering) {
            self.waiting.wait_while(|| self.lasts.get());
        }
        self.lasts.set(true);
    }

    pub(super) fn unlock(&self, ordering: Ordering) {
        // An exchange, because a store and the exchanges of those who wait have no order among them.
        self.is_taken.swap(false, ordering);
        self.lasts.set(false);
        self.waiting.wake_all();
    }
}

/// The sleeping lock, of nothing.
pub struct Mutex<T> {
    lock: RawLock,
    _nothing: T,
}

impl<T> Mutex<T> {
    /// An initialiser.
    pub fn new(nothing: T) -> impl PinInit<Self> {
        Self {
            lock: RawLock::default(),
            _nothing: nothing,
        }
    }

    /// Waits for the mutex and holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock.lock(at("mutex_lock", Ordering::Acquire));
        MutexGuard(self)
    }
}

/// A held lock.
pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if !panicking() {
            self.0.lock.unlock(at("mutex_unlock", Ordering::Release));
        }
    }
}

/// A spin lock: there is none.
pub struct SpinLock<T> {
    never: Infallible,
    _inner: T,
}

impl<T> SpinLock<T> {
    /// Waits for the lock and holds it.
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        match self.never {}
    }
}

/// A held spin lock: there is none.
pub struct SpinLockGuard<'a, T: ?Sized> {
    _never: Infallible,
    _lock: PhantomData<&'a T>,
}
