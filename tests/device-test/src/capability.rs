// SPDX-License-Identifier: GPL-2.0

//! Permissions: every process with an open file may query. A change requires that both the opener
//! and the writer have `CAP_NET_ADMIN`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use caps::{CapSet, Capability};
use nix::errno::Errno;

use crate::{
    child::Role,
    device::{self, expect_table, Device, Snapshot, NODE},
    tap::{equal, fail, same_text, skip, During, Group, Outcome, Test},
};

const TABLE: &str = "10.0.0.0/8 via 192.0.2.1\n::/0 dev eth0\n";

/// Every command that requires the capability, including changes that the table would refuse.
const CHANGES: &[&str] = &[
    "add 10.1.0.0/16 dev a",
    "10.1.0.0/16 dev a",
    "blackhole 10.1.0.0/16",
    "add 10.0.0.0/8 dev a",
    "change 10.0.0.0/8 dev a",
    "replace 10.0.0.0/8 dev a",
    "del 10.0.0.0/8",
    "del 10.9.0.0/16",
    "flush",
    "flush inet",
    "flush inet6",
    "begin",
    "begin reload",
    "commit",
];

/// Runs `body` in a thread without the capability. Each thread has its own credentials.
fn without_capability<T: Send>(body: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    let unprivileged = || {
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN)
            .during("dropping the capability")?;
        body()
    };
    thread::scope(|scope| scope.spawn(unprivileged).join().unwrap_or(fail("panicked")))
}

/// Checks that every change through the file fails with the message and changes nothing.
fn expect_denied(device: &Device, first_line: usize) -> Outcome {
    let before = Snapshot::now()?;
    for (command, number) in CHANGES.iter().zip(first_line..) {
        equal(
            *command,
            device.write(format!("{command}\n")),
            Err(Errno::EPERM),
        )?;
        let expected = format!("line {number}: changes require CAP_NET_ADMIN\n");
        same_text(
            format!("the message for {command}"),
            &device.answers()?,
            &expected,
        )?;
    }
    before.expect_unchanged()
}

fn expect_queries(device: &Device) -> Outcome {
    let answers = device.query("get 10.1.2.3\nshow inet6\n")?;
    same_text("the answers", &answers, TABLE)?;
    device.write_all("stats\nhelp\nshow ::/0\n")?;
    device.answers().map(drop)
}

fn queries_need_no_capability() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        expect_table(TABLE)?;
        expect_queries(&Device::open()?)
    })
}

fn changes_need_the_capability() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        let device = Device::open()?;
        expect_denied(&device, 1)?;
        expect_queries(&device)
    })
}

/// A denied change ends its write, as any bad line does.
fn denied_change_ends_its_write() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        let device = Device::open()?;
        equal(
            "write()",
            device.write("get 10.0.0.1\nflush\nget ::1\n"),
            Ok(13),
        )?;
        equal(
            "write() of the rest",
            device.write("flush\nget ::1\n"),
            Err(Errno::EPERM),
        )?;
        let expected = "10.0.0.0/8 via 192.0.2.1\nline 2: changes require CAP_NET_ADMIN\n";
        same_text("the answers", &device.answers()?, expected)
    })?;
    expect_table(TABLE)
}

fn malformed_change_is_einval() -> Outcome {
    without_capability(|| {
        let device = Device::open()?;
        equal(
            "write() of a malformed change",
            device.write("add 10.0.0.1/8 dev a\n"),
            Err(Errno::EINVAL),
        )?;
        same_text(
            "the message",
            &device.answers()?,
            "line 1: 10.0.0.1/8: host bits set; use 10.0.0.0/8\n",
        )
    })
}

fn unprivileged_writer_is_denied() -> Outcome {
    device::run(TABLE)?;
    let device = Device::open()?;
    without_capability(|| {
        expect_denied(&device, 1)?;
        expect_queries(&device)
    })?;
    // The privileged thread can still use the file.
    device.write_all("flush\n")?;
    expect_table("")
}

