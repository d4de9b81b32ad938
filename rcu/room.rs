// SPDX-License-Identifier: GPL-2.0

//! Objects followed by uninitialised memory that the caller lays out.

#![expect(unsafe_code, reason = "allocates and addresses objects by hand")]

use super::{
    object::{object_of, Object},
    Global, Reclaim, Retired, Softirq, UniqueRcuBox,
};
use core::{
    alloc::Layout,
    ptr::{addr_of_mut, NonNull},
};
use kernel::alloc::{allocator::Kmalloc, AllocError, Allocator, Flags, NumaNode};

#[allow(dead_code, reason = "only the route table has such objects")]
impl<T: Reclaim<Context = Softirq>> UniqueRcuBox<T> {
    /// Moves `value` into memory that RCU can reclaim, followed by `room` uninitialised bytes.
    ///
    /// The caller owns the object until it calls [`UniqueRcuBox::from_raw_value`] or
    /// [`Retired::from_raw_value`]. The pointer has provenance for the room as well.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub(crate) fn with_room(value: T, room: usize, flags: Flags) -> Result<NonNull<T>, AllocError> {
        let object = Layout::new::<Object<T>>();
        let size = object.size().checked_add(room).ok_or(AllocError)?;
        let layout = Layout::from_size_align(size, object.align()).map_err(|_| AllocError)?;
        let object = Kmalloc::alloc(layout, flags, NumaNode::NO_NODE)?.cast::<Object<T>>();
        // SAFETY: The memory is large enough for an object.
        let at = unsafe { addr_of_mut!((*object.as_ptr()).value) };
        // SAFETY: The memory is allocated, and nobody else has its address. A head needs no
        // initialisation.
        unsafe { at.write(value) };
        // SAFETY: A field of an object is not null.
        Ok(unsafe { NonNull::new_unchecked(at) })
    }

    /// Restores the ownership of an object that [`UniqueRcuBox::with_room`] created.
    ///
    /// # Safety
    ///
    /// - `value` came from [`UniqueRcuBox::with_room`].
    /// - The object has no other owner, and no reader can reach it.
    pub(crate) unsafe fn from_raw_value(value: NonNull<T>) -> Self {
        // SAFETY: The pointer has provenance for the whole object.
        let object = unsafe { object_of(value) };
        // SAFETY: `Kmalloc` allocated the object. It frees by address alone, so the room does not
        // matter. The object has no other owner and no readers.
        unsafe { Self::from_raw(object) }
    }
}

#[allow(dead_code, reason = "only the route table has such objects")]
impl<T: Reclaim<Context = Softirq>> Retired<T> {
    /// Retires an object that [`UniqueRcuBox::with_room`] created and that the caller has
    /// unpublished.
    ///
    /// # Safety
    ///
    /// - `value` came from [`UniqueRcuBox::with_room`].
    /// - The caller owns the object and has unpublished it.
    pub(crate) unsafe fn from_raw_value(value: NonNull<T>) -> Self {
        // SAFETY: The pointer has provenance for the whole object.
        let object = unsafe { object_of(value) };
        // SAFETY: `Kmalloc` allocated the object, as it does for a `UniqueRcuBox`. The caller owns
        // it and has unpublished it.
        unsafe { Self::new(object, Global) }
    }
}
