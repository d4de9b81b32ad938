// SPDX-License-Identifier: GPL-2.0

//! Reference counting.

use crate::{
    alloc::{AllocError, Flags, KBox},
    init::InPlaceInit,
};
use core::{
    fmt,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{self, AtomicUsize, Ordering},
};
use pinned_init::PinInit;

struct Inner<T> {
    count: AtomicUsize,
    value: T,
}

/// A reference-counted allocation that pins its contents and has no weak references. An overflow of
/// the count aborts the process; the kernel's count saturates.
///
/// # Invariants
///
/// `inner` came from a `KBox` and is live; this value owns one of the counted references.
pub struct Arc<T> {
    inner: NonNull<Inner<T>>,
    owned: PhantomData<Inner<T>>,
}

// SAFETY: Another thread gets `&T`, hence `Sync`, and can drop the `T`, hence `Send`.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: A shared reference can be cloned into an `Arc`, so the requirements are the same.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// Moves `contents` into a new allocation.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    pub fn new(contents: T, flags: Flags) -> Result<Self, AllocError> {
        let inner = Inner {
            count: AtomicUsize::new(1),
            value: contents,
        };
        let inner = NonNull::from(KBox::leak(KBox::new(inner, flags)?));
        // INVARIANT: The allocation came from a `KBox`, and this is its only reference.
        Ok(Self {
            inner,
            owned: PhantomData,
        })
    }

    /// Returns whether both point to the same allocation.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        ptr::eq(this.inner.as_ptr(), other.inner.as_ptr())
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: By the type invariant the allocation is live while this reference exists.
        unsafe { self.inner.as_ref() }
    }
}

impl<T> InPlaceInit<T> for Arc<T> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        let mut inner = KBox::new(MaybeUninit::<Inner<T>>::uninit(), flags)?;
        let slot = inner.as_mut_ptr();
        // SAFETY: The allocation is valid for writing the field.
        let count = unsafe { ptr::addr_of_mut!((*slot).count) };
        // SAFETY: The field is valid for writing.
        unsafe { count.write(AtomicUsize::new(1)) };
        // SAFETY: The allocation is valid for writing the field.
        let value = unsafe { ptr::addr_of_mut!((*slot).value) };
        // SAFETY: The place is valid, uninitialised and pinned. On failure the box frees the memory
        // and drops nothing.
        unsafe { init.__pinned_init(value)? };
        // INVARIANT: Both fields are initialised, and this is the only reference.
        Ok(Self {
            inner: NonNull::from(KBox::leak(inner)).cast(),
            owned: PhantomData,
        })
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // ORDERING: The caller already owns a reference.
        let before = self.inner().count.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            std::process::abort();
        }
        // INVARIANT: This reference was counted above.
        Self {
            inner: self.inner,
            owned: PhantomData,
        }
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // ORDERING: Release orders this thread's accesses before the last decrement.
        if self.inner().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // ORDERING: Acquire orders the other threads' accesses before the destructor.
        atomic::fence(Ordering::Acquire);
        // SAFETY: By the type invariant the allocation came from a `KBox`; this was the last
        // reference.
        drop(unsafe { KBox::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
