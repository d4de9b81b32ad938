// SPDX-License-Identifier: GPL-2.0

//! The ioctls and other raw calls of the tests of this program.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::mman::{self, MapFlags, ProtFlags},
};

/// `RUST_RCU_DEMO_WAIT_TIMEOUT`.
const WAIT_TIMEOUT: u32 = 1;

/// `struct rust_rcu_demo_wait`.
#[derive(Default)]
#[repr(C)]
pub struct Wait {
    pub generation: u64,
    pub timeout_ms: u32,
    pub flags: u32,
    pub reserved: u64,
}

nix::ioctl_readwrite!(raw_wait, 0xd2, 7, Wait);

/// Calls `RUST_RCU_DEMO_IOC_WAIT`.
pub fn wait(fd: impl AsFd, args: &mut Wait) -> nix::Result<()> {
    // SAFETY: The argument is the structure of this ioctl.
    unsafe { raw_wait(fd.as_fd().as_raw_fd(), args) }.map(drop)
}

/// Waits for another generation than `known`, without limit or for `timeout_ms`. Returns it.
pub fn wait_generation(fd: impl AsFd, known: u64, timeout_ms: Option<u32>) -> nix::Result<u64> {
    let mut args = Wait {
        generation: known,
        timeout_ms: timeout_ms.unwrap_or(0),
        flags: timeout_ms.map_or(0, |_| WAIT_TIMEOUT),
        reserved: 0,
    };
    wait(fd, &mut args)?;
    Ok(args.generation)
}

/// Calls an ioctl with an address at which the program has no memory.
pub fn with_address(fd: impl AsFd, request: u32, address: usize) -> nix::Result<()> {
    // SAFETY: The program has no memory at the addresses that the tests pass.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), address) };
    Errno::result(result).map(drop)
}

/// Tries to map the device.
pub fn map(fd: impl AsFd) -> nix::Result<()> {
    let len = NonZeroUsize::MIN.saturating_add(4095);
    let (access, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_SHARED);
    // SAFETY: This is a new mapping at an address that the kernel chooses; nothing accesses it.
    unsafe { mman::mmap(None, len, access, flags, fd, 0) }.map(drop)
}

/// Moves bytes between a pipe and a file.
pub fn splice(from: impl AsFd, to: impl AsFd) -> nix::Result<()> {
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    let none = std::ptr::null_mut();
    // SAFETY: Null stands for no offset.
    let result = unsafe { libc::splice(from, none, to, none, 6, 0) };
    Errno::result(result).map(drop)
}

/// Memory for an ioctl's structure, and bytes behind it that the kernel must not change.
pub struct Canary(Box<[u8]>);

impl Canary {
    const SIZE: usize = 1 << 15;
    const BEHIND: u8 = 0xa5;

    pub fn new() -> nix::Result<Self> {
        Ok(Self(vec![0; Self::SIZE].into()))
    }

    /// Calls an ioctl with a structure of equal bytes. Returns its result, and whether the bytes
    /// before and behind the structure are unchanged.
    pub fn call(
        &mut self,
        fd: impl AsFd,
        request: u32,
        size: usize,
        align: usize,
        fill: u8,
    ) -> (nix::Result<()>, bool) {
        self.0.fill(Self::BEHIND);
        let range = 64 + align..64 + align + size;
        self.0[range.clone()].fill(fill);
        let address = self.0[range.start..].as_mut_ptr();
        // SAFETY: The kernel accesses only the structure, which this value owns. All pointers in it
        // are null or have all bits set, so the kernel follows none.
        let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request.into(), address) };
        let is_behind = |byte: &u8| *byte == Self::BEHIND;
        let is_intact = self.0[..range.start].iter().all(is_behind)
            && self.0[range.end..].iter().all(is_behind);
        (Errno::result(result).map(drop), is_intact)
    }
}
