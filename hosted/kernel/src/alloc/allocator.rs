// SPDX-License-Identifier: GPL-2.0

//! The allocators.

use super::{AllocError, Allocator, Flags, NumaNode};
use core::{alloc::Layout, ptr::NonNull};

macro_rules! allocators {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Allocator for $name {
            fn alloc(
                layout: Layout,
                flags: Flags,
                _node: NumaNode,
            ) -> Result<NonNull<[u8]>, AllocError> {
                let memory = super::allocate(layout, flags)?;
                Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
            }
        }
    )*};
}

allocators! {
    /// The allocator of [`KBox`](super::KBox).
    Kmalloc;
    /// The kernel's allocator of contiguous virtual memory; here the same as [`Kmalloc`].
    Vmalloc;
    /// The kernel's allocator that tries `Kmalloc` and then `Vmalloc`; here the same as [`Kmalloc`].
    KVmalloc;
}