fn unprivileged_opener_is_denied() -> Outcome {
    device::run(TABLE)?;
    let device = without_capability(Device::open)?;
    expect_denied(&device, 1)?;
    expect_queries(&device)
}

/// The writer of the newline needs the capability; the writer of the rest does not matter.
fn writer_of_the_newline_counts() -> Outcome {
    device::run(TABLE)?;
    let device = Device::open()?;
    device.write_all("flush")?;
    without_capability(|| {
        equal(
            "write() of the newline",
            device.write("\n"),
            Err(Errno::EPERM),
        )
    })?;
    expect_table(TABLE)
}

/// The output of `Role::Attempt` for [`TABLE`] without the capability.
const ATTEMPT: &str = "\
get 10.1.2.3: ok
10.0.0.0/8 via 192.0.2.1
add 10.1.0.0/16 dev a: EPERM
line 2: changes require CAP_NET_ADMIN
flush: EPERM
line 3: changes require CAP_NET_ADMIN
show: ok
10.0.0.0/8 via 192.0.2.1
::/0 dev eth0
";

/// Gives everyone access to the node while `body` runs.
fn with_open_node<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let before = fs::metadata(NODE)?.permissions();
    fs::set_permissions(NODE, Permissions::from_mode(0o666))?;
    let result = body();
    fs::set_permissions(NODE, before)?;
    result
}

fn nobody_can_query_an_accessible_node() -> Outcome {
    device::run(TABLE)?;
    let found = with_open_node(|| Role::Attempt.run(None))?;
    same_text("the output of the child", &found, ATTEMPT)?;
    expect_table(TABLE)
}

fn nobody_can_query_an_inherited_file() -> Outcome {
    device::run(TABLE)?;
    let found = Role::AttemptInherited.run(Some(Device::open()?))?;
    same_text("the output of the child", &found, ATTEMPT)?;
    expect_table(TABLE)
}

/// The capability must be in the initial user namespace.
fn root_of_a_user_namespace_is_denied() -> Outcome {
    if !Path::new("/proc/self/ns/user").exists() {
        return skip("the kernel has no user namespaces");
    }
    device::run(TABLE)?;
    let found = with_open_node(|| Role::AttemptAsNamespaceRoot.run(None))?;
    same_text("the output of the child", &found, ATTEMPT)?;
    expect_table(TABLE)
}

/// Opens a file that monitors the table.
fn monitor() -> Outcome<Device> {
    let device = Device::open()?;
    device.write_all("monitor\n")?;
    Ok(device)
}

/// A table has at most 256 monitors. Openers without the capability can use 224 of them.
fn monitors_are_left_for_the_capability() -> Outcome {
    let monitors = || (0..224).map(|_| monitor()).collect::<Outcome<Vec<_>>>();
    let monitors = without_capability(monitors)?;
    let refused = without_capability(|| Ok(Device::open()?.write("monitor\n")))?;
    equal("one more monitor", refused, Err(Errno::EBUSY))?;
    equal("the monitors", monitors.len(), 224)?;
    monitor().map(drop)
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("queries do not require the capability", queries_need_no_capability),
    ("every change requires the capability", changes_need_the_capability),
    ("a denied change ends its write", denied_change_ends_its_write),
    ("a malformed change is EINVAL without the capability", malformed_change_is_einval),
    ("an unprivileged writer of a privileged file is denied", unprivileged_writer_is_denied),
    ("a privileged writer of an unprivileged file is denied", unprivileged_opener_is_denied),
    ("the writer of the newline must have the capability", writer_of_the_newline_counts),
    ("user nobody can query an accessible node and change nothing", nobody_can_query_an_accessible_node),
    ("user nobody can query an inherited file and change nothing", nobody_can_query_an_inherited_file),
    ("the last monitors are left for openers with the capability", monitors_are_left_for_the_capability),
    ("root of a user namespace is denied", root_of_a_user_namespace_is_denied),
];

pub fn tests() -> Vec<Test> {
    Test::group("capability", TESTS)
}
