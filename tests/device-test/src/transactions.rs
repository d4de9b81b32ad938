// SPDX-License-Identifier: GPL-2.0

//! Transactions: `begin`, `begin reload`, `commit` and `abort`.

use nix::{errno::Errno, fcntl::OFlag};

use crate::{
    device::{self, expect_table, scaled, Device, Stats},
    tap::{equal, same_text, During, Group, Outcome, Test},
};

/// The maximum number of changes in a transaction.
const MAX_CHANGES: u32 = 1 << 20;

const OLD: &str = "10.0.0.0/8 dev old\n";

/// The number of changes since the table was created.
fn generation() -> Outcome<u64> {
    Stats::now()?.get("generation")
}

fn is_refused(device: &Device, text: &str, errno: Errno, message: &str) -> Outcome {
    equal(text.trim_end(), device.write(text), Err(errno))?;
    same_text("the message", &device.answers()?, message)
}

fn changes_wait_for_commit() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    device.write_all("begin\n11.0.0.0/8 dev new\ndel 10.0.0.0/8\nchange 11.0.0.0/8 dev newer\n")?;
    expect_table(OLD)?;
    device.write_all("commit\n")?;
    expect_table("11.0.0.0/8 dev newer\n")?;
    device.close().during("close()")
}

/// Even in the transaction's own file, queries do not see its changes.
fn queries_ignore_the_transaction() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    device.write_all("begin\nflush\n11.0.0.0/8 dev new\n")?;
    same_text("show", &device.query("show\n")?, OLD)?;
    same_text("get", &device.query("get 10.0.0.1\n")?, OLD)?;
    let stats = Stats::parse(&device.query("stats\n")?)?;
    equal("routes", stats.get("routes_inet")?, 1)?;
    device.write_all("abort\n")
}

/// The message names the line of the change, not that of the commit. All lines are counted.
fn failed_commit_names_the_line() -> Outcome {
    device::run(OLD)?;
    let before = generation()?;
    let device = Device::open()?;
    device.write_all("begin\n# A comment.\n11.0.0.0/8 dev new\nget 10.0.0.1\n")?;
    same_text("get", &device.answers()?, OLD)?;
    device.write_all("\n10.0.0.0/8 dev b\n12.0.0.0/8 dev new\n")?;
    is_refused(
        &device,
        "commit\n",
        Errno::EEXIST,
        "line 6: 10.0.0.0/8: route exists\n",
    )?;
    expect_table(OLD)?;
    equal("changes", generation()?, before)?;
    let over = "line 9: no transaction is open; 'begin' opens one\n";
    is_refused(&device, "commit\n", Errno::EINVAL, over)?;
    device.close().during("close()")
}

/// The returned count of the write includes the lines before the commit.
fn failed_commit_ends_its_write() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    let accepted = "begin\ndel 11.0.0.0/8\n";
    let script = format!("{accepted}commit\nadd 12.0.0.0/8 dev a\n");
    equal("write()", device.write(&script), Ok(accepted.len()))?;
    let rest = &script[accepted.len()..];
    equal("write() of the rest", device.write(rest), Err(Errno::ESRCH))?;
    let message = "line 2: 11.0.0.0/8: no such route\n";
    same_text("the message", &device.answers()?, message)?;
    expect_table(OLD)?;
    device.close().during("close()")
}

fn abort_discards_changes() -> Outcome {
    device::run(OLD)?;
    for begin in ["begin", "begin reload"] {
        let before = generation()?;
        let device = Device::open()?;
        device.write_all(format!("{begin}\n11.0.0.0/8 dev new\nflush\nabort\n"))?;
        expect_table(OLD)?;
        equal("changes", generation()?, before)?;
        device.write_all("11.0.0.0/8 dev new\ndel 11.0.0.0/8\n")?;
        device.close().during("close()")?;
    }
    Ok(())
}

fn commands_in_the_wrong_state() -> Outcome {
    let device = Device::open()?;
    let none = "no transaction is open; 'begin' opens one\n";
    let open = "a transaction is open; 'commit' or 'abort' ends it\n";
    let line = |number: u32, message| format!("line {number}: {message}");
    is_refused(&device, "commit\n", Errno::EINVAL, &line(1, none))?;
    is_refused(&device, "abort\n", Errno::EINVAL, &line(2, none))?;
    device.write_all("begin\n")?;
    is_refused(&device, "begin\n", Errno::EBUSY, &line(4, open))?;
    is_refused(&device, "begin reload\n", Errno::EBUSY, &line(5, open))?;
    device.write_all("10.0.0.0/8 dev a\ncommit\n")?;
    expect_table("10.0.0.0/8 dev a\n")
}

