// SPDX-License-Identifier: GPL-2.0

//! Objects with room behind their value, which their own module lays out.

use super::{
    boxed::{object_of, Object},
    RcuBox,
};
use core::{
    alloc::Layout,
    ptr::{addr_of_mut, NonNull},
};
use kernel::alloc::{allocator::Kmalloc, AllocError, Allocator, Flags, NumaNode};

impl<T> RcuBox<T> {
    /// Moves `value` into memory that RCU can reclaim, with `room` uninitialised bytes behind it, and
    /// gives up ownership as [`RcuBox::into_raw_value`] does. The pointer is good for the room as well.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn with_room(value: T, room: usize, flags: Flags) -> Result<NonNull<T>, AllocError> {
        let object = Layout::new::<Object<T>>();
        let size = object.size().checked_add(room).ok_or(AllocError)?;
        let layout = Layout::from_size_align(size, object.align()).map_err(|_| AllocError)?;
        let object = Kmalloc::alloc(layout, flags, NumaNode::NO_NODE)?.cast::<Object<T>>();
        // SAFETY: The memory is large enough for an object and nobody else has it.
        let at = unsafe { addr_of_mut!((*object.as_ptr()).value) };
        // SAFETY: As above; a head needs no initialisation.
        unsafe { at.write(value) };
        // SAFETY: A field of an object is not null.
        Ok(unsafe { NonNull::new_unchecked(at) })
    }

    /// Takes ownership back of what [`RcuBox::with_room`] made.
    ///
    /// # Safety
    ///
    /// `value` came from [`RcuBox::with_room`], was not taken back since, and no reader can reach it.
    pub unsafe fn from_raw_value(value: NonNull<T>) -> Self {
        // SAFETY: The object was allocated by `Kmalloc`, which frees by address alone, so that the room
        // behind it does not matter; the rest is the caller's promise.
        unsafe { Self::from_raw(object_of(value)) }
    }
}
