// SPDX-License-Identifier: GPL-2.0

//! Who may do what: queries are for everyone who has the file, changes need `CAP_NET_ADMIN` of both
//! who opened it and who writes.

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
    device::{self, table_is, Device, Snapshot, NODE},
    tap::{equal, fail, same_text, skip, During, Outcome, Test},
};

const TABLE: &str = "10.0.0.0/8 via 192.0.2.1\n::/0 dev eth0\n";

/// Every command that changes the table, those that would fail anyway among them.
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

/// Runs `body` in a thread without the capability: credentials are each thread's own.
fn without_capability<T: Send>(body: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    let unprivileged = || {
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN)
            .during("dropping the capability")?;
        body()
    };
    thread::scope(|scope| scope.spawn(unprivileged).join().unwrap_or(fail("panicked")))
}

/// Every change must fail through the file, with its message, and change nothing.
fn changes_fail(device: &Device, first_line: usize) -> Outcome {
    let before = Snapshot::take()?;
    for (command, number) in CHANGES.iter().zip(first_line..) {
        equal(
            *command,
            device.write(format!("{command}\n")),
            Err(Errno::EPERM),
        )?;
        let wanted = format!("line {number}: changes require CAP_NET_ADMIN\n");
        same_text(
            format!("the message for {command}"),
            &device.answers()?,
            &wanted,
        )?;
    }
    before.still_holds()
}

fn queries_succeed(device: &Device) -> Outcome {
    let answers = device.ask("get 10.1.2.3\nshow inet6\n")?;
    same_text("the answers", &answers, TABLE)?;
    device.feed("stats\nhelp\nshow ::/0\n")?;
    device.answers().map(drop)
}

fn queries_need_no_capability() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        table_is(TABLE)?;
        queries_succeed(&Device::open()?)
    })
}

fn changes_need_the_capability() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        let device = Device::open()?;
        changes_fail(&device, 1)?;
        queries_succeed(&device)
    })
}

/// A refused change within a write stops it as any bad line does.
fn refusal_within_a_write() -> Outcome {
    device::run(TABLE)?;
    without_capability(|| {
        let device = Device::open()?;
        equal(
            "write()",
            device.write("get 10.0.0.1\nflush\nget ::1\n"),
            Ok(13),
        )?;
        equal(
            "the next write()",
            device.write("get ::1\n"),
            Err(Errno::EPERM),
        )?;
        let wanted = "10.0.0.0/8 via 192.0.2.1\nline 2: changes require CAP_NET_ADMIN\n";
        same_text("the answers", &device.answers()?, wanted)
    })?;
    table_is(TABLE)
}

/// A malformed change is malformed for everyone.
fn malformed_before_denied() -> Outcome {
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

fn unprivileged_writer_of_a_privileged_file() -> Outcome {
    device::run(TABLE)?;
    let device = Device::open()?;
    without_capability(|| {
        changes_fail(&device, 1)?;
        queries_succeed(&device)
    })?;
    // The file was not spoilt by it.
    device.feed("flush\n")?;
    table_is("")
}

fn privileged_writer_of_an_unprivileged_file() -> Outcome {
    device::run(TABLE)?;
    let device = without_capability(Device::open)?;
    changes_fail(&device, 1)?;
    queries_succeed(&device)
}

/// Who begins the line does not matter, who ends it does.
fn line_ended_by_an_unprivileged_writer() -> Outcome {
    device::run(TABLE)?;
    let device = Device::open()?;
    device.feed("flush")?;
    without_capability(|| equal("the newline", device.write("\n"), Err(Errno::EPERM)))?;
    table_is(TABLE)
}

/// What `Role::Attempt` prints of a table that it may query and not change.
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

/// Opens the node to everyone for as long as `body` runs.
fn with_open_node<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let before = fs::metadata(NODE)?.permissions();
    fs::set_permissions(NODE, Permissions::from_mode(0o666))?;
    let result = body();
    fs::set_permissions(NODE, before)?;
    result
}

fn nobody_with_an_open_node() -> Outcome {
    device::run(TABLE)?;
    let found = with_open_node(|| Role::Attempt.run(None))?;
    same_text("what nobody could do", &found, ATTEMPT)?;
    table_is(TABLE)
}

fn nobody_with_an_inherited_file() -> Outcome {
    device::run(TABLE)?;
    let found = Role::AttemptInherited.run(Some(Device::open()?))?;
    same_text("what nobody could do", &found, ATTEMPT)?;
    table_is(TABLE)
}

/// The capability in a user namespace of one's own is worth nothing here.
fn root_of_a_user_namespace() -> Outcome {
    if !Path::new("/proc/self/ns/user").exists() {
        return skip("the kernel has no user namespaces");
    }
    device::run(TABLE)?;
    let found = with_open_node(|| Role::AttemptAsNamespaceRoot.run(None))?;
    same_text("what it could do", &found, ATTEMPT)?;
    table_is(TABLE)
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("capability: queries need none", queries_need_no_capability),
        Test::new(
            "capability: every change needs it",
            changes_need_the_capability,
        ),
        Test::new(
            "capability: a refusal ends its write",
            refusal_within_a_write,
        ),
        Test::new(
            "capability: a malformed change is EINVAL first",
            malformed_before_denied,
        ),
        Test::new(
            "capability: unprivileged writer of a privileged file",
            unprivileged_writer_of_a_privileged_file,
        ),
        Test::new(
            "capability: privileged writer of an unprivileged file",
            privileged_writer_of_an_unprivileged_file,
        ),
        Test::new(
            "capability: who ends the line counts",
            line_ended_by_an_unprivileged_writer,
        ),
        Test::new(
            "capability: nobody with an open node",
            nobody_with_an_open_node,
        ),
        Test::new(
            "capability: nobody with an inherited file",
            nobody_with_an_inherited_file,
        ),
        Test::new(
            "capability: root of a user namespace is not enough",
            root_of_a_user_namespace,
        ),
    ]
}
