// SPDX-License-Identifier: GPL-2.0

//! Calls on one file while another call of a second thread uses it: a signal ends their wait, and
//! `close()` does not wait.

use std::{sync::mpsc, thread, time::Duration};

use nix::{errno::Errno, fcntl::OFlag};

use crate::{
    device::{self, expect_table, Device, TIMEOUT},
    memory::{self, UnresolvedPage},
    routes,
    signals::under_signals,
    tap::{ensure, equal, fail, skip, During, Group, Outcome, Test},
};

/// Returns a transaction whose write takes long.
fn long_transaction() -> String {
    let routes = routes::lines(device::scaled(100_000));
    ["begin\n", &routes, "commit\nflush\n"].concat()
}

/// Writes `text`. Repeats the write on `EAGAIN`: if the file has `O_NONBLOCK`, another call can
/// have the turn.
fn write_in_turn(device: &Device, text: &str) -> Outcome {
    loop {
        match device.write(text) {
            Err(Errno::EAGAIN) => thread::yield_now(),
            written => return equal("the result of write()", written, Ok(text.len())),
        }
    }
}

/// Runs `body` repeatedly while another thread writes to the file.
fn while_writing(device: &Device, mut body: impl FnMut() -> Outcome) -> Outcome {
    let text = long_transaction();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_in_turn(device, &text));
        // The writer starts within this time.
        thread::sleep(Duration::from_millis(5));
        let mut result = Ok(());
        while !writer.is_finished() && result.is_ok() {
            result = body();
        }
        let written = writer.join().unwrap_or(fail("panicked"));
        result.and(written)
    })
}

/// A close() that waited for the write would end with it, so few would end before it. A busy machine
/// can delay the closing thread for a whole write, so the test tries again.
fn close_during_a_commit() -> Outcome {
    const CLOSED: usize = 4;
    const TRIES: usize = 10;
    let device = Device::open()?;
    let mut most = 0;
    for _ in 0..TRIES {
        let mut closed = 0;
        while_writing(&device, || {
            closed += 1;
            equal(
                "close() of the duplicate",
                device.duplicate()?.close(),
                Ok(()),
            )
        })?;
        most = most.max(closed);
        if most >= CLOSED {
            return Ok(());
        }
    }
    ensure(
        format!("{CLOSED} calls of close() end during a write: {most} did"),
        false,
    )
}

fn nonblocking_call() -> Outcome {
    let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
    let mut busy = 0;
    while_writing(&device, || {
        match (device.read(&mut [0; 16]), device.write("\n")) {
            (Err(Errno::EAGAIN), _) | (_, Err(Errno::EAGAIN)) => busy += 1,
            _ => (),
        }
        Ok(())
    })?;
    ensure("a call during the write fails with EAGAIN", busy > 0)
}

/// Does `body` while another thread waits for a page in a `write()` to the file.
fn beside_a_page_fault(device: &Device, body: impl FnOnce() -> Outcome) -> Outcome {
    let page = match UnresolvedPage::new() {
        Err(Errno::ENOSYS) => return skip("the kernel has no userfaultfd"),
        page => page.during("preparing the page")?,
    };
    thread::scope(|scope| {
        let address = page.address();
        let writer = scope.spawn(move || memory::write_from(device, address, 16));
        thread::sleep(Duration::from_millis(100));
        let is_waiting = !writer.is_finished();
        let result = body();
        // Unmapping the page makes its access fail.
        drop(page);
        let written = writer.join().unwrap_or(Err(Errno::UnknownErrno));
        result?;
        ensure("the write() waits for its page", is_waiting)?;
        equal("the write()", written, Err(Errno::EFAULT))
    })
}

fn close_beside_a_page_fault() -> Outcome {
    let device = Device::open()?;
    let duplicate = device.duplicate()?;
    let (closed, result) = mpsc::channel();
    beside_a_page_fault(&device, || {
        thread::spawn(move || closed.send(duplicate.close()));
        let result = result.recv_timeout(TIMEOUT).during("close()")?;
        equal("close()", result, Ok(()))
    })
}

fn interrupted_wait() -> Outcome {
    let device = Device::open()?;
    beside_a_page_fault(&device, || {
        let read = under_signals(|| Ok(device.read(&mut [0; 16])))?;
        equal("read()", read, Err(Errno::EINTR))?;
        let written = under_signals(|| Ok(device.write("10.0.0.0/8 dev a\n")))?;
        equal("write()", written, Err(Errno::EINTR))
    })?;
    expect_table("")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("close() does not wait for the commit of another thread", close_during_a_commit),
    ("O_NONBLOCK makes a call fail while another one runs", nonblocking_call),
    ("close() does not wait for the page fault of another thread", close_beside_a_page_fault),
    ("a signal ends the wait for another call", interrupted_wait),
];

pub fn tests() -> Vec<Test> {
    Test::group("turn", TESTS)
}
