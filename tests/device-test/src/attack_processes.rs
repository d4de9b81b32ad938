// SPDX-License-Identifier: GPL-2.0

//! Processes that could harm the machine: they pass open files to each other, wait while the module
//! is unloaded, are frozen, or fill the memory of their control group.

use std::{
    fs,
    io::{BufRead, BufReader, IoSlice, IoSliceMut},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::process::ExitStatusExt,
    },
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    kmod::{self, DeleteModuleFlags},
    poll::{self, PollFd, PollFlags, PollTimeout},
    sys::{
        signal::Signal,
        socket::{
            self, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
        },
    },
};

use crate::{
    child::Role,
    device::{self, wait_until, Device, Stats},
    ioctl,
    tap::{ensure, equal, fail, skip, During, Group, Outcome, Test},
};

/// The time in which another thread or process starts its call.
const START: Duration = Duration::from_millis(100);

/// Returns two connected sockets, or `None` if the kernel has no sockets.
fn sockets() -> Outcome<Option<(OwnedFd, OwnedFd)>> {
    let flags = SockFlag::SOCK_CLOEXEC;
    match socket::socketpair(AddressFamily::Unix, SockType::Datagram, None, flags) {
        Ok(sockets) => Ok(Some(sockets)),
        Err(Errno::ENOSYS | Errno::EAFNOSUPPORT) => Ok(None),
        Err(errno) => fail(format!("socketpair(): {errno}")),
    }
}

/// Sends a file through a socket, and closes it.
fn send(socket: &OwnedFd, device: Device) -> Outcome {
    let owned = OwnedFd::from(device);
    let files = [owned.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&files)];
    let bytes = [IoSlice::new(b"x")];
    socket::sendmsg::<()>(
        socket.as_raw_fd(),
        &bytes,
        &message,
        MsgFlags::empty(),
        None,
    )
    .during("sendmsg()")
    .map(drop)
}

fn receive(socket: &OwnedFd) -> Outcome<Device> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = socket::recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut space), flags);
    let message = message.during("recvmsg()")?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(files) = control {
            if let Some(&file) = files.first() {
                // SAFETY: The kernel has just opened the descriptor for this process.
                return Ok(unsafe { OwnedFd::from_raw_fd(file) }.into());
            }
        }
    }
    fail("the message has no file")
}

/// The file of an open transaction has no descriptor while it is in a socket.
fn passed_transaction() -> Outcome {
    let Some((from, to)) = sockets()? else {
        return skip("the kernel has no sockets");
    };
    let device = Device::open()?;
    device.write_all("begin\nadd 10.0.0.0/8 dev a\n")?;
    send(&from, device)?;
    device::expect_table("")?;
    let received = receive(&to)?;
    received.write_all("add 11.0.0.0/8 dev b\ncommit\n")?;
    equal("close()", received.close(), Ok(()))?;
    device::expect_table("10.0.0.0/8 dev a\n11.0.0.0/8 dev b\n")?;
    // No process receives this file, so closing the sockets aborts its transaction.
    let device = Device::open()?;
    device.write_all("monitor\nbegin reload\nadd 12.0.0.0/8 dev a\n")?;
    send(&from, device)?;
    drop((from, to));
    device::run("flush\n")?;
    wait_until("the transaction is aborted", || {
        Ok(Stats::now()?.get("next_hops")? == 0)
    })
}

/// Calls in which a task waits for a change.
fn wait_for_change(device: &Device, call: usize, known: u64) -> nix::Result<()> {
    match call {
        0 => device.read(&mut [0; 64]).map(drop),
        1 => ioctl::wait_generation(device, known, None).map(drop),
        _ => {
            use std::os::fd::AsFd;
            let mut files = [PollFd::new(device.as_fd(), PollFlags::POLLIN)];
            poll::poll(&mut files, PollTimeout::NONE).map(drop)
        }
    }
}

fn unload_while_tasks_wait() -> Outcome {
    let devices: Vec<_> = (0..3)
        .map(|_| {
            let device = Device::open()?;
            device.write_all("monitor\n")?;
            Ok(device)
        })
        .collect::<Outcome<_>>()?;
    let known = Stats::now()?.get("generation")?;
    thread::scope(|scope| {
        let waiting: Vec<_> = devices
            .iter()
            .enumerate()
            .map(|(call, device)| scope.spawn(move || wait_for_change(device, call, known)))
            .collect();
        thread::sleep(START);
        let unloaded = kmod::delete_module(c"rust_rcu_demo", DeleteModuleFlags::O_NONBLOCK);
        if unloaded.is_ok() {
            println!("Bail out! the module was unloaded while tasks use it");
            std::process::abort();
        }
        let is_waiting = waiting.iter().all(|task| !task.is_finished());
        device::run("add 10.0.0.0/8 dev a\n")?;
        for task in waiting {
            equal(
                "the call",
                task.join().unwrap_or(Err(Errno::UnknownErrno)),
                Ok(()),
            )?;
        }
        ensure("the tasks wait", is_waiting)?;
        equal("delete_module()", unloaded, Err(Errno::EWOULDBLOCK))
    })
}

/// A control group, which is removed on drop.
struct ControlGroup(PathBuf);

impl ControlGroup {
    const MOUNT: &str = "/tmp/device-test-cgroup";

    /// Creates a group with a controller. Returns `None` if the kernel lacks it.
    fn new(name: &str, file: &str) -> Outcome<Option<Self>> {
        let mount = PathBuf::from(Self::MOUNT);
        if !mount.join("cgroup.procs").exists() {
            fs::create_dir_all(&mount)?;
            let mounted = Command::new("mount")
                .args(["-t", "cgroup2", "none", Self::MOUNT])
                .output();
            if !mounted.during("starting mount")?.status.success() {
                return Ok(None);
            }
        }
        // Without the controller, the next check fails.
        let _ = fs::write(mount.join("cgroup.subtree_control"), "+memory");
        let this = Self(mount.join(name));
        fs::create_dir_all(&this.0)?;
        let has_file = this.0.join(file).exists();
        Ok(has_file.then_some(this))
    }

