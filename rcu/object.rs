// SPDX-License-Identifier: GPL-2.0

//! The memory layout of RCU-protected objects.

#![expect(unsafe_code, reason = "computes addresses of objects")]

use core::{
    mem::{offset_of, MaybeUninit},
    ptr::{addr_of, NonNull},
};
use kernel::bindings;

/// Memory for C's `struct rcu_head`.
#[repr(transparent)]
pub struct Head {
    _memory: MaybeUninit<bindings::callback_head>,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self {
            _memory: MaybeUninit::uninit(),
        }
    }
}

// SAFETY: No function accesses the memory through a `Head`.
unsafe impl Send for Head {}
// SAFETY: No function accesses the memory through a `&Head`.
unsafe impl Sync for Head {}

/// An RCU-protected object: the head that `call_rcu()` and `kvfree_call_rcu()` link into their
/// lists, then the value. The head comes first, so that its address is the object's.
#[repr(C)]
pub struct Object<T: ?Sized> {
    pub(super) head: Head,
    pub(super) value: T,
}

mod private {
    use super::{Head, NonNull, Object};

    /// A type whose objects are found by their address alone, as an atomic pointer holds it: a
    /// sized type or [`Flexible`](super::super::Flexible).
    ///
    /// # Safety
    ///
    /// `from_head()` returns the whole object that begins at `head`.
    #[diagnostic::on_unimplemented(
        message = "RCU cannot find a `{Self}` by its address alone",
        label = "the size of `{Self}` is not known from its address",
        note = "use `Flexible<H, E>` for a header and an array, or put a `KBox<{Self}>` into a struct"
    )]
    pub unsafe trait Thin {
        /// # Safety
        ///
        /// `head` is the head of a live `Object<Self>` and has provenance for all of it.
        unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<Self>>;
    }
}
pub(super) use private::Thin;

// SAFETY: The head is the first field of an `Object`, so both have the same address.
unsafe impl<T> Thin for T {
    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<T>> {
        head.cast()
    }
}

/// Returns the object that contains `value`.
///
/// # Safety
///
/// `value` points to the value of an `Object<T>` and has provenance for all of it.
pub(super) unsafe fn object_of<T>(value: NonNull<T>) -> NonNull<Object<T>> {
    let object = value
        .as_ptr()
        .cast::<u8>()
        .wrapping_sub(offset_of!(Object<T>, value));
    // SAFETY: The caller guarantees that there is an object at this address, so it is not null.
    unsafe { NonNull::new_unchecked(object.cast()) }
}

/// Borrows the value of an object, but not the head, which RCU writes.
///
/// # Safety
///
/// During `'a`, the object is live and nobody mutably borrows its value.
#[inline]
pub(super) unsafe fn value<'a, T: ?Sized>(object: NonNull<Object<T>>) -> &'a T {
    // SAFETY: The object is live during `'a`, so its value is valid for reads.
    unsafe { &*addr_of!((*object.as_ptr()).value) }
}