fn bad_line_does_not_end_the_transaction() -> Outcome {
    let device = Device::open()?;
    device.write_all("begin\n10.0.0.0/8 dev a\n")?;
    let message = "line 3: 10.0.0.1/8: host bits set; use 10.0.0.0/8\n";
    is_refused(&device, "10.0.0.1/8 dev a\n", Errno::EINVAL, message)?;
    device.write_all("11.0.0.0/8 dev b\ncommit\n")?;
    expect_table("10.0.0.0/8 dev a\n11.0.0.0/8 dev b\n")
}

fn close_aborts() -> Outcome {
    device::run(OLD)?;
    for begin in ["begin", "begin reload"] {
        let device = Device::open()?;
        device.write_all(format!("{begin}\n11.0.0.0/8 dev new\n"))?;
        equal("close()", device.close(), Err(Errno::EINVAL))?;
        expect_table(OLD)?;
    }
    Ok(())
}

/// A third file without a transaction changes the table at once.
fn each_file_has_its_own() -> Outcome {
    let (one, other) = (Device::open()?, Device::open()?);
    one.write_all("begin\n10.0.0.0/8 dev one\n")?;
    other.write_all("begin reload\n11.0.0.0/8 dev other\n")?;
    device::run("12.0.0.0/8 dev third\n")?;
    expect_table("12.0.0.0/8 dev third\n")?;
    one.write_all("commit\n")?;
    expect_table("10.0.0.0/8 dev one\n12.0.0.0/8 dev third\n")?;
    other.write_all("commit\n")?;
    expect_table("11.0.0.0/8 dev other\n")
}

fn reload_replaces_all() -> Outcome {
    device::run("10.0.0.0/8 dev old\n::/0 dev old\n")?;
    let device = Device::open()?;
    device.write_all("begin reload\n10.0.0.0/8 dev new\n11.0.0.0/8 dev new\ndel 11.0.0.0/8\n")?;
    expect_table("10.0.0.0/8 dev old\n::/0 dev old\n")?;
    device.write_all("commit\n")?;
    expect_table("10.0.0.0/8 dev new\n")?;
    device.write_all("begin reload\ncommit\n")?;
    expect_table("")
}

/// A reload makes each change in its new table, so a bad change fails before the commit.
fn reload_reports_errors_at_once() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    device.write_all("begin reload\n11.0.0.0/8 dev new\n")?;
    let exists = "line 3: 11.0.0.0/8: route exists\n";
    is_refused(&device, "11.0.0.0/8 dev new\n", Errno::EEXIST, exists)?;
    let absent = "line 4: 10.0.0.0/8: no such route\n";
    is_refused(&device, "del 10.0.0.0/8\n", Errno::ESRCH, absent)?;
    device.write_all("commit\n")?;
    expect_table("11.0.0.0/8 dev new\n")
}

fn transaction_is_limited() -> Outcome {
    let device = Device::open()?;
    device.write_all("begin\n")?;
    let lines = "flush\n".repeat(1 << 12);
    for _ in 0..MAX_CHANGES >> 12 {
        device.write_all(&lines)?;
    }
    let message = format!(
        "line {}: a transaction holds at most {MAX_CHANGES} changes; 'begin reload' has no limit\n",
        MAX_CHANGES + 2
    );
    is_refused(&device, "flush\n", Errno::ENOSPC, &message)?;
    device.write_all("abort\n")
}

/// Makes all changes by one write to a file that is open for writing only.
fn many_changes() -> Outcome {
    let count = scaled(50_000);
    let lines = crate::routes::lines(count);
    for begin in ["begin", "begin reload"] {
        device::flush()?;
        let device = Device::open_as(OFlag::O_WRONLY).during("open()")?;
        device.write_all(format!("{begin}\n{lines}"))?;
        expect_table("")?;
        device.write_all("commit\n")?;
        expect_table(&lines)?;
    }
    Ok(())
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("changes wait for commit", changes_wait_for_commit),
    ("queries do not see the changes before commit", queries_ignore_the_transaction),
    ("a failed commit names the line of the change", failed_commit_names_the_line),
    ("a failed commit ends its write", failed_commit_ends_its_write),
    ("abort discards the changes", abort_discards_changes),
    ("commit, abort and begin fail in the wrong state", commands_in_the_wrong_state),
    ("a bad line does not end the transaction", bad_line_does_not_end_the_transaction),
    ("closing the file aborts the transaction", close_aborts),
    ("each file has its own transaction", each_file_has_its_own),
    ("a reload replaces all routes", reload_replaces_all),
    ("a reload reports errors before commit", reload_reports_errors_at_once),
    ("a transaction is limited to 1,048,576 changes", transaction_is_limited),
    ("commit makes many changes at once", many_changes),
];

pub fn tests() -> Vec<Test> {
    Test::group("transaction", TESTS)
}
