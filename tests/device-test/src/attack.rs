// SPDX-License-Identifier: GPL-2.0

//! Calls by which a process could try to harm the machine: bad ioctls, operations that the device
//! lacks, and several threads on one file. Processes are stopped and killed in a call.

use std::{
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::Child,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{self, FallocateFlags, FcntlArg, OFlag},
    sys::{
        signal::{self, Signal},
        uio,
    },
    unistd::{self, Pid, Whence},
};

use crate::{
    child::Role,
    device::{self, wait_until, Device},
    ioctl::{self, Canary},
    tap::{ensure, equal, fail, During, Group, Outcome, Test},
};

/// The sizes of the known ioctls, neighbouring sizes, and the limits of the size field.
const SIZES: [u32; 28] = [
    0, 1, 4, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40, 47, 48, 72, 87, 88, 95, 96, 97,
    4095, 4096, 16383,
];

/// The errnos of a bad ioctl.
const REFUSALS: [Errno; 7] = [
    Errno::ENOTTY,
    Errno::EINVAL,
    Errno::E2BIG,
    Errno::EFAULT,
    Errno::EAGAIN,
    Errno::EBUSY,
    Errno::ESRCH,
];

/// Calls an ioctl, and checks its errno and the bytes around its structure.
fn try_ioctl(device: &Device, canary: &mut Canary, request: u32, fill: u8) -> Outcome {
    let size = ((request >> 16) & 0x3fff) as usize;
    for align in [0, 1] {
        let (result, is_intact) = canary.call(device, request, size, align, fill);
        if let Err(errno) = result {
            ensure(format!("{request:#x}: {errno}"), REFUSALS.contains(&errno))?;
        }
        ensure(
            format!("{request:#x} writes within its structure"),
            is_intact,
        )?;
    }
    for address in [0, 8, 1 << 47, 1 << 63, usize::MAX - 7] {
        match ioctl::with_address(device, request, address) {
            Err(errno) if REFUSALS.contains(&errno) => (),
            // ABORT has no argument.
            Ok(()) if size == 0 => (),
            other => return fail(format!("{request:#x} at {address:#x}: {other:?}")),
        }
    }
    Ok(())
}

/// Passes structures of zeros and of ones, aligned and unaligned.
fn every_ioctl() -> Outcome {
    let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
    let mut canary = Canary::new().during("preparing memory")?;
    for number in (0..20).chain([127, 255]) {
        for direction in 0..4 {
            for size in SIZES {
                let request = (direction << 30) | (size << 16) | (0xd2 << 8) | number;
                for fill in [0, 0xff] {
                    try_ioctl(&device, &mut canary, request, fill)?;
                }
            }
        }
    }
    // BEGIN with a structure of zeros is valid, so the close may abort a transaction.
    let _ = device.close();
    device::expect_table("")
}

fn absent_operations() -> Outcome {
    let device = Device::open()?;
    let mut piece = [0; 16];
    equal(
        "pread()",
        uio::pread(&device, &mut piece, 7),
        Err(Errno::ESPIPE),
    )?;
    equal(
        "pwrite()",
        uio::pwrite(&device, b"flush\n", -1),
        Err(Errno::EINVAL),
    )?;
    equal(
        "pwrite()",
        uio::pwrite(&device, b"flush\n", 1),
        Err(Errno::ESPIPE),
    )?;
    equal(
        "lseek()",
        unistd::lseek(&device, 1, Whence::SeekSet),
        Err(Errno::ESPIPE),
    )?;
    equal(
        "ftruncate()",
        unistd::ftruncate(&device, 0),
        Err(Errno::EINVAL),
    )?;
    equal("fsync()", unistd::fsync(&device), Err(Errno::EINVAL))?;
    let allocated = fcntl::fallocate(&device, FallocateFlags::empty(), 0, 4096);
    ensure("fallocate() fails", allocated.is_err())?;
    equal("mmap()", ioctl::map(&device), Err(Errno::ENODEV))?;
    let (from, to) = unistd::pipe()?;
    equal(
        "splice() from the device",
        ioctl::splice(&device, &to),
        Err(Errno::EINVAL),
    )?;
    unistd::write(&to, b"flush\n")?;
    equal(
        "splice() to the device",
        ioctl::splice(&from, &device),
        Err(Errno::EINVAL),
    )?;
    let path = Device::open_as(OFlag::O_PATH)?;
    equal("read() by O_PATH", path.read(&mut piece), Err(Errno::EBADF))?;
    equal(
        "ioctl() by O_PATH",
        ioctl::wait_generation(&path, 1, None),
        Err(Errno::EBADF),
    )
}

