// SPDX-License-Identifier: GPL-2.0

//! `begin`, `begin reload`, `commit` and `abort`: all that lies between happens at once, or nothing.

use nix::{errno::Errno, fcntl::OFlag};

use crate::{
    device::{self, at_speed, table_is, Device, Stats},
    tap::{equal, same_text, During, Outcome, Test},
};

/// How many changes wait for a commit at most.
const MAX_CHANGES: u32 = 1 << 20;

const OLD: &str = "10.0.0.0/8 dev old\n";

/// How many changes there have been.
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
    device.feed("begin\n11.0.0.0/8 dev new\ndel 10.0.0.0/8\nchange 11.0.0.0/8 dev newer\n")?;
    table_is(OLD)?;
    device.feed("commit\n")?;
    table_is("11.0.0.0/8 dev newer\n")?;
    device.close().during("close()")
}

/// Queries see what serves packets, in the file of the transaction as well.
fn queries_see_the_table() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    device.feed("begin\nflush\n11.0.0.0/8 dev new\n")?;
    same_text("show", &device.ask("show\n")?, OLD)?;
    same_text("get", &device.ask("get 10.0.0.1\n")?, OLD)?;
    let stats = Stats::parse(&device.ask("stats\n")?)?;
    equal("routes", stats.get("routes_inet")?, 1)?;
    device.feed("abort\n")
}

/// The commit fails, but the line at fault is another; comments and queries count as lines.
fn a_failing_line_is_named() -> Outcome {
    device::run(OLD)?;
    let before = generation()?;
    let device = Device::open()?;
    device.feed("begin\n# A comment.\n11.0.0.0/8 dev new\nget 10.0.0.1\n")?;
    same_text("get", &device.answers()?, OLD)?;
    device.feed("\n10.0.0.0/8 dev b\n12.0.0.0/8 dev new\n")?;
    is_refused(
        &device,
        "commit\n",
        Errno::EEXIST,
        "line 6: 10.0.0.0/8: route exists\n",
    )?;
    table_is(OLD)?;
    equal("changes", generation()?, before)?;
    let over = "line 9: no transaction is open; 'begin' opens one\n";
    is_refused(&device, "commit\n", Errno::EINVAL, over)?;
    device.close().during("close()")
}

/// In one write, as from a script: up to the commit all was taken.
fn a_failing_commit_within_a_write() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    let taken = "begin\ndel 11.0.0.0/8\n";
    let script = format!("{taken}commit\nadd 12.0.0.0/8 dev a\n");
    equal("write()", device.write(script), Ok(taken.len()))?;
    equal("the next", device.write("\n"), Err(Errno::ESRCH))?;
    let message = "line 2: 11.0.0.0/8: no such route\n";
    same_text("the message", &device.answers()?, message)?;
    table_is(OLD)?;
    device.close().during("close()")
}

fn abort_forgets() -> Outcome {
    device::run(OLD)?;
    for begin in ["begin", "begin reload"] {
        let before = generation()?;
        let device = Device::open()?;
        device.feed(format!("{begin}\n11.0.0.0/8 dev new\nflush\nabort\n"))?;
        table_is(OLD)?;
        equal("changes", generation()?, before)?;
        device.feed("11.0.0.0/8 dev new\ndel 11.0.0.0/8\n")?;
        device.close().during("close()")?;
    }
    Ok(())
}

fn what_is_out_of_place() -> Outcome {
    let device = Device::open()?;
    let none = "no transaction is open; 'begin' opens one\n";
    let open = "a transaction is open; 'commit' or 'abort' ends it\n";
    let line = |number: u32, message| format!("line {number}: {message}");
    is_refused(&device, "commit\n", Errno::EINVAL, &line(1, none))?;
    is_refused(&device, "abort\n", Errno::EINVAL, &line(2, none))?;
    device.feed("begin\n")?;
    is_refused(&device, "begin\n", Errno::EBUSY, &line(4, open))?;
    is_refused(&device, "begin reload\n", Errno::EBUSY, &line(5, open))?;
    device.feed("10.0.0.0/8 dev a\ncommit\n")?;
    table_is("10.0.0.0/8 dev a\n")
}

/// A line that makes no sense is no part of the transaction, which goes on.
fn a_bad_line_does_not_end_it() -> Outcome {
    let device = Device::open()?;
    device.feed("begin\n10.0.0.0/8 dev a\n")?;
    let message = "line 3: 10.0.0.1/8: host bits set; use 10.0.0.0/8\n";
    is_refused(&device, "10.0.0.1/8 dev a\n", Errno::EINVAL, message)?;
    device.feed("11.0.0.0/8 dev b\ncommit\n")?;
    table_is("10.0.0.0/8 dev a\n11.0.0.0/8 dev b\n")
}

