// SPDX-License-Identifier: GPL-2.0

//! System calls with any argument: what the kernel may write to is memory that nobody else uses.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, AsRawFd},
    ptr::NonNull,
};

use nix::{
    errno::Errno,
    libc::{self, c_void},
    sys::mman::{self, MapFlags, ProtFlags},
};

use super::random::{Choose, Random};

/// The size of the memory that system calls are given: enough for the largest count of the smallest
/// structure to begin in it and to run out of it.
const ARENA: usize = 1 << 16;

/// Memory for system calls, and behind it some that cannot be accessed.
///
/// # Invariants
///
/// `start` is the address of `2 * ARENA` mapped bytes that belong to this value, the first half of them
/// readable and writable. No reference to them is ever made.
pub struct Arena {
    start: NonNull<c_void>,
}

impl Arena {
    pub fn new() -> nix::Result<Self> {
        let len = NonZeroUsize::MIN.saturating_add(2 * ARENA - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // With its pages: where allocations fail, user-mode Linux dies of a page fault in a system call.
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_POPULATE;
        // SAFETY: A new private mapping, at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, flags) }?;
        // INVARIANT: Just mapped, and unmapped by `drop()` alone.
        let this = Self { start };
        // SAFETY: The second half is in bounds.
        let second = unsafe { start.byte_add(ARENA) };
        // SAFETY: As above; access to it is never asked for but by system calls.
        unsafe { mman::mprotect(second, ARENA, ProtFlags::PROT_NONE) }?;
        Ok(this)
    }

    /// Any address: mostly in the arena, often near its end, sometimes one that is no program's.
    pub fn address(&self, random: &mut Random) -> usize {
        let start = self.start.as_ptr() as usize;
        match random.below(16) {
            0 => 0,
            1 => 1 << 63,
            2 => usize::MAX - random.below(64),
            3..=6 => start + ARENA - random.below(256),
            _ => start + random.below(ARENA),
        }
    }

    /// Puts bytes somewhere into the arena; says where.
    pub fn put(&mut self, random: &mut Random, bytes: &[u8]) -> usize {
        let room = ARENA - bytes.len().min(ARENA);
        let at = match random.once_in(3) {
            true => room,
            false => random.below(room + 1),
        };
        let bytes = &bytes[..bytes.len().min(ARENA)];
        // SAFETY: The offset is below the length of the mapping.
        let to = unsafe { self.start.byte_add(at) };
        // SAFETY: By the type invariant the bytes up to `ARENA` are writable and ours; no reference to
        // them exists.
        unsafe {
            to.cast::<u8>()
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len())
        };
        to.as_ptr() as usize
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the mapping is ours, and there are no references to it.
        let unmapped = unsafe { mman::munmap(self.start, 2 * ARENA) };
        debug_assert!(unmapped.is_ok());
    }
}

/// `ioctl()` with an argument from an [`Arena`], or with one that is no address.
pub fn ioctl(fd: impl AsFd, request: u32, argument: usize) -> nix::Result<usize> {
    // SAFETY: The device reads and writes where the argument says, and where what lies there says: in the
    // arena, or where the kernel finds nothing that a program may access.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), argument) };
    Errno::result(result).map(|count| count as usize)
}

/// `read()` to an address from an [`Arena`].
pub fn read(fd: impl AsFd, address: usize, len: usize) -> nix::Result<usize> {
    // SAFETY: As for `ioctl()`; the kernel stops where the arena ends.
    let result = unsafe { libc::read(fd.as_fd().as_raw_fd(), address as *mut c_void, len) };
    Errno::result(result).map(|count| count as usize)
}

/// `poll()` that does not wait: whether there is something to read, and whether writing is possible.
pub fn poll(fd: impl AsFd) -> nix::Result<(bool, bool)> {
    let mut entry = libc::pollfd {
        fd: fd.as_fd().as_raw_fd(),
        events: libc::POLLIN | libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: One entry, which lives and is ours during the call.
    let result = unsafe { libc::poll(&raw mut entry, 1, 0) };
    Errno::result(result)?;
    Ok((
        entry.revents & libc::POLLIN != 0,
        entry.revents & libc::POLLOUT != 0,
    ))
}
