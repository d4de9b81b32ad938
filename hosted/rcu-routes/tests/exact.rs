// SPDX-License-Identifier: GPL-2.0

//! Exact queries by prefix and metric, and the numbers that stand for next hops and metrics.

use kernel::sync::Arc;
use rcu_routes::{
    rcu_table::{read_lock, Key, Mode, NextHop, Prefix, Route, Selector, Table, Transaction},
    testing::{drain_callbacks, dump, operation, prefix, route, run, table, Random},
};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

fn exact(table: &Table, keys: &[(Prefix, Option<u32>)]) -> Vec<Option<Route>> {
    let mut all = Vec::new();
    table.exact(keys, |found| all.push(found)).unwrap();
    all
}

/// Returns a table of random routes with short and long prefixes, several metrics each.
fn random_table(random: &mut Random) -> Arc<Table> {
    let table = table();
    for _ in 0..3000 {
        let (octet, metric) = (random.below(8), random.below(3));
        let line = match random.below(2) {
            0 => format!("10.{octet}.{}.0/24 dev a metric {metric}", random.below(64)),
            _ => {
                let len = [20, 32, 33, 47, 64, 128][random.below(6)];
                let address = format!("2001:d{octet:x}{:x}::", random.below(16));
                let network = Prefix::network(address.parse().unwrap(), len as u8);
                format!("{network} dev b metric {metric}")
            }
        };
        let _ = table.insert(&route(&line), Mode::Add);
    }
    table
}

#[test]
fn an_exact_query_returns_the_route_with_its_prefix_and_metric() {
    let mut random = Random::new(1);
    let table = random_table(&mut random);
    let routes = dump(&table, Selector::All, 128);
    assert!(routes.len() > 500, "only {} routes", routes.len());
    let mut lowest = BTreeMap::new();
    for route in &routes {
        lowest.entry(route.prefix).or_insert(*route);
    }
    let keys: Vec<_> = routes
        .iter()
        .map(|route| (route.prefix, Some(route.metric)))
        .collect();
    let expected: Vec<_> = routes.iter().copied().map(Some).collect();
    assert_eq!(exact(&table, &keys), expected);
    let keys: Vec<_> = lowest.keys().map(|prefix| (*prefix, None)).collect();
    let expected: Vec<_> = lowest.values().copied().map(Some).collect();
    assert_eq!(exact(&table, &keys), expected);
    let absent: Vec<_> = routes
        .iter()
        .map(|route| (route.prefix, Some(7)))
        .chain((0..=32).map(|len| (Prefix::network([10, 3, 1, 129].into(), len), None)))
        .filter(|(prefix, metric)| metric.is_some() || !lowest.contains_key(prefix))
        .collect();
    assert!(exact(&table, &absent).iter().all(Option::is_none));
}

/// The updaters' mutex is held during each query.
#[test]
fn a_query_does_not_walk_the_routes_before_its_prefix() {
    let table = table();
    let mut transaction = Transaction::new();
    for number in 0..200_000 {
        let (high, low) = (number >> 16, number & 0xffff);
        let line = format!("add 2001:db8:1234:{high:x}:{low:x}::/80 dev a");
        transaction.push(operation(&line)).unwrap();
    }
    transaction.commit(&table).unwrap();
    let behind = prefix("2001:db8:1235::/48");
    let after = Key {
        prefix: behind,
        metric: 0,
    };
    let quickest = |query: &dyn Fn()| {
        let times = (0..20).map(|_| {
            let start = Instant::now();
            query();
            start.elapsed()
        });
        times.min().unwrap()
    };
    let bound = Duration::from_millis(2);
    let shown = quickest(&|| assert_eq!(dump(&table, Selector::Prefix(behind), 128), []));
    assert!(shown < bound, "show of a prefix takes {shown:?}");
    let mut rest = kernel::prelude::KVec::with_capacity(8, kernel::prelude::GFP_KERNEL).unwrap();
    let mut resume = || table.dump(Selector::All, Some(after), &mut rest).unwrap();
    let start = Instant::now();
    resume();
    let resumed = start.elapsed();
    assert!(resumed < bound * 5, "the end of a dump takes {resumed:?}");
    let got = quickest(&|| assert_eq!(exact(&table, &[(behind, None)]), [None]));
    assert!(got < bound, "an exact query takes {got:?}");
}

