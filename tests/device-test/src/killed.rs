// SPDX-License-Identifier: GPL-2.0

//! Processes that are killed while a long transaction is committed.

use std::{
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::signal::Signal};

use crate::{
    child::Role,
    device::{self, expect_table, Device, Stats, TIMEOUT},
    routes,
    tap::{equal, fail, During, Group, Outcome, Test},
};

/// The operations of the transaction. Their commit takes several times [`BEGUN`].
pub const OPERATIONS: u32 = 300_000;

/// The time in which a commit begins.
const BEGUN: Duration = Duration::from_millis(20);

/// The time between two looks at a child's state.
const LOOK: Duration = Duration::from_millis(1);

/// On a busy machine a commit can end before its child is killed, whatever the kernel does.
const TRIES: u32 = 5;

/// A child that is found asleep so many times waits for the commit.
const LOOKS: u32 = 3;

/// Waits until a child prints something.
fn wait_for_output(child: &mut Child) -> Outcome {
    let Some(output) = &mut child.stdout else {
        return fail("the child has no output");
    };
    output
        .read_exact(&mut [0])
        .during("reading the child's output")
}

/// Kills a child, and waits for its end.
fn kill(child: &mut Child) -> Outcome {
    child.kill().during("kill()")?;
    let status = child.wait().during("wait()")?;
    equal(
        "the signal that ended the child",
        status.signal(),
        Some(Signal::SIGKILL as i32),
    )
}

/// Returns whether a child sleeps in a wait that ordinary signals do not end.
fn sleeps(child: &Child) -> Outcome<bool> {
    let path = format!("/proc/{}/stat", child.id());
    let stat = fs::read_to_string(&path).during(format!("reading {path}"))?;
    // The state follows the name of the program, which is in parentheses.
    Ok(stat
        .rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('D')))
}

/// Waits until a child waits for the commit, or until the commit is over.
fn wait_for_sleep(child: &Child, commit_is_over: impl Fn() -> bool) -> Outcome {
    let (start, mut found) = (Instant::now(), 0);
    while found < LOOKS && !commit_is_over() {
        found = if sleeps(child)? { found + 1 } else { 0 };
        if start.elapsed() > TIMEOUT {
            return fail(format!("the child waits for no commit within {TIMEOUT:?}"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Returns whether readers see the transaction. A lookup waits for no updater.
fn is_published() -> Outcome<bool> {
    let device = Device::open()?;
    match device.write(format!("get {}\n", routes::host(0))) {
        Ok(_) => Ok(true),
        Err(Errno::ENETUNREACH) => Ok(false),
        Err(errno) => fail(format!("get failed with {errno}")),
    }
}

/// Kills a process without privileges that asks for statistics during a commit. Returns whether the
/// process ended before the commit. The commit holds the mutex until it has published the routes,
/// so such a process has not waited for the mutex.
fn ends_before_the_commit() -> Outcome<bool> {
    let device = Device::open()?;
    device.write_all("flush\nbegin\n")?;
    device.write_all(routes::lines(device::scaled(OPERATIONS)))?;
    let mut child = Role::StatsUntilKilled.start_reporting(Some(Device::open()?))?;
    wait_for_output(&mut child)?;
    let published = thread::scope(|scope| {
        let commit = scope.spawn(|| device.write_all("commit\n"));
        let waits = wait_for_sleep(&child, || commit.is_finished());
        let killed = kill(&mut child);
        let published = is_published();
        commit.join().unwrap_or(fail("panicked"))?;
        waits.and(killed).and(published)
    })?;
    let routes = Stats::now()?.get("routes_inet")?;
    equal("routes", routes, device::scaled(OPERATIONS).into())?;
    Ok(!published)
}

fn killed_stats() -> Outcome {
    for _ in 0..TRIES {
        if ends_before_the_commit()? {
            return Ok(());
        }
    }
    fail(format!(
        "in each of {TRIES} tries the commit was over when the child ended"
    ))
}

fn killed_commit() -> Outcome {
    let before = Stats::now()?.get("generation")?;
    let mut child = Role::CommitUntilKilled.start_reporting(None)?;
    wait_for_output(&mut child)?;
    thread::sleep(BEGUN);
    kill(&mut child)?;
    expect_table("")?;
    let stats = Stats::now()?;
    equal("changes", stats.get("generation")?, before)?;
    stats.expect_empty_table()?;
    device::wait_for_reclaim()
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a process that waits for a long commit to ask for statistics ends when it is killed", killed_stats),
    ("a process that is killed in its long commit changes nothing", killed_commit),
];

pub fn tests() -> Vec<Test> {
    Test::group("killed", TESTS)
}
