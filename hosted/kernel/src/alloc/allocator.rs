// SPDX-License-Identifier: GPL-2.0

//! The kinds of memory.

use super::{AllocError, Allocator, Flags, NumaNode};
use core::{alloc::Layout, ptr::NonNull};

/// What [`KBox`](super::KBox) is made of.
pub struct Kmalloc;

impl Allocator for Kmalloc {
    fn alloc(layout: Layout, flags: Flags, _node: NumaNode) -> Result<NonNull<[u8]>, AllocError> {
        let memory = super::allocate(layout, flags)?;
        Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
    }
}
