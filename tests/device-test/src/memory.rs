// SPDX-License-Identifier: GPL-2.0

//! Buffers that are accessible up to some byte, to make system calls fail with `EFAULT`.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
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

/// A page whose faults nobody resolves: an access waits until this value is dropped.
///
/// # Invariants
///
/// `start` is the address of a mapped page that this value owns, and no reference to it exists.
pub struct UnresolvedPage {
    start: NonNull<c_void>,
    _faults: OwnedFd,
}

/// `struct uffdio_api` of `linux/userfaultfd.h`.
#[repr(C)]
struct UffdioApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register` of `linux/userfaultfd.h`.
#[repr(C)]
struct UffdioRegister {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

nix::ioctl_readwrite!(uffdio_api, 0xaa, 0x3f, UffdioApi);
nix::ioctl_readwrite!(uffdio_register, 0xaa, 0x00, UffdioRegister);

impl UnresolvedPage {
    /// Errors: `ENOSYS` if the kernel has no userfaultfd.
    pub fn new() -> nix::Result<Self> {
        const UFFD_API: u64 = 0xaa;
        const MODE_MISSING: u64 = 1;
        // SAFETY: The call takes no pointer.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        let fd = Errno::result(fd)? as RawFd;
        // SAFETY: The descriptor was just opened, and nothing else owns it.
        let faults = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut api = UffdioApi {
            api: UFFD_API,
            features: 0,
            ioctls: 0,
        };
        // SAFETY: The argument is the structure of this ioctl.
        unsafe { uffdio_api(fd, &mut api) }?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let len = NonZeroUsize::MIN.saturating_add(PAGE - 1);
        // SAFETY: This is a new private mapping at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, MapFlags::MAP_PRIVATE) }?;
        // INVARIANT: The page was just mapped, and only `drop()` unmaps it.
        let this = Self {
            start,
            _faults: faults,
        };
        let mut register = UffdioRegister {
            start: start.as_ptr() as u64,
            len: PAGE as u64,
            mode: MODE_MISSING,
            ioctls: 0,
        };
        // SAFETY: The argument is the structure of this ioctl.
        unsafe { uffdio_register(fd, &mut register) }?;
        Ok(this)
    }

    /// Returns the address of the page.
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }
}

impl Drop for UnresolvedPage {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the page, and nothing borrows it.
        let unmapped = unsafe { mman::munmap(self.start, PAGE) };
        debug_assert!(unmapped.is_ok());
    }
}
