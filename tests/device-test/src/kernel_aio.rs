// SPDX-License-Identifier: GPL-2.0

//! Linux AIO, which the C library does not wrap.

use std::{
    os::fd::{AsFd, AsRawFd},
    ptr,
    time::Duration,
};

use nix::{errno::Errno, libc};

/// `IOCB_CMD_POLL`.
const POLL: u16 = 5;

/// `struct iocb` on a little-endian machine.
#[derive(Default)]
#[repr(C)]
struct ControlBlock {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buf: u64,
    nbytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    resfd: u32,
}

/// `struct io_event`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Event {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

/// A queue of requests.
pub struct Queue {
    context: libc::c_ulong,
}

impl Queue {
    /// Errors: `ENOSYS` if the kernel has no AIO.
    pub fn new() -> nix::Result<Self> {
        let mut context: libc::c_ulong = 0;
        // SAFETY: The pointer is to the context, which the kernel writes.
        let result = unsafe { libc::syscall(libc::SYS_io_setup, 4_u32, &raw mut context) };
        Errno::result(result)?;
        Ok(Self { context })
    }

    /// Starts to poll a file until it is readable.
    pub fn poll(&mut self, fd: impl AsFd) -> nix::Result<()> {
        let mut block = ControlBlock {
            opcode: POLL,
            fd: fd.as_fd().as_raw_fd() as u32,
            buf: libc::POLLIN as u64,
            ..ControlBlock::default()
        };
        let mut blocks = [&raw mut block];
        // SAFETY: The kernel copies the block during the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_submit,
                self.context,
                1_u64,
                blocks.as_mut_ptr(),
            )
        };
        Errno::result(result).map(drop)
    }

    /// Waits for the end of a request. Returns the number of requests that have ended.
    pub fn events(&mut self, timeout: Duration) -> nix::Result<usize> {
        let mut events = [Event::default(); 4];
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: The kernel writes at most 4 events, for which there is room.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.context,
                1_i64,
                4_i64,
                events.as_mut_ptr(),
                &raw const timeout,
            )
        };
        Errno::result(result).map(|count| count as usize)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: The context is that of this queue, and nothing uses it afterwards. The call
        // cancels its requests.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context, ptr::null::<u8>()) };
    }
}
