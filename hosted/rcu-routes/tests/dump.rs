// SPDX-License-Identifier: GPL-2.0

//! Dumps: in order, in pieces of any size, resumable, and complete while the table changes.

use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu_table::{Family, Key, Mode, Prefix, Route, Selector, Table},
    testing::{dump, prefix, route, run, table, Random, StopFlag},
};
use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

/// Routes in the order of a dump.
const SORTED: &[&str] = &[
    "0.0.0.0/0 dev a",
    "0.0.0.0/1 dev a",
    "0.0.0.0/4 dev a",
    "0.0.0.0/32 dev a",
    "10.0.0.0/8 dev a",
    "10.0.0.0/8 dev b metric 1",
    "10.0.0.0/8 dev c metric 4294967295",
    "10.0.0.0/9 dev a",
    "10.0.0.0/32 dev a",
    "10.0.0.1/32 dev a",
    "10.64.0.0/10 dev a",
    "10.128.0.0/9 dev a",
    "10.128.0.0/12 dev a",
    "11.0.0.0/8 dev a",
    "128.0.0.0/1 dev a",
    "255.255.255.255/32 dev a",
    "::/0 dev a",
    "::/128 dev a",
    "::1/128 dev a",
    "1000::/4 dev a",
    "2001:db8::/32 dev a",
    "2001:db8::/33 dev a metric 7",
    "2001:db8::/33 dev a metric 8",
    "2001:db8::/64 dev a",
    "2001:db8::1/128 dev a",
    "2001:db8:8000::/33 dev a",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 dev a",
];

const CAPACITIES: [usize; 5] = [1, 2, 3, 7, 128];

/// Returns a table with the routes of [`SORTED`], added in random order.
fn sample() -> (Arc<Table>, Vec<Route>) {
    let sorted: Vec<Route> = SORTED.iter().map(|line| route(line)).collect();
    let mut shuffled = sorted.clone();
    Random::new(1).shuffle(&mut shuffled);
    let table = table();
    for route in &shuffled {
        table.insert(route, Mode::Add).unwrap();
    }
    (table, sorted)
}

#[test]
fn an_empty_table_dumps_nothing() {
    for capacity in CAPACITIES {
        assert!(dump(&table(), Selector::All, capacity).is_empty());
    }
}

#[test]
fn a_lone_default_route_is_dumped() {
    let table = table();
    run(&table, "add 0.0.0.0/0 dev a").unwrap();
    assert_eq!(dump(&table, Selector::All, 7), [route("0.0.0.0/0 dev a")]);
}

#[test]
fn a_dump_with_any_capacity_is_in_order() {
    let (table, sorted) = sample();
    let mut by_key = sorted.clone();
    by_key.sort_by_key(|route| Key::from(route));
    assert_eq!(by_key, sorted);
    for capacity in CAPACITIES {
        assert_eq!(dump(&table, Selector::All, capacity), sorted, "{capacity}");
    }
}

#[test]
fn a_large_random_table_is_dumped_in_order() {
    let mut random = Random::new(2);
    let table = table();
    let mut expected = Vec::new();
    for _ in 0..3000 {
        let bits = (random.word() as u32) & 0xff0f_ff01;
        let len = 8 + random.below(25) as u8;
        let prefix = Prefix::network(std::net::Ipv4Addr::from_bits(bits).into(), len);
        let route = Route {
            prefix,
            ..route("0.0.0.0/0 dev a")
        };
        if table.insert(&route, Mode::Add).is_ok() {
            expected.push(route);
        }
    }
    expected.sort_by_key(|route| (route.prefix.address(), route.prefix.len()));
    for capacity in CAPACITIES {
        assert_eq!(dump(&table, Selector::All, capacity), expected);
    }
}

#[test]
fn a_family_selector_dumps_only_that_family() {
    let (table, sorted) = sample();
    for family in [Family::Inet, Family::Inet6] {
        let expected: Vec<Route> = sorted
            .iter()
            .filter(|route| route.prefix.family() == family)
            .copied()
            .collect();
        for capacity in CAPACITIES {
            assert_eq!(dump(&table, Selector::Family(family), capacity), expected);
        }
    }
}

#[test]
fn a_prefix_selector_dumps_all_metrics_of_that_prefix() {
    let (table, sorted) = sample();
    let prefixes: BTreeSet<Prefix> = sorted.iter().map(|route| route.prefix).collect();
    for prefix in prefixes {
        let expected: Vec<Route> = sorted
            .iter()
            .filter(|route| route.prefix == prefix)
            .copied()
            .collect();
        for capacity in CAPACITIES {
            assert_eq!(
                dump(&table, Selector::Prefix(prefix), capacity),
                expected,
                "{prefix}"
            );
        }
    }
    for missing in [
        "10.0.0.0/7",
        "10.0.0.0/10",
        "10.0.0.0/31",
        "10.64.0.0/11",
        "12.0.0.0/8",
        "2001:db8::/31",
        "2001:db8::/127",
        "::/1",
    ] {
        for capacity in CAPACITIES {
            assert!(dump(&table, Selector::Prefix(prefix(missing)), capacity).is_empty());
        }
    }
}

