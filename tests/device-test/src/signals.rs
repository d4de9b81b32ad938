// SPDX-License-Identifier: GPL-2.0

//! Long calls and signals: a signal ends a call early, nothing is lost, and a killed program leaves
//! a table that makes sense.

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
    device::{self, table_is, wait_until, Device, Stats},
    routes,
    tap::{ensure, equal, fail, same_text, During, Outcome, Test},
};

extern "C" fn ignore(_signal: libc::c_int) {}

/// Runs `body` while this thread gets signals whose handler does nothing and which restart no system
/// call.
fn under_signals<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let action = SigAction::new(
        SigHandler::Handler(ignore),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: The handler does nothing, so it may interrupt anything.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.during("sigaction()")?;
    let this_thread = pthread_self();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let pest = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                pthread_kill(this_thread, Signal::SIGUSR1)?;
                thread::sleep(Duration::from_millis(3));
            }
            Ok(())
        });
        let result = body();
        over.store(true, Ordering::Relaxed);
        pest.join().unwrap_or(fail("panicked"))?;
        result
    })
}

/// Does it again until a signal has come in the midst of a call: `attempt` says how many calls it
/// needed.
fn until_interrupted(attempt: impl Fn() -> Outcome<usize>) -> Outcome {
    wait_until("a signal comes within a call", || Ok(attempt()? > 1))
}

const ROUTES: u32 = 10_000;

/// A huge write is cut, each time with the exact count, and can be gone on with.
fn interrupted_write() -> Outcome {
    let text = routes::lines(device::at_speed(ROUTES));
    until_interrupted(|| {
        device::flush()?;
        let device = Device::open()?;
        let (mut written, mut calls) = (0, 0);
        under_signals(|| {
            while written < text.len() {
                let result = device.write(&text[written..]);
                let count = result.during(format!("write() after {written} bytes"))?;
                ensure("an interrupted write() takes something", count > 0)?;
                (written, calls) = (written + count, calls + 1);
            }
            Ok(())
        })?;
        equal("bytes written", written, text.len())?;
        equal("messages", device.answers()?, String::new())?;
        device.close().during("close()")?;
        table_is(&text)?;
        Ok(calls)
    })
}

/// The same for a read.
fn interrupted_read() -> Outcome {
    let text = routes::lines(device::at_speed(ROUTES));
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

/// A child that writes many routes in one call is killed in the midst of it: the routes up to some
/// point are there, and the child ends soon.
fn killed_writer() -> Outcome {
    let mut child = Role::AddUntilKilled.start()?;
    let begun = wait_until("the child writes", || {
        Ok(Stats::now()?.get("routes_inet")? > 0)
    });
    child.kill().during("kill()")?;
    let start = Instant::now();
    let status = child.wait().during("wait()")?;
    begun?;
    equal(
        "the signal that ended the child",
        status.signal(),
        Some(Signal::SIGKILL as i32),
    )?;
    ensure(
        "the child ended soon",
        start.elapsed() < Duration::from_secs(2),
    )?;
    let dump = device::dump()?;
    let count = dump.lines().count() as u32;
    ensure(
        "the child was in its write()",
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

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "signal: an interrupted write() can be gone on with",
            interrupted_write,
        ),
        Test::new(
            "signal: an interrupted read() can be gone on with",
            interrupted_read,
        ),
        Test::new("signal: a killed writer leaves whole routes", killed_writer),
    ]
}
