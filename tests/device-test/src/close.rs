// SPDX-License-Identifier: GPL-2.0

//! Closing a file whose last line has no newline.

use nix::errno::Errno;

use crate::{
    device::{self, expect_table, Device, Snapshot},
    tap::{equal, Group, Outcome, Test},
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

/// Each `close()` of a descriptor reports the unfinished line; only the last one discards it.
fn closing_a_duplicate_keeps_the_line() -> Outcome {
    let device = Device::open()?;
    let duplicate = device.duplicate()?;
    device.write_all("10.0.0.0/8 de")?;
    equal(
        "close() of the duplicate",
        duplicate.close(),
        Err(Errno::EINVAL),
    )?;
    device.write_all("v a\n")?;
    equal("close()", device.close(), Ok(()))?;
    expect_table("10.0.0.0/8 dev a\n")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("close() within a line is EINVAL and discards the line", missing_newline_is_einval),
    ("close() after whole lines, good or bad, succeeds", whole_lines_are_no_error),
    ("closing a duplicate is EINVAL and keeps the line", closing_a_duplicate_keeps_the_line),
];

pub fn tests() -> Vec<Test> {
    Test::group("close", TESTS)
}
