// SPDX-License-Identifier: GPL-2.0

//! References to objects that count their references themselves.

use core::{marker::PhantomData, mem::ManuallyDrop, ops::Deref, ptr::NonNull};

/// An object with a reference count of its own.
///
/// # Safety
///
/// The object lives at least until each `inc_ref()` has been followed by a `dec_ref()`.
pub unsafe trait AlwaysRefCounted {
    /// Adds a reference.
    fn inc_ref(&self);

    /// Removes a reference.
    ///
    /// # Safety
    ///
    /// The caller owns a reference, which it does not use again.
    unsafe fn dec_ref(object: NonNull<Self>);
}

/// An owned reference to a [`AlwaysRefCounted`] object.
///
/// # Invariants
///
/// This value owns a reference to `object`.
pub struct ARef<T: AlwaysRefCounted> {
    object: NonNull<T>,
    owned: PhantomData<T>,
}

// SAFETY: Another thread gets `&T`, hence `Sync`, and can drop the `T`, hence `Send`.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Send for ARef<T> {}
// SAFETY: A shared reference can be cloned, so the requirements are the same.
unsafe impl<T: AlwaysRefCounted + Send + Sync> Sync for ARef<T> {}

impl<T: AlwaysRefCounted> ARef<T> {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// The caller owns a reference to `object` and passes it on.
    pub unsafe fn from_raw(object: NonNull<T>) -> Self {
        // INVARIANT: The caller passes its reference on.
        Self {
            object,
            owned: PhantomData,
        }
    }

    /// Gives the reference up.
    pub fn into_raw(this: Self) -> NonNull<T> {
        ManuallyDrop::new(this).object
    }
}

impl<T: AlwaysRefCounted> Deref for ARef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the object is live.
        unsafe { self.object.as_ref() }
    }
}

impl<T: AlwaysRefCounted> Clone for ARef<T> {
    fn clone(&self) -> Self {
        self.inc_ref();
        // SAFETY: The reference was added above.
        unsafe { Self::from_raw(self.object) }
    }
}

impl<T: AlwaysRefCounted> From<&T> for ARef<T> {
    fn from(object: &T) -> Self {
        object.inc_ref();
        // SAFETY: The reference was added above.
        unsafe { Self::from_raw(NonNull::from(object)) }
    }
}

impl<T: AlwaysRefCounted> Drop for ARef<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns a reference, which ends here.
        unsafe { T::dec_ref(self.object) };
    }
}
