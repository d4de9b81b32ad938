// SPDX-License-Identifier: GPL-2.0

//! Signals during long calls: a signal ends a call early and loses nothing, and a killed writer
//! leaves a consistent table.

use std::{
    os::unix::process::ExitStatusExt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    libc,
    sys::{
        pthread::{pthread_kill, pthread_self},
        signal::{sigaction, SaFlags, SigAction, SigHandler, SigSet, Signal},
    },
};

use crate::{
    child::{self, Role},
    device::{self, expect_table, wait_until, Device, Stats},
    routes,
    tap::{ensure, equal, fail, same_text, During, Group, Outcome, Test},
};

extern "C" fn ignore(_signal: libc::c_int) {}

/// Runs `body` while another thread signals this one. The handler does nothing, and interrupted
/// system calls are not restarted.
pub fn under_signals<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let action = SigAction::new(
        SigHandler::Handler(ignore),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: The handler does nothing, so it is async-signal-safe.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.during("sigaction()")?;
    let this_thread = pthread_self();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                pthread_kill(this_thread, Signal::SIGUSR1)?;
                thread::sleep(Duration::from_millis(3));
            }
            Ok(())
        });
        let result = body();
        is_done.store(true, Ordering::Relaxed);
        sender.join().unwrap_or(fail("panicked"))?;
        result
    })
}

/// Repeats `attempt` until a signal interrupts a call. `attempt` returns the number of its calls.
fn until_interrupted(attempt: impl Fn() -> Outcome<usize>) -> Outcome {
    wait_until("a signal interrupts a call", || Ok(attempt()? > 1))
}

const ROUTES: u32 = 10_000;

/// Each interrupted `write()` returns an exact count, from which the next call continues.
fn interrupted_write() -> Outcome {
    let text = routes::lines(device::scaled(ROUTES));
    until_interrupted(|| {
        device::flush()?;
        let device = Device::open()?;
        let (mut written, mut calls) = (0, 0);
        under_signals(|| {
            while written < text.len() {
                let result = device.write(&text[written..]);
                let count = result.during(format!("write() after {written} bytes"))?;
                ensure("an interrupted write() returns more than 0", count > 0)?;
                (written, calls) = (written + count, calls + 1);
            }
            Ok(())
        })?;
        equal("bytes written", written, text.len())?;
        equal("messages", device.answers()?, String::new())?;
        device.close().during("close()")?;
        expect_table(&text)?;
        Ok(calls)
    })
}

/// Each interrupted `read()` returns an exact count, and the next call continues.
fn interrupted_read() -> Outcome {
    let text = routes::lines(device::scaled(ROUTES));
    device::run(&text)?;
    until_interrupted(|| {
        let device = Device::open_as(OFlag::O_RDONLY)?;
        let mut buffer = vec![0; text.len() + 1];
        let (mut read, mut calls) = (0, 0);
        under_signals(|| loop {
            match device
                .read(&mut buffer[read..])
                .during(format!("read() after {read} bytes"))?
            {
                0 => return Ok(()),
                count => (read, calls) = (read + count, calls + 1),
            }
        })?;
        same_text(
            "the table",
            &String::from_utf8_lossy(&buffer[..read]),
            &text,
        )?;
        Ok(calls)
    })
}

/// A child that is killed in its `write()` ends soon, and the table has its first routes.
fn killed_writer() -> Outcome {
    let mut child = Role::AddUntilKilled.start()?;
    let has_begun = wait_until("the child has added a route", || {
        Ok(Stats::now()?.get("routes_inet")? > 0)
    });
    child.kill().during("kill()")?;
    let start = Instant::now();
    let status = child.wait().during("wait()")?;
    has_begun?;
    equal(
        "the signal that ended the child",
        status.signal(),
        Some(Signal::SIGKILL as i32),
    )?;
    ensure(
        "the child ends within 2 s",
        start.elapsed() < Duration::from_secs(2),
    )?;
    let dump = device::dump()?;
    let count = dump.lines().count() as u32;
    ensure(
        "the child was killed in its write()",
        count > 0 && count < child::MANY,
    )?;
    same_text("the table", &dump, &routes::lines(count))?;
    equal(
        "routes in stats",
        Stats::now()?.get("routes_inet")?,
        count.into(),
    )?;
    device::run("replace 10.0.0.0/32 dev a\n")?;
    device::flush()?;
    equal("objects after a flush", Stats::now()?.get("objects")?, 0)
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("an interrupted write() can be continued", interrupted_write),
    ("an interrupted read() can be continued", interrupted_read),
    ("after a writer is killed, the table has the first routes it wrote", killed_writer),
];

pub fn tests() -> Vec<Test> {
    Test::group("signal", TESTS)
}
