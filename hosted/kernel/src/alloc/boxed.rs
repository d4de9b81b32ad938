// SPDX-License-Identifier: GPL-2.0

//! Sole ownership of an allocation.

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

/// The kernel's `Box` with its allocator `Kmalloc`.
///
/// # Invariants
///
/// `value` is a live `T` that this owns, in memory from `allocate()`, or dangling
/// if `T` has no size.
pub struct KBox<T: ?Sized> {
    value: NonNull<T>,
    owned: PhantomData<T>,
}

// SAFETY: It is a `T` in another place.
unsafe impl<T: Send + ?Sized> Send for KBox<T> {}
// SAFETY: As above.
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
        // SAFETY: The place has the layout of a `T` and is ours.
        unsafe { place.write(value) };
        // INVARIANT: The value was just written.
        Ok(Self {
            value: place,
            owned: PhantomData,
        })
    }
}

impl<T: ?Sized> KBox<T> {
    /// Gives up ownership.
    pub fn into_raw(b: Self) -> *mut T {
        ManuallyDrop::new(b).value.as_ptr()
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw) or [`leak`](Self::leak) of a box with the same
    /// layout, was not taken back since, and points to a live `T` that nobody else uses.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // INVARIANT: As the caller promises.
        Self {
            // SAFETY: A box's pointer is not null.
            value: unsafe { NonNull::new_unchecked(raw) },
            owned: PhantomData,
        }
    }

    /// Gives up ownership for a reference.
    pub fn leak<'a>(b: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: The value is live and nobody else's, and stays so unless unsafe code takes it back.
        unsafe { &mut *Self::into_raw(b) }
    }
}

impl<T> KBox<T> {
    /// Moves the value out and frees the memory.
    pub fn into_inner(b: Self) -> T {
        let place = ManuallyDrop::new(b).value;
        // SAFETY: By the type invariant a `T` is there; it is moved out once, as the box is gone.
        let value = unsafe { place.read() };
        // SAFETY: The place was the box's, and is empty now.
        unsafe { free_place(place.cast(), size_of::<T>()) };
        value
    }
}

/// Frees a box's memory, of `size` bytes, without dropping what is in it.
///
/// # Safety
///
/// `place` was a box's, which no longer exists.
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
        // SAFETY: By the type invariant the value is live and ours.
        unsafe { self.value.drop_in_place() };
        // SAFETY: The box ends here.
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
        // SAFETY: The place is valid, uninitialised, and stays where it is. When this fails, the box
        // frees the memory and drops nothing.
        unsafe { init.__pinned_init(place.as_mut_ptr())? };
        // SAFETY: The layout is the same, and a `T` is there now.
        let full = unsafe { KBox::from_raw(KBox::into_raw(place).cast::<T>()) };
        Ok(full.into())
    }
}

impl<T: ?Sized> From<KBox<T>> for Pin<KBox<T>> {
    fn from(b: KBox<T>) -> Self {
        // SAFETY: The value lives in its own allocation and does not move when the box does.
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
        // SAFETY: As above, and exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for KBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
