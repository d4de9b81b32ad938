// SPDX-License-Identifier: GPL-2.0

//! Readers while the table changes under them: every answer is a legal one, every dump has what was
//! there throughout.

mod full_speed;
#[path = "../../../hosted/rcu-routes/tests/churn"]
mod shared {
    pub mod check;
    pub mod history;
    pub mod plan;
    pub mod universe;
}

use shared::{check, history, plan, universe};

pub use full_speed::go_on_for;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    device::{self, Device, PATIENCE},
    routes,
    tap::{ensure, fail, same_text, Outcome, Test},
};

/// How long each test but that at full speed goes on at least.
const DURATION: Duration = Duration::from_millis(1500);

/// Runs `change` again and again in one thread and `check` in two others, which ask a function
/// whether they may end.
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

/// Gets one address again and again; each answer must be one of `legal`, and more than one of them
/// must come up.
fn check_answers(address: &str, legal: &[&str], may_end: &dyn Fn() -> bool) -> Outcome {
    let device = Device::open()?;
    let command = format!("get {address}\n");
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    while !may_end() || seen.len() < 2 {
        let answer = device.ask(&command)?;
        if !legal.contains(&answer.as_str()) {
            return fail(format!("get {address} answers {answer:?}"));
        }
        seen.insert(answer);
        ensure(
            "more than one answer is seen",
            seen.len() > 1 || start.elapsed() < PATIENCE,
        )?;
    }
    Ok(())
}

/// The cover itself is replaced: the old or the new one serves, never none.
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
            .try_for_each(|line| device.feed(format!("replace {line}")))
    };
    under_churn(change, |may_end| {
        check_answers("2001:db8::1", &LEGAL, may_end)
    })
}

/// Stable routes, and among them others that come and go.
fn dump_under_churn() -> Outcome {
    let count = 128 + device::at_speed(1000);
    // Every other address is stable, and the others churn, as do prefixes above them.
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
    let change = |device: &Device| device.feed(&add).and_then(|()| device.feed(&delete));
    let check = |may_end: &dyn Fn() -> bool| {
        while !may_end() {
            check_dump(&device::dump()?, &stable)?;
        }
        Ok(())
    };
    // A net whose address is a host's sorts before it, so a dump by address and length is in order.
    under_churn(change, check)
}

/// Stable routes exactly once, all in order, none twice.
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
        None => fail("a line of the dump is no route"),
    }
}

/// The address and length of a line.
fn key(line: &str) -> Option<(std::net::Ipv4Addr, u8)> {
    let (address, len) = line.split(' ').next()?.split_once('/')?;
    Some((address.parse().ok()?, len.parse().ok()?))
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "churn: answers and dumps are right while one writes at full speed",
            full_speed::readers_get_only_right_answers,
        ),
        Test::new("churn: replace leaves no gap", replace_leaves_no_gap),
        Test::new(
            "churn: a dump has each stable route once, in order",
            dump_under_churn,
        ),
    ]
}