fn closing_aborts() -> Outcome {
    device::run(OLD)?;
    for begin in ["begin", "begin reload"] {
        let device = Device::open()?;
        device.feed(format!("{begin}\n11.0.0.0/8 dev new\n"))?;
        equal("close()", device.close(), Err(Errno::EINVAL))?;
        table_is(OLD)?;
    }
    Ok(())
}

/// Another file has no part in it, and changes at once.
fn each_file_has_its_own() -> Outcome {
    let (one, other) = (Device::open()?, Device::open()?);
    one.feed("begin\n10.0.0.0/8 dev one\n")?;
    other.feed("begin reload\n11.0.0.0/8 dev other\n")?;
    device::run("12.0.0.0/8 dev third\n")?;
    table_is("12.0.0.0/8 dev third\n")?;
    one.feed("commit\n")?;
    table_is("10.0.0.0/8 dev one\n12.0.0.0/8 dev third\n")?;
    other.feed("commit\n")?;
    table_is("11.0.0.0/8 dev other\n")
}

fn reload_replaces_all() -> Outcome {
    device::run("10.0.0.0/8 dev old\n::/0 dev old\n")?;
    let device = Device::open()?;
    device.feed("begin reload\n10.0.0.0/8 dev new\n11.0.0.0/8 dev new\ndel 11.0.0.0/8\n")?;
    table_is("10.0.0.0/8 dev old\n::/0 dev old\n")?;
    device.feed("commit\n")?;
    table_is("10.0.0.0/8 dev new\n")?;
    device.feed("begin reload\ncommit\n")?;
    table_is("")
}

/// The new table is there to fail in; no need to wait for the commit.
fn a_reload_fails_at_once() -> Outcome {
    device::run(OLD)?;
    let device = Device::open()?;
    device.feed("begin reload\n11.0.0.0/8 dev new\n")?;
    let exists = "line 3: 11.0.0.0/8: route exists\n";
    is_refused(&device, "11.0.0.0/8 dev new\n", Errno::EEXIST, exists)?;
    let absent = "line 4: 10.0.0.0/8: no such route\n";
    is_refused(&device, "del 10.0.0.0/8\n", Errno::ESRCH, absent)?;
    device.feed("commit\n")?;
    table_is("11.0.0.0/8 dev new\n")
}

fn a_transaction_has_an_end() -> Outcome {
    let device = Device::open()?;
    device.feed("begin\n")?;
    let lines = "flush\n".repeat(1 << 12);
    for _ in 0..MAX_CHANGES >> 12 {
        device.feed(&lines)?;
    }
    let message = format!(
        "line {}: a transaction holds at most {MAX_CHANGES} changes; 'begin reload' has no limit\n",
        MAX_CHANGES + 2
    );
    is_refused(&device, "flush\n", Errno::ENOSPC, &message)?;
    device.feed("abort\n")
}

/// A large one, in one write and through a file that cannot be read.
fn many_changes() -> Outcome {
    let count = at_speed(50_000);
    let lines = crate::routes::lines(count);
    for begin in ["begin", "begin reload"] {
        device::flush()?;
        let device = Device::open_as(OFlag::O_WRONLY).during("open()")?;
        device.feed(format!("{begin}\n{lines}"))?;
        table_is("")?;
        device.feed("commit\n")?;
        table_is(&lines)?;
    }
    Ok(())
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "transaction: changes wait for commit",
            changes_wait_for_commit,
        ),
        Test::new("transaction: queries see the table", queries_see_the_table),
        Test::new(
            "transaction: a failing line is named by commit",
            a_failing_line_is_named,
        ),
        Test::new(
            "transaction: a failing commit within a write",
            a_failing_commit_within_a_write,
        ),
        Test::new("transaction: abort forgets", abort_forgets),
        Test::new(
            "transaction: what is out of place is refused",
            what_is_out_of_place,
        ),
        Test::new(
            "transaction: a bad line does not end it",
            a_bad_line_does_not_end_it,
        ),
        Test::new("transaction: closing the file aborts it", closing_aborts),
        Test::new("transaction: each file has its own", each_file_has_its_own),
        Test::new("transaction: a reload replaces all", reload_replaces_all),
        Test::new(
            "transaction: a reload fails at once",
            a_reload_fails_at_once,
        ),
        Test::new(
            "transaction: it takes so many changes",
            a_transaction_has_an_end,
        ),
        Test::new("transaction: many changes at once", many_changes),
    ]
}
