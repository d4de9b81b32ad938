// SPDX-License-Identifier: GPL-2.0

//! Buffers that are accessible up to some byte, to make system calls fail with `EFAULT`.

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

/// An address in the kernel's half, which no program may access.
pub const KERNEL_ADDRESS: usize = 1 << 63;

/// Calls `write()` with an address that may be bad.
pub fn write_from(fd: impl AsFd, address: usize, len: usize) -> nix::Result<usize> {
    // SAFETY: The kernel only reads from the address, and checks that it can.
    let result = unsafe { libc::write(fd.as_fd().as_raw_fd(), address as *const c_void, len) };
    Errno::result(result).map(|count| count as usize)
}

/// A page followed by an inaccessible page. The second page is mapped, so that no other mapping can
/// be placed there.
///
/// # Invariants
///
/// `start` is the address of two mapped pages that this value owns. The first one is readable and
/// writable.
pub struct GuardedPage {
    start: NonNull<c_void>,
}

impl GuardedPage {
    pub fn new() -> nix::Result<Self> {
        let len = NonZeroUsize::MIN.saturating_add(2 * PAGE - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: This is a new private mapping at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, MapFlags::MAP_PRIVATE) }?;
        // INVARIANT: The pages were just mapped, and only `drop()` unmaps them.
        let this = Self { start };
        // SAFETY: The second page is within the mapping.
        let second = unsafe { start.byte_add(PAGE) };
        // SAFETY: This value owns the second page, and only system calls access it.
        unsafe { mman::mprotect(second, PAGE, ProtFlags::PROT_NONE) }?;
        Ok(this)
    }

    /// The end of the accessible page.
    pub fn end(&self) -> usize {
        self.start.as_ptr() as usize + PAGE
    }

    fn page(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant the page is mapped, owned, readable and writable. The
        // borrow of `self` makes the access exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.cast().as_ptr(), PAGE) }
    }

    /// Calls `write()` with `text`, of which only the first `readable` bytes are accessible.
    pub fn write(&mut self, fd: impl AsFd, text: &[u8], readable: usize) -> nix::Result<usize> {
        self.page()[PAGE - readable..].copy_from_slice(&text[..readable]);
        write_from(fd, self.end() - readable, text.len())
    }

    /// Calls `read()` for up to `len` bytes, of which only the first `writable` are accessible.
    /// Appends the bytes to `out`.
    pub fn read(
        &mut self,
        fd: impl AsFd,
        writable: usize,
        len: usize,
        out: &mut Vec<u8>,
    ) -> nix::Result<usize> {
        assert!(writable <= PAGE && len <= writable + PAGE);
        let at = self.end() - writable;
        // SAFETY: The `len` bytes at `at` lie within the two pages of this value, by the assertion.
        let result = unsafe { libc::read(fd.as_fd().as_raw_fd(), at as *mut c_void, len) };
        let count = Errno::result(result)? as usize;
        out.extend_from_slice(&self.page()[PAGE - writable..][..count]);
        Ok(count)
    }
}

impl Drop for GuardedPage {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the pages, and nothing borrows them.
        let unmapped = unsafe { mman::munmap(self.start, 2 * PAGE) };
        debug_assert!(unmapped.is_ok());
    }
}
