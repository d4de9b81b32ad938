// SPDX-License-Identifier: GPL-2.0

//! Retired memory: `stats` counts it, and it is reclaimed after a grace period. The memory of a
//! transaction is bounded.

use std::{fs, thread, time::Duration};

use crate::{
    device::{self, Device, Stats},
    routes,
    tap::{ensure, equal, fail, During, Group, Outcome, Test},
};

/// Each add and each delete of a route retires the node that it replaces.
fn deletes_are_reclaimed() -> Outcome {
    const ROUNDS: u32 = 10;
    let count = device::scaled(1072);
    device::wait_for_reclaim()?;
    let before = Stats::now()?.get("reclaimed_objects")?;
    // One route in sixteen stays, so that deletes replace their common node and do not free it.
    let (staying, others): (Vec<u32>, Vec<u32>) = (0..count).partition(|number| number % 16 == 0);
    device::run(routes::text(staying, routes::line))?;
    let pair = |number: &u32| format!("{}del {}\n", routes::line(*number), routes::host(*number));
    let device = Device::open()?;
    let mut most = 0;
    for _ in 0..ROUNDS {
        // Each pair has its own write, because the lines of one write are batched.
        for number in &others {
            device.write_all(pair(number))?;
        }
        let stats = Stats::parse(&device.query("stats\n")?)?;
        most = most.max(stats.get("retired_bytes")?);
    }
    device::flush()?;
    device::wait_for_reclaim()?;
    let reclaimed = Stats::now()?.get("reclaimed_objects")? - before;
    // An add and a delete each copy the node.
    let expected = 2 * u64::from(ROUNDS) * others.len() as u64;
    ensure(
        format!("{reclaimed} of {expected} objects were reclaimed"),
        reclaimed >= expected,
    )?;
    ensure("stats showed retired bytes", most > 0)?;
    Stats::now()?.expect_empty_table()
}

/// Deletes in the order of the adds, and in reverse.
fn delete_frees_every_node() -> Outcome {
    let mut prefixes: Vec<String> = (0..=32).map(|len| format!("0.0.0.0/{len}")).collect();
    prefixes.extend((0..=128).step_by(3).map(|len| format!("::/{len}")));
    prefixes.extend(
        (0..100u32).map(|number| format!("2001:db8:{:x}::/{}", number * 77, 48 + number % 80)),
    );
    let add = routes::text(&prefixes, |prefix| format!("add {prefix} dev a\n"));
    let delete = |prefix: &String| format!("del {prefix}\n");
    device::run(&add)?;
    device::run(routes::text(&prefixes, delete))?;
    Stats::now()?.expect_empty_table()?;
    device::run(&add)?;
    device::run(routes::text(prefixes.iter().rev(), delete))?;
    Stats::now()?.expect_empty_table()?;
    device::wait_for_reclaim()
}

fn flush_frees_all() -> Outcome {
    device::run(routes::lines(device::scaled(5000)))?;
    device::run(routes::text(0..200, |number| {
        format!("2001:db8::{number:x} via fe80::1\n")
    }))?;
    ensure("the table holds something", Stats::now()?.get("bytes")? > 0)?;
    device::flush()?;
    Stats::now()?.expect_empty_table()?;
    device::wait_for_reclaim()
}

/// The size of a table depends on its routes, not on the changes that made them.
fn size_depends_on_the_routes_only() -> Outcome {
    const TABLE: &str =
        "10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 1\n10.128.0.0/9 dev a\n::1 dev c\n";
    let size = || Stats::now()?.table_size();
    device::run(TABLE)?;
    let expected = size()?;
    device::run(
        "10.0.0.0/9 dev d\n10.1.2.3 dev e\n::2 dev c\ndel ::2\ndel 10.0.0.0/9\ndel 10.1.2.3\n",
    )?;
    equal(
        "size after other routes were added and deleted",
        size()?,
        expected,
    )?;
    device::run(routes::with_verb("replace", TABLE))?;
    equal("size after all routes were replaced", size()?, expected)?;
    device::run(["flush\n", TABLE].concat())?;
    equal("size after the table was loaded again", size()?, expected)
}

/// Returns the KiB that programs could allocate.
fn available_kib() -> Outcome<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").during("reading /proc/meminfo")?;
    let words: Vec<&str> = meminfo.split_whitespace().collect();
    let value = words.windows(2).find(|pair| pair[0] == "MemAvailable:");
    match value.map(|pair| pair[1].parse()) {
        Some(kib) => kib.during("parsing MemAvailable"),
        None => fail("/proc/meminfo has no MemAvailable"),
    }
}

/// A flush inside a transaction frees what the operations before it have built.
fn transaction_of_adds_and_flushes() -> Outcome {
    // With three operations each, these are one operation less than a transaction holds. If the
    // commit kept the 12 KiB that each round flushes, even a fortieth of the rounds would exceed
    // MOST_KIB.
    const ROUNDS: u32 = 349_525;
    const MOST_KIB: u64 = 64 << 10;
    let device = Device::open()?;
    device.write_all("begin\n")?;
    device.write_all(routes::text(
        0..device::scaled_if_emulated(ROUNDS),
        |number| {
            let ipv4 = routes::line(number);
            format!(
                "{ipv4}2001:db8::{number:x}/128 via fe80::1\nflush\n",
                number = number & 0xffff
            )
        },
    ))?;
    let before = available_kib()?;
    let least = thread::scope(|scope| -> Outcome<u64> {
        let commit = scope.spawn(|| device.write_all("commit\n"));
        let mut least = before;
        while !commit.is_finished() {
            least = least.min(available_kib()?);
            thread::sleep(Duration::from_millis(1));
        }
        commit.join().unwrap_or(fail("panicked"))?;
        Ok(least)
    })?;
    let used = before - least;
    ensure(
        format!("the commit uses {used} KiB of memory"),
        used < MOST_KIB,
    )?;
    Stats::now()?.expect_empty_table()?;
    device::wait_for_reclaim()
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("retired objects of thousands of deletes are counted and reclaimed", deletes_are_reclaimed),
    ("deleting each route frees every node", delete_frees_every_node),
    ("flush frees all memory", flush_frees_all),
    ("the table's size depends only on its routes", size_depends_on_the_routes_only),
    ("a transaction of many adds and flushes uses little memory", transaction_of_adds_and_flushes),
];

pub fn tests() -> Vec<Test> {
    Test::group("memory", TESTS)
}
