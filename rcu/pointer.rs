// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected pointer.

use super::{boxed::Object, Guard, RcuBox, Reclaim, Retired};
use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

/// A pointer that readers follow under a [`Guard`] while updaters exchange what it points to: C's
/// `T __rcu *`. It may be null and owns what it points to.
///
/// # Invariants
///
/// - `object` is null or came from `RcuBox::into_raw`, and this pointer owns it.
/// - What `object` points to is reachable for readers through this pointer alone, is not changed
///   while it is published, and is freed only after a grace period that began after it was
///   unpublished, or when the pointer itself is gone, and with it every reader's borrow of it.
pub struct Rcu<T: Reclaim> {
    object: AtomicPtr<Object<T>>,
    owned: PhantomData<RcuBox<T>>,
}

impl<T: Reclaim> Rcu<T> {
    /// A pointer to nothing.
    pub const fn null() -> Self {
        // INVARIANT: Null is allowed.
        Self {
            object: AtomicPtr::new(ptr::null_mut()),
            owned: PhantomData,
        }
    }

    /// A pointer to `new`, for structures that are themselves still unpublished.
    pub fn new(new: RcuBox<T>) -> Self {
        // INVARIANT: The object comes from `into_raw()`, and nobody else has it.
        Self {
            object: AtomicPtr::new(new.into_raw().as_ptr()),
            owned: PhantomData,
        }
    }

    /// What the pointer points to now, for as long as both the read-side critical section and the
    /// pointer last: C's `rcu_dereference()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn dereference<'g>(&'g self, _guard: &'g Guard) -> Option<&'g T> {
        // ORDERING: Pairs with the release in `replace()`: what the updater wrote before publishing is
        // seen. The kernel gets by with an address dependency, which Rust's memory model lacks;
        // acquire is the next stronger, and on x86 the same plain load.
        let object = self.object.load(Ordering::Acquire);
        // SAFETY: By the type invariant a non-null object lives until a grace period after it was
        // unpublished has ended, which cannot be before the read-side critical section that `_guard`
        // stands for ends, or until `self` is gone, which its borrow rules out. Nobody holds `&mut`
        // to it meanwhile. The reference covers the value, not the head that `call_rcu()` writes.
        unsafe { object.as_ref().map(|object| &object.value) }
    }

    /// Publishes `new`, or nothing, with one store and returns what was published before: C's
    /// `rcu_replace_pointer()`.
    ///
    /// Readers see either the old or the new object, complete. The exchange is atomic, so updaters
    /// that race here lose no object; whoever derives the new object from the old one needs a lock
    /// of their own, as in C.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&self, new: Option<RcuBox<T>>) -> Option<Retired<T>> {
        let new = new.map_or(ptr::null_mut(), |new| new.into_raw().as_ptr());
        // ORDERING: Release publishes the new object's contents, as `rcu_assign_pointer()` does.
        // Acquire makes this thread, which may come to free the old object, see its contents.
        // INVARIANT: The new object is owned by this pointer from here on.
        let old = self.object.swap(new, Ordering::AcqRel);
        // INVARIANT: The old object is unpublished now, and ownership of it is handed over.
        // SAFETY: By the type invariant it came from `into_raw()` and was owned by this pointer.
        NonNull::new(old).map(|old| unsafe { Retired::new(old) })
    }

    /// What the pointer points to, when no reader can be there: `&mut` proves it.
    pub fn take(&mut self) -> Option<RcuBox<T>> {
        let object = core::mem::replace(self.object.get_mut(), ptr::null_mut());
        // SAFETY: By the type invariant the object came from `into_raw()` and was owned by this
        // pointer. Readers reach it through a shared borrow of the pointer only, and there is none.
        NonNull::new(object).map(|object| unsafe { RcuBox::from_raw(object) })
    }
}

impl<T: Reclaim> Drop for Rcu<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
