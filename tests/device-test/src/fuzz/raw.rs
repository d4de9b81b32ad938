// SPDX-License-Identifier: GPL-2.0

//! System calls with arbitrary arguments. The program itself uses no memory that the kernel may
//! write to.

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

/// The size of the memory for arguments. An array of the maximum count can begin in it and end
/// outside.
const ARENA: usize = 1 << 16;

/// Memory for the arguments of system calls, followed by inaccessible memory.
///
/// # Invariants
///
/// `start` is the address of `2 * ARENA` mapped bytes that this value owns. The first half is
/// readable and writable. There is never a reference to these bytes.
pub struct Arena {
    start: NonNull<c_void>,
}

impl Arena {
    pub fn new() -> nix::Result<Self> {
        let len = NonZeroUsize::MIN.saturating_add(2 * ARENA - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // The pages are populated now: with failing allocations, user-mode Linux does not survive a
        // page fault in a system call.
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_POPULATE;
        // SAFETY: This is a new private mapping at an address that the kernel chooses.
        let start = unsafe { mman::mmap_anonymous(None, len, access, flags) }?;
        // INVARIANT: The bytes were just mapped, and only `drop()` unmaps them.
        let this = Self { start };
        // SAFETY: The second half is within the mapping.
        let second = unsafe { start.byte_add(ARENA) };
        // SAFETY: This value owns the second half, and only system calls access it.
        unsafe { mman::mprotect(second, ARENA, ProtFlags::PROT_NONE) }?;
        Ok(this)
    }

    /// Chooses an address: mostly in the arena, often near its end, sometimes an invalid one.
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

    /// Copies bytes to a random place in the arena. Returns their address.
    pub fn put(&mut self, random: &mut Random, bytes: &[u8]) -> usize {
        let room = ARENA - bytes.len().min(ARENA);
        let at = match random.one_in(3) {
            true => room,
            false => random.below(room + 1),
        };
        let bytes = &bytes[..bytes.len().min(ARENA)];
        // SAFETY: The offset is at most `ARENA`, which is within the mapping.
        let to = unsafe { self.start.byte_add(at) };
        // SAFETY: By the type invariant the bytes up to `ARENA` are owned and writable, and there
        // is no reference to them.
        unsafe {
            to.cast::<u8>()
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len())
        };
        to.as_ptr() as usize
    }
}

impl Arena {
    /// Reads a word at an address that [`Self::put`] has returned for at least 8 bytes.
    pub fn word(&self, address: usize) -> u64 {
        let offset = address - self.start.as_ptr() as usize;
        assert!(offset <= ARENA - 8);
        // SAFETY: The 8 bytes are in the first half, by the assertion.
        let from = unsafe { self.start.byte_add(offset) };
        // SAFETY: By the type invariant the bytes are readable, and there is no reference to them.
        unsafe { from.cast::<u64>().read_unaligned() }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the mapping, and there is no reference to
        // it.
        let unmapped = unsafe { mman::munmap(self.start, 2 * ARENA) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Calls `ioctl()` with an address in an [`Arena`], or an invalid one.
pub fn ioctl(fd: impl AsFd, request: u32, argument: usize) -> nix::Result<usize> {
    // SAFETY: The device accesses the argument and the pointers in it. All of them point into the
    // arena or to memory that the program cannot access.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), argument) };
    Errno::result(result).map(|count| count as usize)
}

/// Calls `read()` with an address in an [`Arena`], or an invalid one.
pub fn read(fd: impl AsFd, address: usize, len: usize) -> nix::Result<usize> {
    // SAFETY: The kernel writes into the arena, and stops at the inaccessible memory after it. The
    // program cannot access an invalid address.
    let result = unsafe { libc::read(fd.as_fd().as_raw_fd(), address as *mut c_void, len) };
    Errno::result(result).map(|count| count as usize)
}

/// Calls `poll()` without waiting. Returns whether the file is readable, and whether it is
/// writable.
pub fn poll(fd: impl AsFd) -> nix::Result<(bool, bool)> {
    let mut entry = libc::pollfd {
        fd: fd.as_fd().as_raw_fd(),
        events: libc::POLLIN | libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: The pointer is to one valid entry, to which there is no other reference.
    let result = unsafe { libc::poll(&raw mut entry, 1, 0) };
    Errno::result(result)?;
    Ok((
        entry.revents & libc::POLLIN != 0,
        entry.revents & libc::POLLOUT != 0,
    ))
}