    fn set(&self, file: &str, value: &str) -> Outcome {
        fs::write(self.0.join(file), value).during(format!("writing {file}"))
    }

    fn figure(&self, file: &str, name: &str) -> Outcome<u64> {
        let text = fs::read_to_string(self.0.join(file)).during(format!("reading {file}"))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or("").parse().during(format!("parsing {name}"))
    }

    fn add(&self, child: &Child) -> Outcome {
        self.set("cgroup.procs", &child.id().to_string())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Waits for a line of a child.
fn expect_line(child: &mut Child) -> Outcome {
    let Some(output) = child.stdout.take() else {
        return fail("the child has no output");
    };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    equal("the child's line", line.trim(), "ready")
}

/// The memory of open files is charged to the group of their opener, so the kernel kills nothing
/// outside the group.
fn files_in_a_control_group() -> Outcome {
    let Some(group) = ControlGroup::new("memory", "memory.max")? else {
        return skip("the kernel has no memory control groups");
    };
    group.set("memory.max", "33554432")?;
    let _ = group.set("memory.swap.max", "0");
    let mut child = Role::OpenManyFiles.start_with_input()?;
    group.add(&child)?;
    drop(child.stdin.take());
    let status = child.wait()?;
    equal(
        "the child's end",
        status.signal(),
        Some(Signal::SIGKILL as i32),
    )?;
    let killed = group.figure("memory.events", "oom_kill")?;
    ensure("the kernel has killed the child for its group", killed > 0)?;
    device::run("add 10.0.0.0/8 dev a\nflush\n")?;
    // Without a limit, the child opens all its files.
    group.set("memory.max", "max")?;
    let mut child = Role::OpenManyFiles.start_with_input()?;
    group.add(&child)?;
    drop(child.stdin.take());
    let status = child.wait()?;
    equal("the child's end without a limit", status.code(), Some(0))?;
    let peak = fs::read_to_string(group.0.join("memory.peak")).during("reading memory.peak")?;
    let peak: u64 = peak.trim().parse().during("parsing memory.peak")?;
    // The buffer for written bytes has 8 KiB, and the rest of the state over 1 KiB.
    ensure(
        format!("9 KiB are charged for each file: {peak} bytes"),
        peak > 10_000 * 9 * 1024,
    )
}

/// A frozen process does not stop others, and continues its call.
fn frozen_reader() -> Outcome {
    let Some(group) = ControlGroup::new("freezer", "cgroup.freeze")? else {
        return skip("the kernel has no freezer");
    };
    let monitor = Device::open()?;
    monitor.write_all("monitor\n")?;
    let mut reader = Role::ReadMonitor.start_reporting(Some(monitor.duplicate()?))?;
    group.add(&reader)?;
    thread::sleep(START);
    freeze(&group)?;
    // Only a reader that waits is frozen: it gets the first change later.
    device::run("replace 10.0.0.0/8 dev a\n")?;
    equal("the frozen reader's end", reader.try_wait()?, None)?;
    equal(
        "close() of a duplicate",
        monitor.duplicate()?.close(),
        Ok(()),
    )?;
    Stats::now()?;
    group.set("cgroup.freeze", "0")?;
    equal("the reader's status", reader.wait()?.code(), Some(0))?;

    let mut committer = Role::CommitUntilKilled.start_reporting(None)?;
    expect_line(&mut committer)?;
    group.add(&committer)?;
    freeze(&group)?;
    device::run("replace 10.0.0.0/8 dev b\n")?;
    Stats::now()?;
    group.set("cgroup.freeze", "0")?;
    equal("the committer's status", committer.wait()?.code(), Some(0))
}

/// Freezes the processes of a group.
fn freeze(group: &ControlGroup) -> Outcome {
    group.set("cgroup.freeze", "1")?;
    wait_until("the processes are frozen", || {
        Ok(group.figure("cgroup.events", "frozen")? == 1)
    })
}

/// Calls an ioctl of this process as a 32-bit process does, and compares the result with its own
/// call on another file.
fn compat_calls() -> Outcome {
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK;
    let (native, compat) = (Device::open_as(flags)?, Device::open_as(flags)?);
    let mut low = match ioctl::Compat::new() {
        Err(Errno::ENOSYS) => return skip("the kernel has no 32-bit callers"),
        low => low.during("preparing memory")?,
    };
    for number in (0..20).chain([255]) {
        for direction in 0..4 {
            for size in [0, 7, 8, 16, 24, 28, 31, 32, 40, 47, 48, 88, 95, 96, 97, 200] {
                let request = (direction << 30) | (size << 16) | (0xd2 << 8) | number;
                for fill in [0, 1, 0xff] {
                    equal(
                        format!("ioctl {request:#x} of a 32-bit caller, bytes {fill}"),
                        low.compat(&compat, request, fill),
                        low.native(&native, request, fill),
                    )?;
                }
            }
        }
    }
    // BEGIN may have opened transactions.
    let _ = (native.close(), compat.close());
    device::flush()
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("an open transaction can be passed through a socket", passed_transaction),
    ("rmmod fails while tasks read, poll or wait for a change", unload_while_tasks_wait),
    ("10,000 open files are charged to their control group", files_in_a_control_group),
    ("a frozen reader and a frozen commit stop no other task", frozen_reader),
    ("a 32-bit caller gets the same errno of each ioctl", compat_calls),
];

pub fn tests() -> Vec<Test> {
    Test::group("attack", TESTS)
}
