// SPDX-License-Identifier: GPL-2.0

//! One thread changes the table while others look things up: each answer is one that was right at
//! some moment of the lookup. Meant for AddressSanitizer as well.

use core::net::IpAddr;
use rust_rcu_demo::{
    rcu::barrier,
    rcu_table::{read_lock, Mode, Route, Table},
    testing::{address, get, own_stats, route, run, table, HeldReader, Random, Stop},
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

const TIME: Duration = Duration::from_secs(3);

/// Routes that stay.
const STABLE: &[&str] = &[
    "10.0.0.0/8 dev cover",
    "10.20.30.0/24 dev steady metric 5",
    "2001:db8::/32 dev cover",
    "2001:db8:0:1::/64 dev steady",
    "192.0.2.0/24 dev low metric 100",
];

/// Routes that come and go, below, above and beside the stable ones; each with its metric as mark.
const FLAPPING: &[&str] = &[
    "10.20.0.0/16 dev flap metric 11",
    "10.20.30.40/32 dev flap metric 12",
    "10.20.30.41/32 dev flap metric 13",
    "10.0.0.0/9 dev flap metric 14",
    "0.0.0.0/0 dev flap metric 15",
    "192.0.2.0/24 dev flap metric 16",
    "192.0.2.0/24 via 198.51.100.1 metric 17",
    "2001:db8::1/128 via fe80::1 metric 18",
    "2001:db8:0:1::/96 dev flap metric 19",
    "2001:db8:0:1:ffff:ffff:ffff:ffff/128 dev flap metric 20",
    "::/0 dev flap metric 21",
    "2001:db8::/33 dev flap metric 22",
];

/// An address, the metrics of the routes that may serve it, and whether there may be no answer.
const ASKED: &[(&str, &[u32], bool)] = &[
    ("10.20.30.40", &[5, 12], false),
    ("10.20.30.41", &[5, 13], false),
    ("10.20.30.42", &[5], false),
    ("10.20.1.1", &[0, 11, 14], false),
    ("10.1.1.1", &[0, 14], false),
    ("10.128.0.1", &[0], false),
    ("11.0.0.0", &[15], true),
    ("192.0.2.77", &[100, 16, 17], false),
    ("2001:db8::1", &[0, 18, 22], false),
    ("2001:db8:8000::1", &[0], false),
    ("2001:db8:0:1::1", &[0, 19], false),
    ("2001:db8:0:1:ffff:ffff:ffff:ffff", &[0, 20], false),
    ("2001:db9::", &[21], true),
];

/// Asks until told to stop; checks each answer.
fn read(table: &Table, stop: &Stop, seed: u64) -> usize {
    let asked: Vec<(IpAddr, &[u32], bool)> = ASKED
        .iter()
        .map(|(text, metrics, maybe_none)| (address(text), *metrics, *maybe_none))
        .collect();
    let mut random = Random::new(seed);
    let (mut answers, mut flapped) = (0, 0);
    while !stop.is_told() {
        let guard = read_lock();
        for _ in 0..64 {
            let (address, metrics, maybe_none) = asked[random.below(asked.len())];
            match table.lookup(address, &guard) {
                Some(route) => {
                    assert!(metrics.contains(&route.metric), "{address}: {route}");
                    flapped += usize::from((11..=22).contains(&route.metric));
                }
                None => assert!(maybe_none, "{address}: none"),
            }
            answers += 1;
        }
    }
    assert!(flapped > 0, "the writer was never seen");
    answers
}

/// Adds, replaces and deletes the flapping routes in random order; now and then a whole family of
/// deep neighbours.
fn write(table: &Table, seed: u64) -> usize {
    let flapping: Vec<Route> = FLAPPING.iter().map(|line| route(line)).collect();
    let mut random = Random::new(seed);
    let mut changes = 0;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let route = flapping[random.below(flapping.len())];
        let Route { prefix, metric, .. } = route;
        let _ = match random.below(3) {
            0 => table.insert(&route, Mode::Add),
            1 => table.insert(&route, Mode::Replace),
            _ => table.remove(&prefix, Some(metric), None),
        };
        changes += 1;
    }
    for route in &flapping {
        let _ = table.remove(&route.prefix, Some(route.metric), None);
    }
    changes
}

#[test]
fn readers_get_only_right_answers_while_one_writes() {
    let table = table();
    for line in STABLE {
        table.insert(&route(line), Mode::Add).unwrap();
    }
    let stable = own_stats(&table);
    let stop = Stop::new();
    let answers = AtomicUsize::new(0);
    let changes = thread::scope(|scope| {
        let _stop = stop.on_drop();
        for seed in 0..3 {
            let (table, stop, answers) = (&table, &stop, &answers);
            scope.spawn(move || {
                answers.fetch_add(read(table, stop, seed), Ordering::Relaxed);
            });
        }
        write(&table, 7)
    });
    let answers = answers.load(Ordering::Relaxed);
    println!("{answers} answers, {changes} changes");
    assert!(answers > 1000 && changes > 1000);
    let end = own_stats(&table);
    assert_eq!((end.objects, end.bytes), (stable.objects, stable.bytes));
    barrier();
}

#[test]
fn writers_take_turns() {
    let table = table();
    thread::scope(|scope| {
        for writer in 0..4_u32 {
            let table = &table;
            scope.spawn(move || {
                for number in 0..2000 {
                    let (a, b) = (number / 256, number % 256);
                    let line = format!("10.{writer}.{a}.{b}/32 dev w{writer}");
                    run(table, &format!("add {line}")).unwrap();
                    if number % 2 == 0 {
                        run(table, &format!("del {line}")).unwrap();
                    }
                }
            });
        }
    });
    let stats = own_stats(&table);
    assert_eq!((stats.routes_inet, stats.next_hops), (4000, 4));
    assert_eq!(stats.generation, 12_000);
}

#[test]
fn flush_waits_for_the_readers_before_it_frees() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let reader = HeldReader::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            run(&table, "flush").unwrap();
            done.store(true, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(150));
        let (early, answer) = (done.load(Ordering::SeqCst), get(&table, "10.1.1.1"));
        reader.release();
        assert!(!early, "freed under a reader");
        assert_eq!(answer, "none");
    });
    assert_eq!(own_stats(&table).objects, 0);
}

#[test]
fn flush_under_readers_frees_nothing_they_see() {
    let table = table();
    let stop = Stop::new();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                let asked = address("2001:db8::1");
                while !stop.is_told() {
                    if let Some(route) = table.lookup(asked, &read_lock()) {
                        assert_eq!(route.metric, 7);
                    }
                }
            });
        }
        let end = Instant::now() + TIME / 3;
        while Instant::now() < end {
            run(&table, "add 2001:db8::1/128 via fe80::1 metric 7").unwrap();
            run(&table, "flush inet6").unwrap();
        }
    });
}
