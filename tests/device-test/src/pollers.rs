// SPDX-License-Identifier: GPL-2.0

//! Pollers: a change wakes those of the files that monitor the table. Their number delays no
//! updater.

use std::{
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        resource::{self, Resource},
    },
};

use crate::{
    device::{self, Device, Stats},
    ioctl::wait_generation,
    kernel_aio,
    tap::{ensure, equal, skip, During, Group, Outcome, Test},
};

/// The pollers of an attacker.
const POLLERS: usize = 1000;
/// The changes whose time is measured.
const CHANGES: u32 = 2000;
/// The time in which another thread starts its call.
const START: Duration = Duration::from_millis(50);

/// Opens a nonblocking file that monitors the table.
fn monitor() -> Outcome<Device> {
    let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
    device.write_all("monitor\n")?;
    Ok(device)
}

/// Opens a file without answers that does not monitor the table.
fn idle() -> Outcome<Device> {
    let device = Device::open()?;
    device.write_all("\n")?;
    Ok(device)
}

/// Makes an `epoll` file poll the device. It gets an event for each wakeup, because the device is
/// always writable.
fn poll_wakeups(device: &Device) -> Outcome<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    epoll.add(device.as_fd(), EpollEvent::new(events, 0))?;
    equal("the first event", wakeups(&epoll, START), Ok(1))?;
    Ok(epoll)
}

/// Waits for a wakeup. Returns the number of events.
fn wakeups(epoll: &Epoll, timeout: Duration) -> nix::Result<usize> {
    let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::MAX);
    epoll.wait(&mut [EpollEvent::empty(); 4], timeout)
}

fn only_monitors_wake() -> Outcome {
    let (watched, other) = (monitor()?, idle()?);
    let (watched_poller, other_poller) = (poll_wakeups(&watched)?, poll_wakeups(&other)?);
    device::run("add 10.0.0.0/8 dev a\n")?;
    let woken = wakeups(&watched_poller, device::TIMEOUT);
    equal("wakeups of the monitor's poller", woken, Ok(1))?;
    let woken = wakeups(&other_poller, START);
    equal("wakeups of the other file's poller", woken, Ok(0))
}

/// `epoll` registers once, before the file becomes a monitor.
fn poller_of_a_later_monitor() -> Outcome {
    let device = idle()?;
    let poller = poll_wakeups(&device)?;
    device.write_all("monitor\n")?;
    while wakeups(&poller, START)? > 0 {}
    device::run("add 10.0.0.0/8 dev a\n")?;
    equal("wakeups", wakeups(&poller, device::TIMEOUT), Ok(1))
}

fn closed_monitor() -> Outcome {
    let (first, second) = (monitor()?, monitor()?);
    let poller = poll_wakeups(&second)?;
    first.close().during("close()")?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    equal("wakeups", wakeups(&poller, device::TIMEOUT), Ok(1))?;
    let third = monitor()?;
    let poller = poll_wakeups(&third)?;
    device::run("del 10.0.0.0/8\n")?;
    equal("wakeups", wakeups(&poller, device::TIMEOUT), Ok(1))
}

/// Returns the time of [`CHANGES`] single changes.
fn time_changes() -> Outcome<Duration> {
    let device = Device::open()?;
    let start = Instant::now();
    for number in 0..device::scaled(CHANGES) {
        let verb = ["add", "del"][number as usize % 2];
        device.write_all(format!("{verb} 10.0.0.0/8 dev a\n"))?;
    }
    Ok(start.elapsed())
}

/// Returns the shortest of three times: other programs of the host lengthen some.
fn shortest_time() -> Outcome<Duration> {
    Ok(time_changes()?.min(time_changes()?).min(time_changes()?))
}

/// One file with many pollers: each wakeup wakes all of them. No task sleeps in them, so the test
/// measures the wakeups alone.
fn many_pollers() -> Outcome {
    let limit = POLLERS as u64 + 100;
    resource::setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
    let watched = monitor()?;
    let alone = shortest_time()?;
    let pollers = (0..POLLERS)
        .map(|_| poll_wakeups(&watched))
        .collect::<Outcome<Vec<_>>>();
    let pollers = pollers?;
    let beside = shortest_time()?;
    println!("# {CHANGES} changes take {alone:?}, and {beside:?} beside {POLLERS} pollers");
    drop(pollers);
    ensure(
        format!("pollers delay no updater: {beside:?}, {alone:?} without them"),
        beside < alone * 4 + Duration::from_millis(20),
    )
}

/// Tasks that wait for a generation are woken by the same worker.
fn many_waiters() -> Outcome {
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let known = Stats::now()?.get("generation")?;
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| wait_generation(&device, known, None)))
            .collect();
        thread::sleep(START);
        device::run("add 10.0.0.0/8 dev a\n")?;
        for waiter in waiters {
            let waited = waiter.join().unwrap_or(Err(Errno::UnknownErrno));
            equal("the wait", waited, Ok(known + 1))?;
        }
        Ok(())
    })
}

fn aio_poll() -> Outcome {
    let watched = monitor()?;
    let mut queue = match kernel_aio::Queue::new() {
        Err(Errno::ENOSYS) => return skip("the kernel has no AIO"),
        queue => queue.during("io_setup()")?,
    };
    queue.poll(&watched).during("io_submit()")?;
    equal("events without a change", queue.events(START), Ok(0))?;
    device::run("add 10.0.0.0/8 dev a\n")?;
    equal(
        "events after a change",
        queue.events(device::TIMEOUT),
        Ok(1),
    )
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a change wakes the pollers of monitors only", only_monitors_wake),
    ("a change wakes a poller that registered before the file monitors the table", poller_of_a_later_monitor),
    ("closing a monitor keeps the pollers of other monitors", closed_monitor),
    ("1,000 pollers delay no updater", many_pollers),
    ("a change wakes 100 tasks that wait for a generation", many_waiters),
    ("Linux AIO polls a monitor", aio_poll),
];

pub fn tests() -> Vec<Test> {
    Test::group("pollers", TESTS)
}
