// SPDX-License-Identifier: GPL-2.0

//! The words that readers load while the updater stores them. All memory orderings of the table are
//! in this file, which `hosted/litmus` checks.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// A pointer that readers load.
#[repr(transparent)]
pub(super) struct PointerWord<T>(AtomicPtr<T>);

impl<T> PointerWord<T> {
    pub(super) const fn new(target: *mut T) -> Self {
        Self(AtomicPtr::new(target))
    }

    // ORDERING: Acquire pairs with the release in `store()`: the target is initialised.
    #[inline(always)]
    pub(super) fn load(&self) -> *mut T {
        self.0.load(Ordering::Acquire)
    }

    /// Publishes a target.
    pub(super) fn store(&self, target: *mut T) {
        self.0.store(target, Ordering::Release);
    }
}

/// A number that readers load.
#[repr(transparent)]
pub(super) struct NumberWord(AtomicU32);

impl NumberWord {
    pub(super) const fn new(number: u32) -> Self {
        Self(AtomicU32::new(number))
    }

    // ORDERING: Acquire pairs with the release in `store()`: the reader's later load of the array
    // finds one that has the number, and the number's record is initialised.
    #[inline(always)]
    pub(super) fn load(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Publishes a number.
    pub(super) fn store(&self, number: u32) {
        self.0.store(number, Ordering::Release);
    }
}

/// The number of published changes.
pub(in super::super) struct ChangeCount(AtomicU64);

impl ChangeCount {
    pub(in super::super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns the number of published changes.
    // ORDERING: Acquire pairs with the release in `count()`: the caller's later lookups see each
    // change that the number counts.
    pub(in super::super) fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts a change that the caller has published.
    pub(in super::super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// The number of reuses of numbers.
pub(super) struct ReuseCount(AtomicU64);

impl ReuseCount {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns the count. A reader that loaded a number before this call sees the count of its last
    /// reuse.
    // ORDERING: Relaxed: the Acquire in `NumberWord::load()` orders this later load. It pairs with
    // the Release in `NumberWord::store()`, which the updater calls after `count()`.
    pub(super) fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a reuse. The caller publishes the reused numbers after this call.
    // ORDERING: Relaxed: the Release in `NumberWord::store()` orders this earlier store.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
