// SPDX-License-Identifier: GPL-2.0

//! The command `monitor`, and the ioctl that waits for a generation.

use std::{
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{self, PollFd, PollFlags, PollTimeout},
};

use crate::{
    device::{self, Device, Stats, TIMEOUT},
    ioctl::{self, wait_generation},
    routes,
    signals::under_signals,
    tap::{ensure, equal, fail, same_text, During, Group, Outcome, Test},
};

/// The number of changes that the module keeps.
const RING: u32 = 8192;
/// The maximum number of monitors.
const MONITORS: usize = 256;
/// The time in which another thread starts its call.
const START: Duration = Duration::from_millis(50);

/// Opens a nonblocking file and writes a command to it.
fn open(command: &str) -> Outcome<Device> {
    let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK).during("open()")?;
    device.write_all(command)?;
    Ok(device)
}

/// Reads all changes that the table has made so far.
fn changes(device: &Device) -> Outcome<String> {
    let (mut text, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match device.read(&mut piece) {
            Ok(0) => return fail("read() of a monitor returned 0"),
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(Errno::EAGAIN) => return String::from_utf8(text).during("decoding the changes"),
            Err(errno) => return fail(format!("read(): {errno}")),
        }
    }
}

fn each_change() -> Outcome {
    let monitor = open("monitor\n")?;
    device::run(
        "add 10.0.0.0/8 via 192.0.2.1 dev a metric 5\nreplace 10.0.0.0/8 dev b metric 5\n\
         replace 10.0.0.0/8 dev b metric 5\nchange 10.0.0.0/8 dev b metric 5\n\
         add ::/0 via fe80::1\nadd 10.0.0.0/8 dev c metric 7\ndel 10.0.0.0/8\n\
         blackhole 192.0.2.0/24\n",
    )?;
    device::run("flush inet6\nflush inet6\nflush\n")?;
    let expected = "10.0.0.0/8 via 192.0.2.1 dev a metric 5\n10.0.0.0/8 dev b metric 5\n\
        ::/0 via fe80::1\n10.0.0.0/8 dev c metric 7\nDeleted 10.0.0.0/8 dev b metric 5\n\
        blackhole 192.0.2.0/24\nFlushed inet6\nFlushed inet\n";
    same_text("the changes", &changes(&monitor)?, expected)
}

fn failed_change() -> Outcome {
    let monitor = open("monitor\n")?;
    let device = Device::open()?;
    for line in ["del 10.0.0.0/8\n", "change 10.0.0.0/8 dev a\n", "add x\n"] {
        ensure(line.trim_end(), device.write(line).is_err())?;
    }
    device.write_all("begin\nadd 10.0.0.0/8 dev a\nadd 10.0.0.0/8 dev a\n")?;
    equal("commit", device.write("commit\n"), Err(Errno::EEXIST))?;
    device.write_all("begin\nadd 10.0.0.0/8 dev a\nabort\n")?;
    same_text("the changes", &changes(&monitor)?, "")
}

fn one_transaction() -> Outcome {
    device::run("add 10.9.0.0/16 dev z\nadd 10.8.0.0/16 dev z\n")?;
    let monitor = open("monitor generation\n")?;
    let before = Stats::now()?.get("generation")?;
    device::run(
        "begin\nadd 10.0.0.0/8 dev a\nadd ::/0 dev b\nreplace 10.0.0.0/8 dev a\n\
         del 10.9.0.0/16\ndel ::/0\ncommit\n",
    )?;
    device::run(
        "begin\nadd 10.1.0.0/16 dev a\nadd ::/0 dev b\nflush inet\nadd 10.2.0.0/16 dev c\ncommit\n",
    )?;
    device::run("begin reload\nadd 10.3.0.0/16 dev a\ncommit\n")?;
    let generations = [before + 1, before + 2, before + 3];
    let expected = format!(
        "10.0.0.0/8 dev a\n::/0 dev b\nDeleted 10.9.0.0/16 dev z\nDeleted ::/0 dev b\n\
         Generation {}\n::/0 dev b\nFlushed inet\n10.2.0.0/16 dev c\nGeneration {}\n\
         Reloaded\nGeneration {}\n",
        generations[0], generations[1], generations[2]
    );
    same_text("the changes", &changes(&monitor)?, &expected)
}

