// SPDX-License-Identifier: GPL-2.0

//! The ioctls that the tests of this program call with valid arguments.

use std::os::fd::{AsFd, AsRawFd};

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

/// Waits for another generation than `known`, for ever or for some ms. Returns it.
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
