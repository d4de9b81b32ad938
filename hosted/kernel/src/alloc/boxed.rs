// SPDX-License-Identifier: GPL-2.0

//! Boxes: exclusive owners of an allocation.

use super::{AllocError, Flags};
use crate::init::InPlaceInit;
use core::{
    alloc::Layout,
    fmt,
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull,
};
use pinned_init::PinInit;

/// The kernel's `Box` with the allocator `Kmalloc`.
///
/// # Invariants
///
/// `value` is a live `T` owned by this box, in memory from `allocate()`, or dangling if `T` has
/// size 0.
pub struct KBox<T: ?Sized> {
    value: NonNull<T>,
    owned: PhantomData<T>,
}

// SAFETY: A box owns its `T`, as a plain value would.
unsafe impl<T: Send + ?Sized> Send for KBox<T> {}
// SAFETY: A shared box gives only shared access to its `T`.
unsafe impl<T: Sync + ?Sized> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Moves `value` into a new allocation.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    #[track_caller]
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let layout = Layout::new::<T>();
        let place = match layout.size() {
            0 => NonNull::dangling(),
            _ => super::allocate(layout, flags)?.cast::<T>(),
        };
        // SAFETY: The place has the layout of a `T` and is not used elsewhere.
        unsafe { place.write(value) };
        // INVARIANT: The value was written above.
        Ok(Self {
            value: place,
            owned: PhantomData,
        })
    }
}

impl<T: ?Sized> KBox<T> {
    /// Releases ownership.
    pub fn into_raw(b: Self) -> *mut T {
        ManuallyDrop::new(b).value.as_ptr()
    }

    /// Regains ownership.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw) or [`leak`](Self::leak) of a box with the same
    /// layout. It has no other owner and points to a live `T` that is not otherwise used.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // INVARIANT: The caller guarantees that `raw` is a box's live value without an owner.
        Self {
            // SAFETY: A box's pointer is not null.
            value: unsafe { NonNull::new_unchecked(raw) },
            owned: PhantomData,
        }
    }

    /// Releases ownership and returns a reference.
    pub fn leak<'a>(b: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: The value stays live, because its owner is gone.
        unsafe { &mut *Self::into_raw(b) }
    }
}

impl<T> KBox<T> {
    /// Moves the value out and frees the memory.
    pub fn into_inner(b: Self) -> T {
        let place = ManuallyDrop::new(b).value;
        // SAFETY: By the type invariant the place holds a `T`. It is read once, because `b` is
        // forgotten.
        let value = unsafe { place.read() };
        // SAFETY: The box no longer exists, and its value was moved out.
        unsafe { free_place(place.cast(), size_of::<T>()) };
        value
    }
}

/// Frees a box's memory of `size` bytes without dropping its contents.
///
/// # Safety
///
/// `place` belonged to a box that no longer exists.
unsafe fn free_place(place: NonNull<u8>, size: usize) {
    if size != 0 {
        // SAFETY: By the invariant of `KBox` it came from `allocate()`.
        unsafe { super::free(place) };
    }
}

impl<T: ?Sized> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the value is live.
        let size = unsafe { size_of_val(self.value.as_ref()) };
        // SAFETY: By the type invariant the value is live and owned.
        unsafe { self.value.drop_in_place() };
        // SAFETY: The value was dropped, and the box ends here.
        unsafe { free_place(self.value.cast(), size) };
    }
}

impl<T> InPlaceInit<T> for KBox<T> {
    type PinnedSelf = Pin<Self>;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>, E>
    where
        E: From<AllocError>,
    {
        let mut place = KBox::new(MaybeUninit::<T>::uninit(), flags)?;
        // SAFETY: The place is valid, uninitialised and pinned. On failure the box frees the memory
        // and drops nothing.
        unsafe { init.__pinned_init(place.as_mut_ptr())? };
        // SAFETY: `MaybeUninit<T>` has the layout of `T`, and the initialiser succeeded.
        let full = unsafe { KBox::from_raw(KBox::into_raw(place).cast::<T>()) };
        Ok(full.into())
    }
}

impl<T: ?Sized> From<KBox<T>> for Pin<KBox<T>> {
    fn from(b: KBox<T>) -> Self {
        // SAFETY: The value is in its own allocation, which does not move with the box.
        unsafe { Pin::new_unchecked(b) }
    }
}

impl<T: ?Sized> Deref for KBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the value is live, and borrowed with the box.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant the value is live, and borrowed exclusively with the box.
        unsafe { self.value.as_mut() }
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for KBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
