// SPDX-License-Identifier: GPL-2.0

//! The memory layout of RCU-protected objects.

#![expect(unsafe_code, reason = "allocates and addresses objects")]

use super::{reclaim::Context, Reclaim};
use core::{
    alloc::Layout,
    mem::MaybeUninit,
    pin::Pin,
    ptr::{addr_of, addr_of_mut, NonNull},
};
use kernel::{
    alloc::{
        allocator::{KVmalloc, Kmalloc, Vmalloc},
        AllocError, Allocator, Flags, NumaNode,
    },
    bindings,
};

/// Memory for C's `struct rcu_head`.
#[repr(transparent)]
pub struct Head {
    _memory: MaybeUninit<bindings::callback_head>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            _memory: MaybeUninit::uninit(),
        }
    }
}

// SAFETY: No function accesses the memory through a `Head`.
unsafe impl Send for Head {}
// SAFETY: No function accesses the memory through a `&Head`.
unsafe impl Sync for Head {}

/// No memory, with the alignment of a [`Head`].
pub(super) type NoHead = [usize; 0];

/// The head of the objects of a type: [`Head`] or [`NoHead`].
pub(super) type HeadOf<T> = <<T as Reclaim>::Context as Context>::Head;

/// An RCU-protected object: the head that `call_rcu()` and `kvfree_call_rcu()` link into their
/// lists, if any, then the value. The head comes first, so that its address is the object's.
///
/// The type of the head makes an `Object` invariant in `T`. A subtype may have another context, and
/// so another layout.
#[repr(C)]
pub struct Object<T: Reclaim + ?Sized> {
    pub(super) head: HeadOf<T>,
    pub(super) value: T,
}

/// An allocator whose memory C's `kvfree()` frees: `Kmalloc`, `Vmalloc` or `KVmalloc`.
pub trait KernelAllocator: Allocator + private::Sealed {}

impl private::Sealed for Kmalloc {}
impl private::Sealed for Vmalloc {}
impl private::Sealed for KVmalloc {}

impl KernelAllocator for Kmalloc {}
impl KernelAllocator for Vmalloc {}
impl KernelAllocator for KVmalloc {}

/// Allocates uninitialised memory for an object of a sized type, with a layout at least as large.
///
/// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
#[inline]
pub(super) fn allocate<T: Reclaim, A: KernelAllocator>(
    layout: Layout,
    flags: Flags,
) -> Result<NonNull<Object<T>>, AllocError> {
    Ok(A::alloc(layout, flags, NumaNode::NO_NODE)?.cast())
}

/// Frees the memory of an object, without a destructor.
///
/// # Safety
///
/// A [`KernelAllocator`] allocated the object. It has no other owner, and nothing uses it again.
#[inline]
pub(super) unsafe fn free<T: Reclaim + ?Sized>(object: NonNull<Object<T>>) {
    // SAFETY: `kvfree()` frees the memory of each `KernelAllocator`, of which the caller is the
    // owner.
    unsafe { bindings::kvfree(object.as_ptr().cast_const().cast()) };
}

mod private {
    use super::{Head, NonNull, Object, Reclaim};

    /// Keeps other modules from implementing [`KernelAllocator`](super::KernelAllocator).
    pub trait Sealed {}

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
        /// `head` is the address of a live `Object<Self>` and has provenance for all of it.
        unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<Self>>
        where
            Self: Reclaim;
    }
}
pub(super) use private::Thin;

// SAFETY: The head is the first field of an `Object`, so both have the same address.
unsafe impl<T> Thin for T {
    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> NonNull<Object<T>>
    where
        T: Reclaim,
    {
        head.cast()
    }
}

/// Returns the address of an object's value.
///
/// # Safety
///
/// `object` points to allocated memory with the layout of an object.
#[inline]
pub(super) unsafe fn value_of<T: Reclaim + ?Sized>(object: NonNull<Object<T>>) -> NonNull<T> {
    // SAFETY: The caller guarantees that the object is allocated, so the address of its field is in
    // bounds.
    let value = unsafe { addr_of_mut!((*object.as_ptr()).value) };
    // SAFETY: A field of an object is not null.
    unsafe { NonNull::new_unchecked(value) }
}

/// Borrows the value of an object, but not the head, which RCU writes.
///
/// # Safety
///
/// During `'a`, the object is live and nobody mutably borrows its value.
#[inline]
pub(super) unsafe fn value<'a, T: Reclaim + ?Sized>(object: NonNull<Object<T>>) -> &'a T {
    // SAFETY: The object is live during `'a`, so its value is valid for reads.
    unsafe { &*addr_of!((*object.as_ptr()).value) }
}

/// Borrows the value of an object, pinned.
///
/// # Safety
///
/// As for [`value`], and the value does not move until it is dropped.
#[inline]
pub(super) unsafe fn pinned_value<'a, T: Reclaim + ?Sized>(
    object: NonNull<Object<T>>,
) -> Pin<&'a T> {
    // SAFETY: The caller guarantees a live object that does not move.
    unsafe { Pin::new_unchecked(value(object)) }
}
