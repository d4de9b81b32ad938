// SPDX-License-Identifier: GPL-2.0

//! Memory that waits for a grace period: it is counted, it goes, and nothing is left behind.

use crate::{
    device::{self, wait_until, Device, Stats},
    routes,
    tap::{ensure, equal, Outcome, Test},
};

pub fn nothing_is_retired() -> Outcome {
    wait_until("all that was retired is reclaimed", || {
        let stats = Stats::now()?;
        Ok(stats.get("retired_objects")? == 0 && stats.get("retired_bytes")? == 0)
    })
}

fn table_holds_nothing() -> Outcome {
    let stats = Stats::now()?;
    for name in [
        "routes_inet",
        "routes_inet6",
        "next_hops",
        "objects",
        "bytes",
    ] {
        equal(format!("{name} of the empty table"), stats.get(name)?, 0)?;
    }
    Ok(())
}

/// Each route that is added and deleted again retires what held it.
fn deletes_are_reclaimed() -> Outcome {
    const ROUNDS: u32 = 10;
    let count = device::at_speed(1072);
    nothing_is_retired()?;
    let before = Stats::now()?.get("reclaimed_objects")?;
    // One in sixteen stays for as long, so that the others are part of a node that stays.
    let (staying, others): (Vec<u32>, Vec<u32>) = (0..count).partition(|number| number % 16 == 0);
    device::run(routes::text(staying, routes::line))?;
    let pair = |number: &u32| format!("{}del {}\n", routes::line(*number), routes::host(*number));
    let device = Device::open()?;
    let mut most = 0;
    for _ in 0..ROUNDS {
        // In a write of their own each, lest they be made together.
        for number in &others {
            device.feed(pair(number))?;
        }
        let stats = Stats::parse(&device.ask("stats\n")?)?;
        most = most.max(stats.get("retired_bytes")?);
    }
    device::flush()?;
    nothing_is_retired()?;
    let reclaimed = Stats::now()?.get("reclaimed_objects")? - before;
    // An add and a delete copy the node each.
    let wanted = 2 * u64::from(ROUNDS) * others.len() as u64;
    ensure(
        format!("{reclaimed} objects were reclaimed of {wanted}"),
        reclaimed >= wanted,
    )?;
    ensure("some were seen waiting", most > 0)?;
    table_holds_nothing()
}

/// Adding in one order and deleting in another leaves no node behind.
fn delete_all_prunes_all() -> Outcome {
    let mut prefixes: Vec<String> = (0..=32).map(|len| format!("0.0.0.0/{len}")).collect();
    prefixes.extend((0..=128).step_by(3).map(|len| format!("::/{len}")));
    prefixes.extend(
        (0..100u32).map(|number| format!("2001:db8:{:x}::/{}", number * 77, 48 + number % 80)),
    );
    let add = routes::text(&prefixes, |prefix| format!("add {prefix} dev a\n"));
    let delete = |prefix: &String| format!("del {prefix}\n");
    device::run(&add)?;
    device::run(routes::text(&prefixes, delete))?;
    table_holds_nothing()?;
    device::run(&add)?;
    device::run(routes::text(prefixes.iter().rev(), delete))?;
    table_holds_nothing()?;
    nothing_is_retired()
}

fn flush_frees_all() -> Outcome {
    device::run(routes::lines(device::at_speed(5000)))?;
    device::run(routes::text(0..200, |number| {
        format!("2001:db8::{number:x} via fe80::1\n")
    }))?;
    ensure("the table holds something", Stats::now()?.get("bytes")? > 0)?;
    device::flush()?;
    table_holds_nothing()?;
    nothing_is_retired()
}

/// Figures depend on what is in the table, not on how it came there.
fn figures_do_not_drift() -> Outcome {
    const TABLE: &str =
        "10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 1\n10.128.0.0/9 dev a\n::1 dev c\n";
    let figures = || -> Outcome<[u64; 3]> {
        let stats = Stats::now()?;
        Ok([
            stats.get("objects")?,
            stats.get("bytes")?,
            stats.get("next_hops")?,
        ])
    };
    device::run(TABLE)?;
    let wanted = figures()?;
    device::run(
        "10.0.0.0/9 dev d\n10.1.2.3 dev e\n::2 dev c\ndel ::2\ndel 10.0.0.0/9\ndel 10.1.2.3\n",
    )?;
    equal("figures after routes came and went", figures()?, wanted)?;
    device::run(routes::with_verb("replace", TABLE))?;
    equal("figures after all were replaced", figures()?, wanted)?;
    device::run(["flush\n", TABLE].concat())?;
    equal("figures of the table loaded anew", figures()?, wanted)
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "memory: what thousands of deletes retire is counted and reclaimed",
            deletes_are_reclaimed,
        ),
        Test::new(
            "memory: deleting each route leaves no object",
            delete_all_prunes_all,
        ),
        Test::new("memory: flush frees all", flush_frees_all),
        Test::new("memory: figures do not drift", figures_do_not_drift),
    ]
}
