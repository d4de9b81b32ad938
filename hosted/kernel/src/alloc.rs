// SPDX-License-Identifier: GPL-2.0

//! Memory. Every allocation of the stand-in comes from one function, which may fail, and is
//! `malloc()`'s, so that its address is enough to free it.

pub mod allocator;
mod boxed;
pub mod failslab;
mod vec;

pub use boxed::KBox;
pub use vec::{KVVec, KVec, PushError, RemoveError, VVec, Vec};

use crate::context;
use core::{
    alloc::Layout,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

/// No memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How an allocation may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    may_sleep: bool,
}

/// The flags by name.
pub mod flags {
    use super::Flags;

    /// May sleep.
    pub const GFP_KERNEL: Flags = Flags { may_sleep: true };
    /// Does not sleep, and may use reserves.
    pub const GFP_ATOMIC: Flags = Flags { may_sleep: false };
    /// Does not sleep.
    pub const GFP_NOWAIT: Flags = Flags { may_sleep: false };
}

static LIVE_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// What is allocated and not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Allocations.
    pub allocations: usize,
    /// Their usable bytes.
    pub bytes: usize,
}

/// Where memory is to be: of no meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNode(());

impl NumaNode {
    /// Anywhere.
    pub const NO_NODE: Self = Self(());
}

/// What all kinds of memory have in common; the kernel's has more.
pub trait Allocator {
    /// Allocates memory for a `layout` with a size.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say.
    fn alloc(layout: Layout, flags: Flags, node: NumaNode) -> Result<NonNull<[u8]>, AllocError>;
}

/// What all threads have allocated and not freed. Exact only while no other thread does either, so
/// wait for callbacks first.
pub fn live() -> Live {
    // ORDERING: The counts are exact when there is no one to race with.
    Live {
        allocations: LIVE_ALLOCATIONS.load(Ordering::Relaxed),
        bytes: LIVE_BYTES.load(Ordering::Relaxed),
    }
}

/// What `malloc()` aligns to.
const MALLOC_ALIGN: usize = 16;

/// With debug assertions, what fresh and freed memory is filled with: the kernel's poison.
const POISON_FRESH: u8 = 0x5a;
const POISON_FREED: u8 = 0x6b;

/// Allocates memory for a `layout` with a size.
///
/// # Panics
///
/// If `flags` allow to sleep and the thread may not.
#[track_caller]
pub(crate) fn allocate(layout: Layout, flags: Flags) -> Result<NonNull<u8>, AllocError> {
    debug_assert_ne!(layout.size(), 0);
    if flags.may_sleep {
        context::assert_may_sleep("GFP_KERNEL allocation");
    }
    if failslab::should_fail() {
        return Err(AllocError);
    }
    let memory = if layout.align() <= MALLOC_ALIGN {
        // SAFETY: No requirement.
        unsafe { libc::malloc(layout.size()) }
    } else {
        // SAFETY: The alignment is a power of two and the size a multiple of it.
        unsafe { libc::aligned_alloc(layout.align(), layout.pad_to_align().size()) }
    };
    let memory = NonNull::new(memory.cast::<u8>()).ok_or(AllocError)?;
    // SAFETY: The allocation is live and owned here.
    let size = unsafe { usable(memory) };
    // ORDERING: Statistics; nothing is published through them.
    LIVE_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    LIVE_BYTES.fetch_add(size, Ordering::Relaxed);
    // SAFETY: As above.
    unsafe { poison(memory, size, POISON_FRESH) };
    Ok(memory)
}

/// Frees memory.
///
/// # Safety
///
/// `memory` came from [`allocate`], was not freed since, and nobody uses it any more.
pub(crate) unsafe fn free(memory: NonNull<u8>) {
    // SAFETY: The allocation is live and the caller's.
    let size = unsafe { usable(memory) };
    // ORDERING: Statistics; nothing is published through them.
    LIVE_ALLOCATIONS.fetch_sub(1, Ordering::Relaxed);
    LIVE_BYTES.fetch_sub(size, Ordering::Relaxed);
    // SAFETY: As above.
    unsafe { poison(memory, size, POISON_FREED) };
    // SAFETY: `allocate()` got it from the C library.
    unsafe { libc::free(memory.as_ptr().cast()) };
}

/// The size of an allocation as the C library sees it.
///
/// # Safety
///
/// `memory` came from [`allocate`] and was not freed.
unsafe fn usable(memory: NonNull<u8>) -> usize {
    // SAFETY: As the caller promises.
    unsafe { libc::malloc_usable_size(memory.as_ptr().cast()) }
}

/// Makes the contents of memory useless, so that using it is noticed.
///
/// # Safety
///
/// `memory` is valid for writing `size` bytes that nobody needs.
unsafe fn poison(memory: NonNull<u8>, size: usize, with: u8) {
    if cfg!(debug_assertions) {
        // SAFETY: As the caller promises.
        unsafe { memory.write_bytes(with, size) };
    }
}