fn equal_transaction() -> Outcome {
    device::run("add 10.0.0.0/8 dev a\n")?;
    let monitor = open("monitor generation\n")?;
    let before = Stats::now()?;
    let equals = "replace 10.0.0.0/8 dev a\n".repeat(8);
    device::run(["begin\n", &equals, "commit\n", &equals].concat())?;
    device::run("change 10.0.0.0/8 dev a\n")?;
    let after = Stats::now()?;
    let change = |name: &str| Ok::<_, crate::tap::Stop>(after.get(name)? - before.get(name)?);
    equal("unchanged in stats", change("unchanged")?, 17)?;
    equal("changes in stats", change("generation")?, 0)?;
    same_text("the changes", &changes(&monitor)?, "")
}

fn reader_waits() -> Outcome {
    let monitor = Device::open()?;
    monitor.write_all("monitor\n")?;
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut piece = [0; 64];
            let read = monitor.read(&mut piece)?;
            Ok::<_, Errno>(String::from_utf8_lossy(&piece[..read]).into_owned())
        });
        thread::sleep(START);
        let is_waiting = !reader.is_finished();
        device::run("add 10.0.0.0/8 dev a\n")?;
        let read = reader.join().unwrap_or(Err(Errno::UnknownErrno));
        ensure("read() waits without a change", is_waiting)?;
        equal("read()", read, Ok("10.0.0.0/8 dev a\n".to_owned()))
    })
}

/// This thread writes a query to the file while another thread waits in `read()` of it.
fn reader_waits_for_an_answer() -> Outcome {
    let monitor = Device::open()?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    monitor.write_all("monitor\n")?;
    thread::scope(|scope| {
        let reader = scope.spawn(|| monitor.read(&mut [0; 64]));
        thread::sleep(START);
        monitor.write_all("get 10.1.2.3\n")?;
        let read = reader.join().unwrap_or(Err(Errno::UnknownErrno));
        equal("read()", read, Ok("10.0.0.0/8 dev a\n".len()))
    })
}

fn interrupted_reader() -> Outcome {
    let monitor = Device::open()?;
    monitor.write_all("monitor\n")?;
    let read = under_signals(|| Ok(monitor.read(&mut [0; 16])))?;
    equal("read()", read, Err(Errno::EINTR))?;
    let known = Stats::now()?.get("generation")?;
    let waited = under_signals(|| Ok(wait_generation(&monitor, known, None)))?;
    equal("the wait for a generation", waited, Err(Errno::EINTR))
}