/// Returns the numbers of addresses, and the numbering.
fn numbers(table: &Table, addresses: &[Ipv4Addr]) -> (Vec<u32>, u64) {
    let guard = read_lock();
    let snapshot = table.snapshot(&guard);
    let mut all = Vec::new();
    snapshot.numbers(addresses, |number| all.push(number));
    (all, snapshot.numbering())
}

fn answers(table: &Table, numbers: &[u32]) -> (Vec<Option<(NextHop, u32)>>, u64) {
    let mut all = Vec::new();
    let numbering = table.answers(numbers, |answer| all.push(answer)).unwrap();
    (all, numbering)
}

#[test]
fn a_number_stands_for_a_next_hop_and_a_metric() {
    let table = table();
    for line in [
        "add 10.0.0.0/8 dev a",
        "add 11.0.0.0/8 dev a",
        "add 12.0.0.0/8 dev a metric 5",
        "add 13.0.0.0/8 dev b",
    ] {
        run(&table, line).unwrap();
    }
    let addresses = [10, 11, 12, 13, 14].map(|first| Ipv4Addr::new(first, 1, 2, 3));
    let (found, numbering) = numbers(&table, &addresses);
    assert_eq!((found[0], found[4]), (found[1], 0));
    assert!(found[0] != found[2] && found[0] != found[3]);
    let (known, same) = answers(&table, &found);
    assert_eq!(same, numbering);
    let expected = [
        "10.0.0.0/8 dev a",
        "12.0.0.0/8 dev a metric 5",
        "13.0.0.0/8 dev b",
    ]
    .map(|line| Some((route(line).next_hop, route(line).metric)));
    assert_eq!([known[0], known[2], known[3]], expected);
    assert_eq!((known[1], known[4]), (known[0], None));
    assert_eq!(answers(&table, &[0, u32::MAX, 1000]).0, [None; 3]);
}

#[test]
fn a_numbering_lasts_until_a_number_gets_another_answer() {
    let table = table();
    let served = [Ipv4Addr::new(10, 1, 2, 3)];
    for line in [
        "add 10.0.0.0/8 dev a",
        "add 11.0.0.0/8 dev b",
        "add 12.0.0.0/8 dev c",
    ] {
        run(&table, line).unwrap();
    }
    let (first, numbering) = numbers(&table, &served);
    for _ in 0..100 {
        run(&table, "change 11.0.0.0/8 dev c").unwrap();
        run(&table, "add 13.0.0.0/8 dev a").unwrap();
        run(&table, "del 13.0.0.0/8").unwrap();
        drain_callbacks();
        assert_eq!(numbers(&table, &served), (first.clone(), numbering));
        run(&table, "change 11.0.0.0/8 dev c").unwrap();
    }
    // The number of b is unused now. After a grace period, another next hop can get it.
    let mut changed = false;
    for number in 0..100 {
        run(&table, &format!("replace 14.0.0.0/8 dev n{number}")).unwrap();
        drain_callbacks();
        changed |= numbers(&table, &served).1 != numbering;
    }
    assert!(changed, "no number was used again");
    // A program that asks again gets the right answer.
    let (again, numbering) = numbers(&table, &served);
    let expected = vec![Some((route("10.0.0.0/8 dev a").next_hop, 0))];
    assert_eq!(answers(&table, &again), (expected, numbering));
}

#[test]
fn the_numbering_changes_when_the_table_was_empty() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let served = [Ipv4Addr::new(10, 1, 2, 3)];
    let before = numbers(&table, &served);
    run(&table, "del 10.0.0.0/8").unwrap();
    drain_callbacks();
    table.stats().unwrap();
    run(&table, "add 10.0.0.0/8 dev b").unwrap();
    let after = numbers(&table, &served);
    assert!(before.0 != after.0 || before.1 != after.1);
}
