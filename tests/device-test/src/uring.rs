// SPDX-License-Identifier: GPL-2.0

//! The device through io_uring: reads and writes in the kernel's worker threads, polls, and their
//! cancellation.

use std::{
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};

use io_uring::{opcode, squeue::Entry, types, IoUring};
use nix::{errno::Errno, fcntl::OFlag, libc};

use crate::{
    device::{self, Device},
    tap::{ensure, equal, fail, skip, During, Group, Outcome, Test},
};

/// The time in which a worker thread starts its call.
const START: Duration = Duration::from_millis(100);

/// Requests whose memory the tests own until the ring is dropped.
struct Ring(IoUring);

impl Ring {
    /// Skips the test if the kernel has no io_uring.
    fn new() -> Outcome<Self> {
        match IoUring::new(8) {
            Ok(ring) => Ok(Self(ring)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                skip("the kernel has no io_uring")
            }
            Err(error) => fail(format!("io_uring_setup(): {error}")),
        }
    }

    /// Starts a request. Its memory must live longer than the ring.
    fn start(&mut self, request: Entry) -> Outcome {
        // SAFETY: The tests declare the memory of a request before the ring, so that the ring's
        // drop ends the request first.
        let pushed = unsafe { self.0.submission().push(&request) };
        pushed.during("queueing a request")?;
        self.0.submit().during("io_uring_enter()").map(drop)
    }

    /// Waits for the end of a request. Returns the data that identify it, and its result.
    fn end(&mut self) -> Outcome<(u64, i32)> {
        let timeout = types::Timespec::from(device::TIMEOUT);
        let arguments = types::SubmitArgs::new().timespec(&timeout);
        self.0
            .submitter()
            .submit_with_args(1, &arguments)
            .during("io_uring_enter()")?;
        match self.0.completion().next() {
            Some(end) => Ok((end.user_data(), end.result())),
            None => fail("the request does not end"),
        }
    }

    /// Checks that no request has ended.
    fn expect_nothing(&mut self) -> Outcome {
        std::thread::sleep(START);
        equal("ended requests", self.0.completion().len(), 0)
    }
}

fn fd(device: &Device) -> types::Fd {
    types::Fd(device.as_fd().as_raw_fd())
}

fn read(device: &Device, into: &mut [u8]) -> Entry {
    opcode::Read::new(fd(device), into.as_mut_ptr(), into.len() as u32)
        .offset(u64::MAX)
        .build()
}

fn write_and_read() -> Outcome {
    let device = Device::open()?;
    let line = b"add 10.0.0.0/8 dev a\nget 10.1.2.3\n";
    let mut answer = [0; 64];
    let mut ring = Ring::new()?;
    let write = opcode::Write::new(fd(&device), line.as_ptr(), line.len() as u32);
    ring.start(write.offset(u64::MAX).build().user_data(1))?;
    equal("the write", ring.end()?, (1, line.len() as i32))?;
    ring.start(read(&device, &mut answer).user_data(2))?;
    equal(
        "the read",
        ring.end()?,
        (2, "10.0.0.0/8 dev a\n".len() as i32),
    )
}

fn read_of_a_monitor() -> Outcome {
    let device = Device::open()?;
    device.write_all("monitor\n")?;
    let mut change = [0; 64];
    let mut ring = Ring::new()?;
    ring.start(read(&device, &mut change).user_data(1))?;
    ring.expect_nothing()?;
    equal(
        "close() of a duplicate",
        device.duplicate()?.close(),
        Ok(()),
    )?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    equal(
        "the read",
        ring.end()?,
        (1, "10.0.0.0/8 dev a\n".len() as i32),
    )
}

fn cancelled_read() -> Outcome {
    let device = Device::open()?;
    device.write_all("monitor\n")?;
    let mut change = [0; 64];
    let mut ring = Ring::new()?;
    ring.start(read(&device, &mut change).user_data(1))?;
    ring.expect_nothing()?;
    ring.start(opcode::AsyncCancel::new(1).build().user_data(2))?;
    for _ in 0..2 {
        match ring.end()? {
            (1, result) => ensure(
                format!("the read is cancelled: {result}"),
                [-libc::EINTR, -libc::ECANCELED].contains(&result),
            )?,
            // The worker is in the call, so the cancellation interrupts it.
            (_, result) => ensure(
                format!("the cancellation succeeds: {result}"),
                [0, -libc::EALREADY].contains(&result),
            )?,
        }
    }
    // Dropping a ring cancels its requests, so that the file can be closed.
    ring.start(read(&device, &mut change).user_data(3))?;
    drop(ring);
    device.write_all("get 10.0.0.1\n").err();
    equal("close()", device.close(), Ok(()))
}

fn poll_of_a_monitor() -> Outcome {
    let device = Device::open()?;
    device.write_all("monitor\n")?;
    let mut ring = Ring::new()?;
    let poll = opcode::PollAdd::new(fd(&device), libc::POLLIN as u32).build();
    ring.start(poll.user_data(1))?;
    ring.expect_nothing()?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    let (_, events) = ring.end()?;
    ensure(
        "the poll reports a change",
        events & i32::from(libc::POLLIN) != 0,
    )
}

fn absent_operations() -> Outcome {
    let device = Device::open_as(OFlag::O_RDWR)?;
    let mut ring = Ring::new()?;
    ring.start(opcode::UringCmd16::new(fd(&device), 1).build())?;
    equal("a command", ring.end()?.1, -(Errno::EOPNOTSUPP as i32))?;
    ring.start(opcode::Fsync::new(fd(&device)).build())?;
    equal("fsync", ring.end()?.1, -(Errno::EINVAL as i32))?;
    ring.start(opcode::Fallocate::new(fd(&device), 4096).build())?;
    ensure("fallocate fails", ring.end()?.1 < 0)
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a write and a read", write_and_read),
    ("a read of a monitor waits for a change", read_of_a_monitor),
    ("a read of a monitor can be cancelled", cancelled_read),
    ("a poll of a monitor waits for a change", poll_of_a_monitor),
    ("operations that the device lacks fail", absent_operations),
];

pub fn tests() -> Vec<Test> {
    Test::group("io_uring", TESTS)
}
