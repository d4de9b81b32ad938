// SPDX-License-Identifier: GPL-2.0

//! Closing a file whose last line has no newline, or whose transaction is open. The last `close()`
//! reports it.

use std::process::Command;

use nix::errno::Errno;

use crate::{
    device::{self, expect_table, Device, Snapshot},
    tap::{ensure, equal, Group, Outcome, Test},
};

/// The line is discarded; it takes no effect now or in the next file.
fn missing_newline_is_einval() -> Outcome {
    device::run("10.0.0.0/8 via 192.0.2.1 dev eth0\n2001:db8::/32 via fe80::1 metric 20\n")?;
    let before = Snapshot::now()?;
    for unfinished in [
        "flush",
        "del 10.0.0.0/8",
        "10.9.0.0/16 dev a",
        "#",
        " ",
        "\r",
    ] {
        for whole in ["", "# comment\n", "get 10.0.0.1\n"] {
            let device = Device::open()?;
            device.write_all([whole, unfinished].concat())?;
            equal(
                format!("close() after '{unfinished}'"),
                device.close(),
                Err(Errno::EINVAL),
            )?;
            equal("the next file's answers", device::run("\n")?, String::new())?;
        }
    }
    before.expect_unchanged()
}

fn whole_lines_are_no_error() -> Outcome {
    for text in ["", "\n", "# comment\n", "help\n", "10.0.0.0/8 dev a\n"] {
        let device = Device::open()?;
        equal("write()", device.write(text), Ok(text.len()))?;
        equal(format!("close() after {text:?}"), device.close(), Ok(()))?;
    }
    let device = Device::open()?;
    equal(
        "write() of a bad line",
        device.write("bogus\n"),
        Err(Errno::EINVAL),
    )?;
    equal("close() after the bad line", device.close(), Ok(()))
}

/// A shell closes a duplicate after each redirected command.
fn closing_a_duplicate_keeps_the_line() -> Outcome {
    let device = Device::open()?;
    let duplicate = device.duplicate()?;
    device.write_all("10.0.0.0/8 de")?;
    equal("close() of the duplicate", duplicate.close(), Ok(()))?;
    device.write_all("v a\n")?;
    equal("close()", device.close(), Ok(()))?;
    expect_table("10.0.0.0/8 dev a\n")
}

fn closing_a_duplicate_keeps_the_transaction() -> Outcome {
    for begin in ["begin\n", "begin reload\n"] {
        let device = Device::open()?;
        device.write_all(begin)?;
        for line in ["replace 10.0.0.0/8 dev a\n", "replace 10.1.0.0/16 dev b\n"] {
            let duplicate = device.duplicate()?;
            duplicate.write_all(line)?;
            equal("close() of the duplicate", duplicate.close(), Ok(()))?;
        }
        device.write_all("commit\n")?;
        equal("close()", device.close(), Ok(()))?;
        expect_table("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n")?;
    }
    let (device, duplicate) = two_descriptors()?;
    device.write_all("begin\n")?;
    equal("the first close()", device.close(), Ok(()))?;
    equal("the last close()", duplicate.close(), Err(Errno::EINVAL))
}

fn two_descriptors() -> Outcome<(Device, Device)> {
    let device = Device::open()?;
    let duplicate = device.duplicate()?;
    Ok((device, duplicate))
}

/// `set -e` ends a shell whose redirection fails at `close()`.
fn shell_writes_a_transaction() -> Outcome {
    let script = "set -e; exec 3<>/dev/rust_rcu_demo; echo begin >&3; \
        printf '10.0.0.0/8 dev a\\n10.1.0.0/16 dev b\\n' | cat >&3; echo commit >&3; exec 3>&-";
    let status = Command::new("sh").args(["-c", script]).status()?;
    ensure(format!("the shell ends with {status}"), status.success())?;
    expect_table("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("close() within a line is EINVAL and discards the line", missing_newline_is_einval),
    ("close() after whole lines, good or bad, succeeds", whole_lines_are_no_error),
    ("closing a duplicate succeeds and keeps the line", closing_a_duplicate_keeps_the_line),
    ("closing a duplicate succeeds and keeps the transaction", closing_a_duplicate_keeps_the_transaction),
    ("a shell with set -e writes a transaction", shell_writes_a_transaction),
];

pub fn tests() -> Vec<Test> {
    Test::group("close", TESTS)
}