/// Waits until the file is readable. Returns false after a timeout.
fn is_readable(device: &Device, timeout: Duration) -> nix::Result<bool> {
    let mut files = [PollFd::new(device.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    Ok(poll::poll(&mut files, timeout)? == 1)
}

/// The poller starts before the file is a monitor: `poll()` registers only at its start.
fn poll_wakes() -> Outcome {
    let monitor = Device::open()?;
    monitor.write_all("\n")?;
    equal(
        "poll() without a change",
        is_readable(&monitor, Duration::ZERO),
        Ok(false),
    )?;
    thread::scope(|scope| {
        let start = Instant::now();
        let poller = scope.spawn(|| is_readable(&monitor, TIMEOUT));
        thread::sleep(START);
        monitor.write_all("monitor\n")?;
        thread::sleep(START);
        let is_waiting = !poller.is_finished();
        device::run("add 10.0.0.0/8 dev a\n")?;
        let polled = poller.join().unwrap_or(Err(Errno::UnknownErrno));
        ensure("poll() waits without a change", is_waiting)?;
        ensure("a change wakes poll()", start.elapsed() < TIMEOUT / 2)?;
        equal("poll() after a change", polled, Ok(true))
    })?;
    equal(
        "read()",
        monitor.read(&mut [0; 64]),
        Ok("10.0.0.0/8 dev a\n".len()),
    )?;
    equal(
        "poll() after the read()",
        is_readable(&monitor, Duration::ZERO),
        Ok(false),
    )
}

fn overrun() -> Outcome {
    let monitor = open("monitor\n")?;
    let text = routes::lines(RING + 100);
    device::run(["begin\n", &text, "commit\n"].concat())?;
    let expected: String = text.split_inclusive('\n').skip(100).collect();
    same_text(
        "the changes",
        &changes(&monitor)?,
        &["Overrun 100\n", &expected].concat(),
    )?;
    device::run("del 10.0.0.0/32\n")?;
    ensure(
        "changes after an overrun follow",
        changes(&monitor)?.starts_with("Deleted 10.0.0.0/32"),
    )
}

fn split_reads() -> Outcome {
    let monitor = open("monitor\n")?;
    let text = routes::lines(300);
    device::run(&text)?;
    let (mut read, mut piece) = (Vec::new(), [0; 7]);
    while let Ok(count) = monitor.read(&mut piece) {
        read.extend_from_slice(&piece[..count]);
    }
    same_text("the changes", &String::from_utf8_lossy(&read), &text)
}

fn answers_first() -> Outcome {
    let monitor = open("get 10.0.0.1\nmonitor\n").err();
    ensure("get without a route is an error", monitor.is_some())?;
    let monitor =
        open("add 10.0.0.0/8 dev a\nget 10.0.0.1\nmonitor\nadd 11.0.0.0/8 dev b\nadd x\n");
    ensure("a write() with a bad line is short", monitor.is_err())?;
    device::flush()?;
    let monitor = open("monitor\nadd 10.0.0.0/8 dev a\nget 10.0.0.1\n")?;
    same_text(
        "the answer and the change",
        &changes(&monitor)?,
        "10.0.0.0/8 dev a\n10.0.0.0/8 dev a\n",
    )?;
    equal("close()", monitor.close(), Ok(()))
}

fn many_monitors() -> Outcome {
    let monitors = (0..MONITORS)
        .map(|_| open("monitor\n"))
        .collect::<Outcome<Vec<_>>>()?;
    let another = Device::open()?;
    equal(
        "one more monitor",
        another.write("monitor\n"),
        Err(Errno::EBUSY),
    )?;
    same_text(
        "the message",
        &another.answers()?,
        "line 1: 256 files monitor the table; close one of them\n",
    )?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    for monitor in &monitors {
        same_text("the change", &changes(monitor)?, "10.0.0.0/8 dev a\n")?;
    }
    drop(monitors);
    another.write_all("monitor\nmonitor\n")
}

/// No thread reads the stream, and the updaters must not wait for one.
fn stopped_reader() -> Outcome {
    let _monitor = open("monitor\n")?;
    device::run(routes::lines(device::scaled(50_000)))?;
    equal(
        "routes in stats",
        Stats::now()?.get("routes_inet")?,
        device::scaled(50_000).into(),
    )
}

fn generations() -> Outcome {
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let known = Stats::now()?.get("generation")?;
    equal(
        "another generation",
        wait_generation(&device, known + 1, None),
        Ok(known),
    )?;
    let start = Instant::now();
    equal(
        "a timeout",
        wait_generation(&device, known, Some(30)),
        Err(Errno::ETIMEDOUT),
    )?;
    ensure(
        "the timeout takes 30 ms",
        start.elapsed() >= Duration::from_millis(30),
    )?;
    thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_generation(&device, known, None));
        thread::sleep(START);
        let is_waiting = !waiter.is_finished();
        device::run("begin\nadd 10.0.0.0/8 dev a\nadd 11.0.0.0/8 dev a\ncommit\n")?;
        let waited = waiter.join().unwrap_or(Err(Errno::UnknownErrno));
        ensure("the wait lasts without a change", is_waiting)?;
        equal("the wait", waited, Ok(known + 1))
    })?;
    for (flags, timeout_ms, reserved) in [(2, 0, 0), (0, 1, 0), (0, 0, 1)] {
        let mut args = ioctl::Wait {
            generation: known,
            timeout_ms,
            flags,
            reserved,
        };
        equal(
            "bad arguments",
            ioctl::wait(&device, &mut args),
            Err(Errno::EINVAL),
        )?;
    }
    let device = Device::open_as(OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
    let waited = wait_generation(&device, known + 1, None);
    equal("a wait with O_NONBLOCK", waited, Err(Errno::EAGAIN))
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("each change is a line in order", each_change),
    ("a failed or aborted change prints no line", failed_change),
    ("the changes of a transaction have one generation, and a reload is one line", one_transaction),
    ("a replace by an equal route prints no line, and stats count it", equal_transaction),
    ("read() waits for a change", reader_waits),
    ("an answer ends the wait of read() for a change", reader_waits_for_an_answer),
    ("a signal ends read() of a monitor, and the wait for a generation", interrupted_reader),
    ("poll() waits for a change, also if the file became a monitor meanwhile", poll_wakes),
    ("a slow reader gets the number of lost changes", overrun),
    ("reads shorter than a change return it in pieces", split_reads),
    ("a file that monitors also returns answers", answers_first),
    ("256 files can monitor the table", many_monitors),
    ("updaters do not wait for a reader that has stopped", stopped_reader),
    ("the ioctl waits until the generation changes", generations),
];

pub fn tests() -> Vec<Test> {
    Test::group("monitor", TESTS)
}
