// SPDX-License-Identifier: GPL-2.0

//! The allocators.

use super::{AllocError, Allocator, Flags, NumaNode};
use core::{alloc::Layout, ptr::NonNull};

/// The allocator of [`KBox`](super::KBox).
pub struct Kmalloc;

impl Allocator for Kmalloc {
    fn alloc(layout: Layout, flags: Flags, _node: NumaNode) -> Result<NonNull<[u8]>, AllocError> {
        let memory = super::allocate(layout, flags)?;
        Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
    }
}
