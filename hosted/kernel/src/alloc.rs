// SPDX-License-Identifier: GPL-2.0

//! Memory. Every allocation comes from one function, which can fail. `malloc()` provides the
//! memory; in release builds `slab` provides aligned memory. The address suffices to free both.

pub mod allocator;
mod boxed;
pub mod failslab;
pub mod observe;
mod slab;
mod vec;

pub use boxed::KBox;
pub use vec::{KVVec, KVec, PushError, RemoveError, Vec};

use crate::{context, stretch};
use core::{
    alloc::Layout,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

/// An allocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// The constraints of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    may_sleep: bool,
}

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            may_sleep: self.may_sleep | other.may_sleep,
        }
    }
}

/// The allocation flags.
pub mod flags {
    use super::Flags;

    /// Can sleep.
    pub const GFP_KERNEL: Flags = Flags { may_sleep: true };
    /// As [`GFP_KERNEL`]; here no control group is charged.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags { may_sleep: true };
    /// Logs no failure; here none is logged anyway.
    pub const __GFP_NOWARN: Flags = Flags { may_sleep: false };
    /// Does not sleep and can use reserves.
    pub const GFP_ATOMIC: Flags = Flags { may_sleep: false };
    /// Does not sleep.
    pub const GFP_NOWAIT: Flags = Flags { may_sleep: false };
}

static LIVE_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The memory that is allocated and not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// The number of allocations.
    pub allocations: usize,
    /// The usable bytes of these allocations.
    pub bytes: usize,
}

/// A NUMA node; ignored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNode(());

impl NumaNode {
    /// Any node.
    pub const NO_NODE: Self = Self(());
}

/// A source of memory; the kernel's trait has more functions.
pub trait Allocator {
    /// Allocates memory for a `layout` with a size.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    fn alloc(layout: Layout, flags: Flags, node: NumaNode) -> Result<NonNull<[u8]>, AllocError>;
}

/// Returns the memory that all threads have allocated and not freed. The result is exact only if no
/// other thread allocates or frees, so wait for callbacks first.
pub fn live() -> Live {
    // ORDERING: The counts are exact only without concurrent allocations.
    Live {
        allocations: LIVE_ALLOCATIONS.load(Ordering::Relaxed),
        bytes: LIVE_BYTES.load(Ordering::Relaxed),
    }
}

/// The alignment of `malloc()`.
const MALLOC_ALIGN: usize = 16;

/// The kernel's poison, which fills new and freed memory with debug assertions.
const POISON_NEW: u8 = 0x5a;
const POISON_FREED: u8 = 0x6b;

/// Allocates memory for a `layout` with a size.
///
/// # Panics
///
/// If `flags` allow sleeping and the thread must not sleep.
#[track_caller]
pub(crate) fn allocate(layout: Layout, flags: Flags) -> Result<NonNull<u8>, AllocError> {
    debug_assert_ne!(layout.size(), 0);
    if flags.may_sleep {
        context::assert_may_sleep("GFP_KERNEL allocation");
    }
    stretch::count_allocator_call(layout.size());
    observe::before_allocation();
    if failslab::should_fail() {
        return Err(AllocError);
    }
    let is_aligned = layout.align() > MALLOC_ALIGN;
    let pooled = match is_aligned && layout.align() <= 64 && !cfg!(debug_assertions) {
        true => slab::allocate(layout.size()),
        false => None,
    };
    let memory = if let Some(pooled) = pooled {
        pooled.as_ptr().cast()
    } else if !is_aligned {
        // SAFETY: `malloc()` has no requirements.
        unsafe { libc::malloc(layout.size()) }
    } else {
        // SAFETY: The alignment is a power of two and the size a multiple of it.
        unsafe { libc::aligned_alloc(layout.align(), layout.pad_to_align().size()) }
    };
    let memory = NonNull::new(memory.cast::<u8>()).ok_or(AllocError)?;
    // SAFETY: The memory was allocated above.
    let size = unsafe { usable(memory) };
    // ORDERING: Statistics; nothing is published through them.
    LIVE_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    LIVE_BYTES.fetch_add(size, Ordering::Relaxed);
    // SAFETY: The memory is new, has `size` bytes and holds nothing.
    unsafe { poison(memory, size, POISON_NEW) };
    Ok(memory)
}

/// Frees memory.
///
/// # Safety
///
/// `memory` came from [`allocate`], has not been freed, and is not used again.
pub(crate) unsafe fn free(memory: NonNull<u8>) {
    // SAFETY: The caller guarantees that the allocation is live.
    let size = unsafe { usable(memory) };
    stretch::count_allocator_call(0);
    // ORDERING: Statistics; nothing is published through them.
    LIVE_ALLOCATIONS.fetch_sub(1, Ordering::Relaxed);
    LIVE_BYTES.fetch_sub(size, Ordering::Relaxed);
    // SAFETY: The caller guarantees that the memory is live and not used again.
    unsafe { poison(memory, size, POISON_FREED) };
    // SAFETY: The caller guarantees that the memory is not used again.
    if !unsafe { slab::free(memory) } {
        // SAFETY: `allocate()` got the memory from the C library.
        unsafe { libc::free(memory.as_ptr().cast()) };
    }
}

/// Returns the usable size of an allocation.
///
/// # Safety
///
/// `memory` came from [`allocate`] and was not freed.
unsafe fn usable(memory: NonNull<u8>) -> usize {
    slab::usable(memory).unwrap_or_else(|| {
        // SAFETY: The caller guarantees that the allocation is live.
        unsafe { libc::malloc_usable_size(memory.as_ptr().cast()) }
    })
}

/// Fills memory with a poison byte, so that a use of it is detected.
///
/// # Safety
///
/// `memory` is valid for writing `size` bytes, and its contents are not needed.
unsafe fn poison(memory: NonNull<u8>, size: usize, with: u8) {
    if cfg!(debug_assertions) {
        // SAFETY: The caller guarantees that `size` bytes are writable.
        unsafe { memory.write_bytes(with, size) };
    }
}
