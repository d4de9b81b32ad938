// SPDX-License-Identifier: GPL-2.0

//! Objects that RCU can protect, while they have one owner.

#![expect(unsafe_code, reason = "converts objects to and from raw pointers")]

use super::object::{Head, Object};
use core::{
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull,
};
use kernel::{
    alloc::{AllocError, Flags},
    prelude::*,
};

/// [`Object`] with a value that is initialised in place.
#[pin_data]
#[repr(C)]
struct SizedObject<T> {
    head: Head,
    #[pin]
    value: T,
}

/// An owned, unpublished object with room for an `rcu_head`. No reader can reach it, so its owner
/// may change it.
///
/// The object never moves, whether published, retired or owned again. A type that must not move is
/// therefore allowed; only [`Self::as_pin_mut`] changes such a value.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::UniqueRcuBox;
///
/// let mut limits = UniqueRcuBox::new([1, 2, 3], GFP_KERNEL)?;
/// limits[0] = 10;
/// assert_eq!(*limits, [10, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
pub struct UniqueRcuBox<T: ?Sized>(KBox<Object<T>>);

impl<T> UniqueRcuBox<T> {
    /// Moves `value` into memory that RCU can reclaim.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let head = Head::new();
        Ok(Self(KBox::new(Object { head, value }, flags)?))
    }

    /// Initialises a value in place, in memory that RCU can reclaim.
    ///
    /// Errors: `ENOMEM`, or an error of `init`. Context: as `flags` say; may sleep with
    /// `GFP_KERNEL`.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        let object = KBox::<SizedObject<T>>::pin_init::<Error>(
            try_pin_init!(SizedObject { head: Head::new(), value <- init }? Error),
            flags,
        )?;
        // SAFETY: A `UniqueRcuBox` does not move its object, and gives `&mut` only to `Unpin`
        // types.
        let object = unsafe { Pin::into_inner_unchecked(object) };
        let object = KBox::into_raw(object).cast::<Object<T>>();
        // SAFETY: The pointer came from a box, and both types have the same fields in C's layout.
        Ok(Self(unsafe { KBox::from_raw(object) }))
    }
}

impl<T: ?Sized> UniqueRcuBox<T> {
    /// Borrows the value for changes that do not move it.
    ///
    /// Context: any.
    pub fn as_pin_mut(&mut self) -> Pin<&mut T> {
        // SAFETY: The value does not move until it is dropped: a `UniqueRcuBox` does not move its
        // object, and gives `&mut` only to `Unpin` types.
        unsafe { Pin::new_unchecked(&mut self.0.value) }
    }

    /// Gives up ownership, until [`UniqueRcuBox::from_raw`].
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Object<T>> {
        let object = KBox::into_raw(self.0);
        // SAFETY: A box is not null.
        unsafe { NonNull::new_unchecked(object) }
    }

    /// Restores the ownership that [`UniqueRcuBox::into_raw`] gave up.
    ///
    /// # Safety
    ///
    /// - `object` came from [`UniqueRcuBox::into_raw`], or was allocated by `Kmalloc` and
    ///   initialised in the same way.
    /// - It has no other owner, and no reader can reach it.
    #[inline]
    pub(super) unsafe fn from_raw(object: NonNull<Object<T>>) -> Self {
        // SAFETY: `Kmalloc` allocated the object, as for a `KBox`, and nothing else owns it.
        Self(unsafe { KBox::from_raw(object.as_ptr()) })
    }
}

impl<T: ?Sized> Deref for UniqueRcuBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Unpin + ?Sized> DerefMut for UniqueRcuBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}