/// Dumps one piece.
fn piece(table: &Table, selector: Selector, after: Option<Key>, capacity: usize) -> Vec<Route> {
    let mut out = KVec::with_capacity(capacity, GFP_KERNEL).unwrap();
    table.dump(selector, after, &mut out).unwrap();
    out.to_vec()
}

#[test]
fn a_dump_resumes_after_any_key() {
    let (table, sorted) = sample();
    let mut keys: Vec<Key> = sorted.iter().map(Key::from).collect();
    for text in [
        "0.0.0.0/2",
        "9.0.0.0/8",
        "10.0.0.0/10",
        "10.0.0.2/32",
        "10.96.0.0/11",
        "254.0.0.0/7",
        "255.255.255.254/31",
        "::/1",
        "::2/127",
        "2001:db8::/34",
        "2001:db8::2/128",
        "8000::/1",
    ] {
        keys.push(Key {
            prefix: prefix(text),
            metric: 3,
        });
    }
    let metrics = keys.clone().into_iter().flat_map(|key| {
        let around = [key.metric.saturating_sub(1), key.metric.saturating_add(1)];
        around.map(|metric| Key { metric, ..key })
    });
    keys.extend(metrics);
    for key in keys {
        let rest: Vec<Route> = sorted
            .iter()
            .filter(|route| Key::from(*route) > key)
            .copied()
            .collect();
        assert_eq!(
            piece(&table, Selector::All, Some(key), 128),
            rest,
            "{key:?}"
        );
        for family in [Family::Inet, Family::Inet6] {
            let mut rest = rest.clone();
            rest.retain(|route| route.prefix.family() == family);
            let found = piece(&table, Selector::Family(family), Some(key), 128);
            assert_eq!(found, rest, "{key:?} {family:?}");
        }
        let selector = Selector::Prefix(prefix("10.0.0.0/8"));
        let mut rest = rest.clone();
        rest.retain(|route| route.prefix == prefix("10.0.0.0/8"));
        assert_eq!(piece(&table, selector, Some(key), 128), rest, "{key:?}");
    }
}

#[test]
fn a_dump_resumes_after_a_deleted_route() {
    for capacity in [1, 2, 3, 7] {
        let (table, sorted) = sample();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let routes = piece(&table, Selector::All, after, capacity);
            for route in &routes {
                table
                    .remove(&route.prefix, Some(route.metric), None)
                    .unwrap();
            }
            seen.extend_from_slice(&routes);
            if routes.len() < capacity {
                break;
            }
            after = routes.last().map(Key::from);
        }
        assert_eq!(seen, sorted);
        assert_eq!(table.stats().unwrap().objects, 0);
    }
}

#[test]
fn a_dump_appends_up_to_the_remaining_capacity() {
    let (table, sorted) = sample();
    let mut out = KVec::with_capacity(5, GFP_KERNEL).unwrap();
    out.push_within_capacity(sorted[20]).unwrap();
    table.dump(Selector::All, None, &mut out).unwrap();
    assert_eq!(out[0], sorted[20]);
    assert_eq!(out[1..], sorted[..4]);
    assert_eq!(out.capacity(), 5);
    table.dump(Selector::All, None, &mut out).unwrap();
    assert_eq!(out.len(), 5);
}

#[test]
fn a_dump_during_changes_has_each_permanent_route_exactly_once() {
    let (table, sorted) = sample();
    // Routes around the stable ones: the same prefix and longer ones, which add and remove nodes.
    let churn: Vec<Route> = sorted
        .iter()
        .flat_map(|stable| {
            let text = stable.prefix.address().to_string();
            let (len, all) = (stable.prefix.len(), stable.prefix.family().bits());
            let lens = [len, len + (all - len) / 2, all];
            lens.map(|len| route(&format!("{text}/{len} dev churn metric 77")))
        })
        .collect();
    let stop = StopFlag::new();
    let mut dumps = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(3);
            while !stop.is_set() {
                let route = churn[random.below(churn.len())];
                match random.below(2) {
                    0 => drop(table.insert(&route, Mode::Replace)),
                    _ => drop(table.remove(&route.prefix, Some(77), None)),
                }
            }
        });
        let _stop = stop.on_drop();
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            for capacity in CAPACITIES {
                let seen = dump(&table, Selector::All, capacity);
                let keys: Vec<Key> = seen.iter().map(Key::from).collect();
                let rising = keys.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(rising, "routes out of order or repeated");
                let stable: Vec<Route> = seen
                    .into_iter()
                    .filter(|route| route.metric != 77)
                    .collect();
                assert_eq!(stable, sorted);
                dumps += 1;
            }
        }
    });
    assert!(dumps > 50, "only {dumps} dumps");
}
