// SPDX-License-Identifier: GPL-2.0

//! Aligned memory of release builds, in classes of equal size as `kmalloc()` has them.
//!
//! glibc's `aligned_alloc()` takes microseconds, which would hide what the code under test costs.
//! Debug builds use it, so that AddressSanitizer sees each allocation.

use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicU8, Ordering},
};
use std::sync::{Mutex, OnceLock};

/// The sizes of the classes.
const SIZES: [usize; 9] = [64, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

/// The memory of all classes together, of which the kernel provides only what is used.
const REGION: usize = 16 << 30;
/// The memory that a class takes at a time.
const BLOCK: usize = 64 << 10;

/// The region.
struct Region {
    start: usize,
    /// The class of each block that was taken.
    classes: Vec<AtomicU8>,
    state: Mutex<State>,
}

/// The free memory of each class.
struct State {
    /// The first free element, which holds the address of the next one; 0 at the end.
    free: [usize; SIZES.len()],
    /// The blocks that were taken.
    blocks: usize,
}

static SLABS: OnceLock<Option<Region>> = OnceLock::new();

fn region() -> Option<&'static Region> {
    let region = SLABS.get_or_init(|| {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: A new mapping affects no other memory.
        let start = unsafe { libc::mmap(ptr::null_mut(), REGION, access, flags, -1, 0) };
        (start != libc::MAP_FAILED).then(|| Region {
            start: start as usize,
            classes: (0..REGION / BLOCK).map(|_| AtomicU8::new(0)).collect(),
            state: Mutex::new(State {
                free: [0; SIZES.len()],
                blocks: 0,
            }),
        })
    });
    region.as_ref()
}

impl Region {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Allocates memory that is aligned to 64 bytes; `None` if it is too large or none is left.
pub(super) fn allocate(size: usize) -> Option<NonNull<u8>> {
    let class = SIZES.iter().position(|class| size <= *class)?;
    let region = region()?;
    let mut state = region.lock();
    if state.free[class] == 0 {
        let start = region.start + state.blocks * BLOCK;
        if start + BLOCK > region.start + REGION {
            return None;
        }
        // ORDERING: A thread gets an element of the block only after this.
        region.classes[state.blocks].store(class as u8, Ordering::Relaxed);
        state.blocks += 1;
        for number in (0..BLOCK / SIZES[class]).rev() {
            let element = start + number * SIZES[class];
            // SAFETY: The element is in the new block, which nobody uses.
            unsafe { (element as *mut usize).write(state.free[class]) };
            state.free[class] = element;
        }
    }
    let element = state.free[class];
    // SAFETY: The element is free, so it holds the address of the next one.
    state.free[class] = unsafe { *(element as *const usize) };
    // The kernel does so, too: the next allocation loads this address.
    prefetch(state.free[class]);
    NonNull::new(element as *mut u8)
}

/// Tells the processor that an address will be used soon.
fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: A prefetch has no effect but on caches, and faults on no address.
    unsafe {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        _mm_prefetch::<_MM_HINT_T0>(address as *const i8);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Returns the class of memory that came from [`allocate`].
fn class_of(memory: NonNull<u8>) -> Option<(&'static Region, usize)> {
    let region = SLABS.get()?.as_ref()?;
    let offset = (memory.as_ptr() as usize).checked_sub(region.start)?;
    let class = region.classes.get(offset / BLOCK)?;
    Some((region, class.load(Ordering::Relaxed).into()))
}

/// Returns the usable size of memory that came from [`allocate`]; `None` for other memory.
pub(super) fn usable(memory: NonNull<u8>) -> Option<usize> {
    class_of(memory).map(|(_, class)| SIZES[class])
}

/// Frees memory that came from [`allocate`]. Returns false for other memory.
///
/// # Safety
///
/// The memory is not used again.
pub(super) unsafe fn free(memory: NonNull<u8>) -> bool {
    let Some((region, class)) = class_of(memory) else {
        return false;
    };
    let mut state = region.lock();
    // SAFETY: The caller gives the element up.
    unsafe { memory.cast::<usize>().write(state.free[class]) };
    state.free[class] = memory.as_ptr() as usize;
    true
}
