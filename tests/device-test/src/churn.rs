// SPDX-License-Identifier: GPL-2.0

//! Readers of a table that changes. Each answer must have been correct at some time during its
//! call. Each dump must have all routes that were present throughout.

mod full_speed;
#[path = "../../../hosted/rcu-routes/tests/churn"]
mod shared {
    pub mod check;
    pub mod history;
    pub mod plan;
    pub mod universe;
}

use shared::{check, history, plan, universe};

pub use full_speed::set_seconds;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    device::{self, Device, TIMEOUT},
    routes,
    tap::{ensure, equal, fail, same_text, Group, Outcome, Test},
};

/// The minimum duration of each test except the one at full speed.
const DURATION: Duration = Duration::from_millis(1500);

/// Repeats `change` in one thread and runs `check` in two others. The argument of `check` is a
/// function that returns whether `check` may end.
fn under_churn(
    change: impl Fn(&Device) -> Outcome + Sync,
    check: impl Fn(&dyn Fn() -> bool) -> Outcome + Sync,
) -> Outcome {
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let may_end = || start.elapsed() > DURATION || stop.load(Ordering::Relaxed);
    let write = || {
        let device = Device::open()?;
        while !stop.load(Ordering::Relaxed) {
            change(&device).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let writer = scope.spawn(write);
        let checkers = [(); 2].map(|()| scope.spawn(|| check(&may_end)));
        let checked = checkers.map(|checker| checker.join().unwrap_or(fail("panicked")));
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().unwrap_or(fail("panicked"));
        checked.into_iter().chain([written]).collect()
    })
}

/// Repeats a lookup. Each answer must be one of `legal`, and there must be different answers.
fn check_answers(address: &str, legal: &[&str], may_end: &dyn Fn() -> bool) -> Outcome {
    let device = Device::open()?;
    let command = format!("get {address}\n");
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    while !may_end() || seen.len() < 2 {
        let answer = device.query(&command)?;
        if !legal.contains(&answer.as_str()) {
            return fail(format!("get {address} answers {answer:?}"));
        }
        seen.insert(answer);
        ensure(
            "there are different answers",
            seen.len() > 1 || start.elapsed() < TIMEOUT,
        )?;
    }
    Ok(())
}

/// Either the old or the new route serves, never none.
fn replace_leaves_no_gap() -> Outcome {
    const LEGAL: [&str; 3] = [
        "::/0 dev a\n",
        "unreachable ::/0\n",
        "::/0 via fe80::1 dev b\n",
    ];
    device::run(LEGAL[0])?;
    let change = |device: &Device| {
        LEGAL
            .iter()
            .try_for_each(|line| device.write_all(format!("replace {line}")))
    };
    under_churn(change, |may_end| {
        check_answers("2001:db8::1", &LEGAL, may_end)
    })
}

/// Dumps a table of stable routes while routes between them are added and deleted.
fn dump_under_churn() -> Outcome {
    let count = 128 + device::scaled(1000);
    // Hosts with even numbers are stable. The other hosts and the nets above them change.
    let stable = routes::text(0..count, |number| routes::line(2 * number));
    device::run(&stable)?;
    let others = |verb: &'static str| {
        let hosts = (0..count).map(move |number| routes::host(2 * number + 1));
        hosts.map(move |host| format!("{verb} {host} dev churn\n"))
    };
    let nets =
        |verb: &'static str| (1..255).map(move |net| format!("{verb} 10.0.{net}.0/24 dev churn\n"));
    let add: String = others("add").chain(nets("add")).collect();
    let delete: String = nets("del").chain(others("del")).collect();
    let change = |device: &Device| {
        device
            .write_all(&add)
            .and_then(|()| device.write_all(&delete))
    };
    let check = |may_end: &dyn Fn() -> bool| {
        while !may_end() {
            check_dump(&device::dump()?, &stable)?;
        }
        Ok(())
    };
    under_churn(change, check)
}

/// Dumps a table of multipath routes while each is replaced by one with other legs, so that the old
/// legs have no user left.
fn dump_of_changing_legs() -> Outcome {
    const COUNT: u32 = 150;
    let line = |number, legs| {
        let host = routes::host(number);
        format!("{host}/32 nexthop dev {legs}{number} weight 1 nexthop dev z weight 2\n")
    };
    let tables = ["a", "b"].map(|legs| routes::text(0..COUNT, |number| line(number, legs)));
    let replaces = [1, 0].map(|table: usize| routes::with_verb("replace", &tables[table]));
    device::run(&tables[0])?;
    let change = |device: &Device| {
        replaces
            .iter()
            .try_for_each(|lines| device.write_all(lines))
    };
    under_churn(change, |may_end| {
        while !may_end() {
            let dump = device::dump()?;
            let is_legal = |(found, (old, new))| found == old || found == new;
            let both = tables[0].lines().zip(tables[1].lines());
            match dump.lines().zip(both).find(|found| !is_legal(*found)) {
                Some((found, _)) => return fail(format!("a dump has the line {found:?}")),
                None => equal("lines of a dump", dump.lines().count(), COUNT as usize)?,
            }
        }
        Ok(())
    })
}

/// Checks that a dump has each stable route exactly once, and that all keys ascend.
fn check_dump(dump: &str, stable: &str) -> Outcome {
    let found = dump
        .split_inclusive('\n')
        .filter(|line| !line.ends_with("dev churn\n"));
    same_text("the stable routes", &found.collect::<String>(), stable)?;
    let keys: Option<Vec<_>> = dump.lines().map(key).collect();
    match keys {
        Some(keys) => ensure(
            "the dump is in order",
            keys.is_sorted_by(|one, other| one < other),
        ),
        None => fail("a line of the dump is not a route"),
    }
}

/// The address and length of a line. A net sorts before a host with the same address.
fn key(line: &str) -> Option<(std::net::Ipv4Addr, u8)> {
    let (address, len) = line.split(' ').next()?.split_once('/')?;
    Some((address.parse().ok()?, len.parse().ok()?))
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("readers get only correct answers while a writer runs at full speed", full_speed::readers_get_only_correct_answers),
    ("a lookup during replace finds the old or the new route", replace_leaves_no_gap),
    ("a dump has each stable route once, in order", dump_under_churn),
    ("a dump has each multipath route with legs, also if they change", dump_of_changing_legs),
];

pub fn tests() -> Vec<Test> {
    Test::group("churn", TESTS)
}
