// SPDX-License-Identifier: GPL-2.0

//! The atomic pointer through which readers find an object, whatever kind of RCU they use.

#![expect(unsafe_code, reason = "owns objects through raw pointers")]

use super::{
    object::{self, Head, Object},
    reclaim::{dispose, tear_down},
    Reclaim, UniqueRcuBox,
};
use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

/// An atomic pointer that owns the object it points to, if any.
///
/// # Invariants
///
/// - `object` is null, or the address of a live object that came from `UniqueRcuBox::into_raw` and
///   that this pointer owns.
/// - Readers can reach that object only through a shared borrow of this pointer.
#[repr(transparent)]
pub(super) struct Published<T: Reclaim + ?Sized> {
    object: AtomicPtr<Head>,
    owned: PhantomData<UniqueRcuBox<T>>,
    /// Makes `Published` invariant in `T`, because `&self` is enough to store an object.
    invariant: PhantomData<fn(*const T) -> *const T>,
}

impl<T: Reclaim + ?Sized> Published<T> {
    /// Creates a null pointer.
    pub(super) const fn null() -> Self {
        // INVARIANT: Null is allowed.
        Self::from_address(ptr::null_mut())
    }

    /// Creates a pointer to `new`, or a null pointer.
    pub(super) fn new(new: Option<UniqueRcuBox<T>>) -> Self {
        // INVARIANT: The object came from `into_raw()`, which gave up its ownership.
        Self::from_address(into_address(new))
    }

    const fn from_address(object: *mut Head) -> Self {
        Self {
            object: AtomicPtr::new(object),
            owned: PhantomData,
            invariant: PhantomData,
        }
    }

    /// Borrows the published object for a reader.
    ///
    /// # Safety
    ///
    /// An object that is unpublished now or later is not reclaimed during `'a`.
    #[inline]
    pub(super) unsafe fn dereference<'a>(&self) -> Option<&'a T> {
        // ORDERING: Pairs with the release in `replace()` and `publish()`, so that the reader sees
        // the object initialised. C relies on the address dependency, which Rust's memory model
        // does not have. Acquire is the next stronger ordering; on x86 it is the same plain load.
        let object = self.object.load(Ordering::Acquire);
        // SAFETY: By the type invariant the object was live when it was loaded, and the caller
        // guarantees that it is not reclaimed during `'a`.
        unsafe { borrow(object) }
    }

    /// Returns the address of the published object, for [`borrow`] and [`Self::publish`].
    ///
    /// Only the only updater may access the object.
    #[inline]
    pub(super) fn address(&self) -> *mut Head {
        // ORDERING: Relaxed suffices: the updaters' mutual exclusion orders this load after the
        // store that it reads. Others access nothing through the result.
        self.object.load(Ordering::Relaxed)
    }

    /// Returns whether the pointer is null: C's `rcu_access_pointer()`.
    #[inline]
    pub(super) fn is_null(&self) -> bool {
        self.address().is_null()
    }

    /// Publishes `new`, or null, by an exchange and unpublishes the previous object, whose
    /// ownership it returns.
    #[inline]
    pub(super) fn replace(&self, new: Option<UniqueRcuBox<T>>) -> Option<NonNull<Object<T>>> {
        // ORDERING: Release publishes the contents of the new object, as `rcu_assign_pointer()`
        // does. Acquire makes the contents of the old object visible to this thread, which may drop
        // it.
        // INVARIANT: This pointer owns the new object now, and no longer owns the old one.
        let old = self.object.swap(into_address(new), Ordering::AcqRel);
        // SAFETY: By the type invariant this was the address of a live object.
        unsafe { whole(old) }
    }

    /// Publishes `new`, or null, by a store and unpublishes the previous object, whose ownership
    /// it returns.
    ///
    /// # Safety
    ///
    /// `old` is what [`Self::address`] returns, and no other thread stores meanwhile.
    #[inline]
    pub(super) unsafe fn publish(
        &self,
        new: Option<UniqueRcuBox<T>>,
        old: *mut Head,
    ) -> Option<NonNull<Object<T>>> {
        // ORDERING: Release publishes the contents of the new object: `rcu_assign_pointer()`.
        // INVARIANT: This pointer owns the new object now, and no longer owns the old one.
        self.object.store(into_address(new), Ordering::Release);
        // SAFETY: By the type invariant this was the address of a live object.
        unsafe { whole(old) }
    }

    /// Unpublishes the object and tears it down. It has no readers, because `&mut self` excludes their
    /// borrows.
    pub(super) fn take(&mut self) -> Option<UniqueRcuBox<T>> {
        // ORDERING: Relaxed suffices: `&mut self` is ordered after all accesses through `&self`.
        let object = self.object.load(Ordering::Relaxed);
        // INVARIANT: Null is allowed.
        self.object.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: By the type invariant this was the address of a live object.
        let object = unsafe { whole::<T>(object)? };
        // SAFETY: By the type invariant this pointer owned the object, and readers reach it only
        // through a shared borrow of this pointer, which `&mut self` excludes.
        let mut object = unsafe { UniqueRcuBox::from_raw(object) };
        tear_down(object.as_pin_mut().as_ref());
        Some(object)
    }
}

impl<T: Reclaim + ?Sized> Drop for Published<T> {
    fn drop(&mut self) {
        if let Some(object) = self.take() {
            dispose(object);
        }
    }
}

/// Gives up ownership of an object for its address.
#[inline]
fn into_address<T: Reclaim + ?Sized>(object: Option<UniqueRcuBox<T>>) -> *mut Head {
    object.map_or(ptr::null_mut(), |object| {
        object.into_raw().as_ptr().cast::<Head>()
    })
}

/// Returns the whole object at an address.
///
/// # Safety
///
/// `address` is null, or came from [`into_address`] with an object of this type that is live.
#[inline]
unsafe fn whole<T: Reclaim + ?Sized>(address: *mut Head) -> Option<NonNull<Object<T>>> {
    // SAFETY: The caller guarantees a live object of this type.
    NonNull::new(address).map(|head| unsafe { T::from_head(head) })
}

/// Borrows the value of the object at an address.
///
/// # Safety
///
/// `address` is null, or came from [`into_address`] with an object of this type that is live during
/// `'a` and whose value nobody mutably borrows.
#[inline]
pub(super) unsafe fn borrow<'a, T: Reclaim + ?Sized>(address: *mut Head) -> Option<&'a T> {
    // SAFETY: The caller guarantees a live object of this type.
    let object = unsafe { whole::<T>(address)? };
    // SAFETY: The caller guarantees that the object is live during `'a`, without a mutable borrow.
    Some(unsafe { object::value(object) })
}