/// A call tests `O_NONBLOCK` once, so a reader that waits continues when another thread sets it.
fn flags_in_flight() -> Outcome {
    let device = Device::open()?;
    device.write_all("monitor\n")?;
    thread::scope(|scope| {
        let reader = scope.spawn(|| device.read(&mut [0; 64]));
        thread::sleep(Duration::from_millis(30));
        fcntl::fcntl(
            &device,
            FcntlArg::F_SETFL(OFlag::O_NONBLOCK | OFlag::O_ASYNC),
        )?;
        equal(
            "another read()",
            device.read(&mut [0; 64]),
            Err(Errno::EAGAIN),
        )?;
        device::run("add 10.0.0.0/8 dev a\n")?;
        let read = reader.join().unwrap_or(Err(Errno::UnknownErrno));
        equal(
            "the read() that waited",
            read,
            Ok("10.0.0.0/8 dev a\n".len()),
        )
    })
}

fn signal_to(child: &Child, signal: Signal) -> Outcome {
    signal::kill(Pid::from_raw(child.id() as i32), signal).during("kill()")
}

/// Starts a child that reads the monitor, and waits until it sleeps.
fn start_monitor(device: &Device) -> Outcome<Child> {
    device.write_all("monitor\n")?;
    let child = Role::ReadMonitor.start_reporting(Some(device.duplicate()?))?;
    let stat = format!("/proc/{}/stat", child.id());
    wait_until("the child waits for a change", || {
        Ok(std::fs::read_to_string(&stat)?.contains(") S "))
    })?;
    Ok(child)
}

fn stopped_reader() -> Outcome {
    let device = Device::open()?;
    let mut child = start_monitor(&device)?;
    for _ in 0..10 {
        signal_to(&child, Signal::SIGSTOP)?;
        signal_to(&child, Signal::SIGCONT)?;
    }
    device::run("add 10.0.0.0/8 dev a\n")?;
    equal("the child's status", child.wait()?.code(), Some(0))
}

/// A killed reader frees its monitor, even if its file has an open transaction and answers.
fn killed_readers() -> Outcome {
    for _ in 0..20 {
        let device = Device::open()?;
        device.write_all("begin reload\nadd 10.0.0.0/8 dev a\n")?;
        let mut child = start_monitor(&device)?;
        device.write_all("show\nhelp\nstats\nbeg")?;
        drop(device);
        signal_to(&child, Signal::SIGKILL)?;
        let status = child.wait()?;
        let is_over = status.code() == Some(0) || status.signal() == Some(Signal::SIGKILL as i32);
        ensure("the child ends", is_over)?;
    }
    let monitors = (0..256).map(|_| {
        let device = Device::open()?;
        device.write_all("monitor\n")?;
        Ok(device)
    });
    monitors.collect::<Outcome<Vec<_>>>().map(drop)
}

/// Several threads call everything on one file at once.
fn one_file() -> Outcome {
    let device = Device::open_as(OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
    let lines = [
        "begin\n",
        "monitor\n",
        "add 10.0.0.0/8 dev a\n",
        "commit\nflush\n",
        "show\nabort\n",
        "x",
    ];
    thread::scope(|scope| {
        for thread in 0..4 {
            let device = &device;
            scope.spawn(move || {
                for step in 0..300 {
                    let _ = device.write(lines[(step + thread) % lines.len()]);
                    let _ = device.read(&mut [0; 200]);
                    let _ = ioctl::wait_generation(device, step as u64, Some(0));
                    let duplicate = device.as_fd().try_clone_to_owned();
                    drop(duplicate);
                }
            });
        }
    });
    let _ = device.close();
    device::flush()?;
    device::expect_table("")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a bad ioctl fails with a known errno and writes nothing outside its structure", every_ioctl),
    ("operations that the device lacks fail", absent_operations),
    ("O_NONBLOCK does not end a read() that waits", flags_in_flight),
    ("a reader that is stopped and continued gets its change", stopped_reader),
    ("a reader that is killed frees its monitor", killed_readers),
    ("threads can make any calls on one file at once", one_file),
];

pub fn tests() -> Vec<Test> {
    Test::group("attack", TESTS)
}
