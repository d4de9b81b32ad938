// SPDX-License-Identifier: GPL-2.0

//! The allocators.

use super::{AllocError, Allocator, Flags, NumaNode};
use core::{alloc::Layout, ptr::NonNull};

/// The allocator of [`KBox`](super::KBox).
pub struct Kmalloc;

/// The kernel's allocator of contiguous virtual memory; here the same as [`Kmalloc`].
pub struct Vmalloc;

/// The kernel's allocator that tries `Kmalloc` and then `Vmalloc`; here the same as [`Kmalloc`].
pub struct KVmalloc;

fn allocate(layout: Layout, flags: Flags) -> Result<NonNull<[u8]>, AllocError> {
    let memory = super::allocate(layout, flags)?;
    Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
}

impl Allocator for Kmalloc {
    fn alloc(layout: Layout, flags: Flags, _node: NumaNode) -> Result<NonNull<[u8]>, AllocError> {
        allocate(layout, flags)
    }
}

impl Allocator for Vmalloc {
    fn alloc(layout: Layout, flags: Flags, _node: NumaNode) -> Result<NonNull<[u8]>, AllocError> {
        allocate(layout, flags)
    }
}

impl Allocator for KVmalloc {
    fn alloc(layout: Layout, flags: Flags, _node: NumaNode) -> Result<NonNull<[u8]>, AllocError> {
        allocate(layout, flags)
    }
}
