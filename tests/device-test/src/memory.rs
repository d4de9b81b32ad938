// SPDX-License-Identifier: GPL-2.0

//! Buffers that the kernel can read or write up to some point only, for `EFAULT`.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, AsRawFd},
    ptr::NonNull,
    slice,
};

use nix::{
    errno::Errno,
    libc::{self, c_void},
    sys::mman::{self, MapFlags, ProtFlags},
};

const PAGE: usize = 4096;

/// An address that no program may use: the kernel's half.
pub const KERNEL_ADDRESS: usize = 1 << 63;

/// `write()` from an address that may be bad.
pub fn write_from(fd: impl AsFd, address: usize, len: usize) -> nix::Result<usize> {
    // SAFETY: The kernel reads only, and checks that it can.
    let result = unsafe { libc::write(fd.as_fd().as_raw_fd(), address as *const c_void, len) };
    Errno::result(result).map(|count| count as usize)
}

/// A page, and behind it one that cannot be accessed. Protected and not unmapped, so that no other
/// mapping comes to lie there.
///
/// # Invariants
///
/// `start` is the address of two mapped pages that belong to this value, the first of them readable
/// and writable.
pub struct Cliff {
    start: NonNull<c_void>,
}

impl Cliff {
    pub fn new() -> nix::Result<Self> {
        let len = NonZeroUsize::MIN.saturating_add(2 * PAGE - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: A new private mapping, at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, MapFlags::MAP_PRIVATE) }?;
        // INVARIANT: Just mapped, and unmapped by `drop()` alone.
        let this = Self { start };
        // SAFETY: The second page is in bounds, and no reference to it exists.
        let second = unsafe { start.byte_add(PAGE) };
        // SAFETY: As above; access to it is never asked for but by system calls.
        unsafe { mman::mprotect(second, PAGE, ProtFlags::PROT_NONE) }?;
        Ok(this)
    }

    /// Where access ends.
    pub fn edge(&self) -> usize {
        self.start.as_ptr() as usize + PAGE
    }

    fn page(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant the page is mapped, ours, readable and writable; the borrow
        // of `self` keeps it so and exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.cast().as_ptr(), PAGE) }
    }

    /// `write()` of `text` of which only the first `readable` bytes can be read.
    pub fn write(&mut self, fd: impl AsFd, text: &[u8], readable: usize) -> nix::Result<usize> {
        self.page()[PAGE - readable..].copy_from_slice(&text[..readable]);
        write_from(fd, self.edge() - readable, text.len())
    }

    /// `read()` of up to `len` bytes of which only the first `writable` can be stored; appends what
    /// was read.
    pub fn read(
        &mut self,
        fd: impl AsFd,
        writable: usize,
        len: usize,
        out: &mut Vec<u8>,
    ) -> nix::Result<usize> {
        let at = self.edge() - writable;
        // SAFETY: The kernel writes to this value's two pages at most: `len` is checked.
        let result = unsafe {
            assert!(writable <= PAGE && len <= writable + PAGE);
            libc::read(fd.as_fd().as_raw_fd(), at as *mut c_void, len)
        };
        let count = Errno::result(result)? as usize;
        out.extend_from_slice(&self.page()[PAGE - writable..][..count]);
        Ok(count)
    }
}

impl Drop for Cliff {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the pages are mapped and ours; nothing borrows them.
        let unmapped = unsafe { mman::munmap(self.start, 2 * PAGE) };
        debug_assert!(unmapped.is_ok());
    }
}
