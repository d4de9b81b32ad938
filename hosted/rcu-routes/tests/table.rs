// SPDX-License-Identifier: GPL-2.0

//! Answers and errors of the table, change by change.

use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu_table::{read_lock, Family, Mode, NextHop, Prefix, PrefixError, Route, Table},
    testing::{address, get, own_stats, prefix, route, run, show, table, Random},
};

/// Returns a table with these routes.
fn table_with(routes: &[&str]) -> Arc<Table> {
    let table = table();
    for line in routes {
        table.insert(&route(line), Mode::Add).unwrap();
    }
    table
}

#[test]
fn an_empty_table_serves_no_address() {
    let table = table();
    assert_eq!(get(&table, "10.0.0.1"), "none");
    assert_eq!(get(&table, "::1"), "none");
    assert!(show(&table).is_empty());
}

#[test]
fn a_prefix_serves_exactly_its_address_range() {
    let table = table_with(&[
        "10.0.0.0/8 dev a",
        "192.0.2.128/25 dev b",
        "2001:db8::/33 dev c",
    ]);
    for (address, expected) in [
        ("9.255.255.255", "none"),
        ("10.0.0.0", "10.0.0.0/8 dev a"),
        ("10.255.255.255", "10.0.0.0/8 dev a"),
        ("11.0.0.0", "none"),
        ("192.0.2.127", "none"),
        ("192.0.2.128", "192.0.2.128/25 dev b"),
        ("192.0.2.255", "192.0.2.128/25 dev b"),
        ("192.0.3.0", "none"),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "none"),
        ("2001:db8::", "2001:db8::/33 dev c"),
        (
            "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::/33 dev c",
        ),
        ("2001:db8:8000::", "none"),
    ] {
        assert_eq!(get(&table, address), expected, "{address}");
    }
}

#[test]
fn the_longest_of_nested_prefixes_serves() {
    let table = table_with(&[
        "0.0.0.0/0 dev l0",
        "10.0.0.0/8 dev l8",
        "10.16.0.0/12 dev l12",
        "10.16.0.0/13 dev l13",
        "10.16.0.0/16 dev l16",
        "10.16.1.0/24 dev l24",
        "10.16.1.1/32 dev l32",
    ]);
    for (address, dev) in [
        ("10.16.1.1", "l32"),
        ("10.16.1.2", "l24"),
        ("10.16.2.0", "l16"),
        ("10.17.0.0", "l13"),
        ("10.24.0.0", "l12"),
        ("10.32.0.0", "l8"),
        ("11.0.0.0", "l0"),
    ] {
        let answer = get(&table, address);
        assert!(
            answer.ends_with(&format!(" dev {dev}")),
            "{address}: {answer}"
        );
    }
}

#[test]
fn a_gap_between_nested_prefixes_falls_back_to_the_outer_one() {
    let table = table_with(&["10.0.0.0/8 dev out", "10.1.2.3/32 dev in"]);
    assert_eq!(get(&table, "10.1.2.3"), "10.1.2.3/32 dev in");
    assert_eq!(get(&table, "10.1.2.2"), "10.0.0.0/8 dev out");
    assert_eq!(get(&table, "10.1.3.3"), "10.0.0.0/8 dev out");
}

#[test]
fn default_routes_serve_every_address_of_their_family() {
    let table = table_with(&["default via 192.0.2.1", "default via fe80::1 dev eth0"]);
    for address in ["0.0.0.0", "255.255.255.255", "127.0.0.1"] {
        assert_eq!(get(&table, address), "0.0.0.0/0 via 192.0.2.1");
    }
    for address in [
        "::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "::ffff:1.2.3.4",
    ] {
        assert_eq!(get(&table, address), "::/0 via fe80::1 dev eth0");
    }
}

#[test]
fn host_routes_serve_one_address() {
    let table = table_with(&["192.0.2.1/32 dev a", "2001:db8::1/128 dev b"]);
    assert_eq!(get(&table, "192.0.2.1"), "192.0.2.1/32 dev a");
    assert_eq!(get(&table, "192.0.2.0"), "none");
    assert_eq!(get(&table, "192.0.2.2"), "none");
    assert_eq!(get(&table, "2001:db8::1"), "2001:db8::1/128 dev b");
    assert_eq!(get(&table, "2001:db8::"), "none");
    assert_eq!(get(&table, "2001:db8::3"), "none");
}

#[test]
fn routes_serve_only_their_own_family() {
    // Both prefixes have the same leading bits.
    let table = table_with(&["10.0.0.0/8 dev four", "a00::/8 dev six"]);
    assert_eq!(get(&table, "10.1.1.1"), "10.0.0.0/8 dev four");
    assert_eq!(get(&table, "a01:101::"), "a00::/8 dev six");
    run(&table, "del 10.0.0.0/8").unwrap();
    assert_eq!(get(&table, "10.1.1.1"), "none");
    assert_eq!(get(&table, "a01:101::"), "a00::/8 dev six");
    assert_eq!(get(&table, "::10.1.1.1"), "none");
}

/// Returns the prefixes of all lengths that cover an address.
fn covering_prefixes(text: &str) -> Vec<Prefix> {
    let address = address(text);
    let lengths = 0..=Family::of(address).bits();
    lengths.map(|len| Prefix::network(address, len)).collect()
}

/// Adds and removes a route of every length in random order. The longest one present must serve.
fn check_every_length(text: &str, seed: u64) {
    let table = table();
    let mut random = Random::new(seed);
    let mut prefixes = covering_prefixes(text);
    random.shuffle(&mut prefixes);
    let mut lens = Vec::new();
    let check = |lens: &[u8]| {
        let route = table.lookup(address(text), &read_lock());
        let found = route.map(|route| (route.prefix.len(), route.metric));
        let longest = lens.iter().max();
        assert_eq!(found, longest.map(|&len| (len, len.into())));
    };
    for prefix in &prefixes {
        let route = Route {
            prefix: *prefix,
            metric: prefix.len().into(),
            next_hop: NextHop::Blackhole,
        };
        table.insert(&route, Mode::Add).unwrap();
        lens.push(prefix.len());
        check(&lens);
    }
    random.shuffle(&mut prefixes);
    for prefix in &prefixes {
        table.remove(prefix, None, None).unwrap();
        lens.retain(|&len| len != prefix.len());
        check(&lens);
    }
    assert_eq!(own_stats(&table).objects, 0);
}

#[test]
fn every_ipv4_length_covering_one_address_serves() {
    for (seed, address) in ["0.0.0.0", "255.255.255.255", "203.0.113.171"]
        .iter()
        .enumerate()
    {
        check_every_length(address, seed as u64);
    }
}

#[test]
fn every_ipv6_length_covering_one_address_serves() {
    for (seed, address) in ["::", "2001:db8:9a3c:71f0:e5b6:8d42:1c0f:a7e9"]
        .iter()
        .enumerate()
    {
        check_every_length(address, seed as u64);
    }
    check_every_length("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9);
}

#[test]
fn a_thousand_next_hops_are_distinct() {
    let table = table();
    let line = |number: usize| {
        let [high, low] = (number as u16).to_be_bytes();
        format!("10.{high}.{low}.0/24 via 192.0.{high}.{low}")
    };
    for number in 0..1000 {
        run(&table, &format!("add {}", line(number))).unwrap();
    }
    for number in 0..1000 {
        let [high, low] = (number as u16).to_be_bytes();
        assert_eq!(get(&table, &format!("10.{high}.{low}.1")), line(number));
    }
}

/// Adds and removes the children of the node of 2001:db8::/32 one by one. The node has a route
/// itself.
#[test]
fn a_node_with_any_number_of_children_finds_each() {
    let table = table();
    let mut random = Random::new(8);
    let mut values: Vec<u8> = (0..=u8::MAX).collect();
    random.shuffle(&mut values);
    let third = |value: u8| u16::from_be_bytes([value, 1]);
    let line = |value: u8| format!("2001:db8:{:x}::/48 dev d{value}", third(value));
    let mut present = [false; 256];
    let check = |present: &[bool; 256]| {
        for value in 0..=u8::MAX {
            let expected = match (present[usize::from(value)], value / 8 == 3) {
                (true, _) => line(value),
                (false, true) => "2001:db8:1800::/37 dev few".into(),
                (false, false) => "none".into(),
            };
            let address = format!("2001:db8:{:x}::1", third(value));
            assert_eq!(get(&table, &address), expected, "{address}");
        }
    };
    run(&table, "add 2001:db8:1800::/37 dev few").unwrap();
    for step in 0..2 {
        for (number, &value) in values.iter().enumerate() {
            let command = ["add", "del"][step];
            run(&table, &format!("{command} {}", line(value))).unwrap();
            present[usize::from(value)] = step == 0;
            if number % 16 < 2 || (number < 12 && step == 0) || (number > 243 && step == 1) {
                check(&present);
            }
        }
        random.shuffle(&mut values);
    }
}

/// Adds and removes nodes between the root and a host route.
#[test]
fn nodes_inserted_and_removed_between_others_keep_lookups_right() {
    let table = table_with(&["2001:db8:1:2:3:4:5:6/128 dev host"]);
    let between = [
        ("2001:db8:1:2::/64", "2001:db8:1:2::1"),
        ("2001:db8::/32", "2001:db8:ffff::1"),
        ("2001:db8:1:2:3::/80", "2001:db8:1:2:3::1"),
        ("2001::/16", "2001:ffff::1"),
        ("2001:db8:1::/48", "2001:db8:1:ffff::1"),
    ];
    let mut random = Random::new(9);
    for _ in 0..50 {
        let mut order = between;
        random.shuffle(&mut order);
        for (number, (prefix, _)) in order.iter().enumerate() {
            run(&table, &format!("add {prefix} dev between")).unwrap();
            for (present, address) in &order[..=number] {
                assert_eq!(get(&table, address), format!("{present} dev between"));
            }
            let host = get(&table, "2001:db8:1:2:3:4:5:6");
            assert_eq!(host, "2001:db8:1:2:3:4:5:6/128 dev host");
        }
        assert_eq!(get(&table, "2002::1"), "none");
        random.shuffle(&mut order);
        for (number, (prefix, _)) in order.iter().enumerate() {
            run(&table, &format!("del {prefix}")).unwrap();
            for (present, address) in &order[number + 1..] {
                assert_eq!(get(&table, address), format!("{present} dev between"));
            }
            let host = get(&table, "2001:db8:1:2:3:4:5:6");
            assert_eq!(host, "2001:db8:1:2:3:4:5:6/128 dev host");
        }
        assert_eq!(get(&table, "2001:db8:1:2:3:4:5:7"), "none");
    }
}

#[test]
fn the_lowest_metric_serves() {
    let table = table_with(&[
        "10.0.0.0/8 dev m20 metric 20",
        "10.0.0.0/8 dev m10 metric 10",
        "10.0.0.0/8 dev last metric 4294967295",
        "10.0.0.0/8 dev m15 metric 15",
    ]);
    assert_eq!(get(&table, "10.1.1.1"), "10.0.0.0/8 dev m10 metric 10");
    run(&table, "add 10.0.0.0/8 dev m0").unwrap();
    assert_eq!(get(&table, "10.1.1.1"), "10.0.0.0/8 dev m0");
}

#[test]
fn a_longer_prefix_serves_despite_a_higher_metric() {
    let table = table_with(&["10.0.0.0/8 dev a", "10.0.0.0/9 dev b metric 4294967295"]);
    assert_eq!(
        get(&table, "10.1.1.1"),
        "10.0.0.0/9 dev b metric 4294967295"
    );
}

#[test]
fn delete_reveals_the_route_with_the_next_metric() {
    let table = table_with(&[
        "10.0.0.0/8 dev m30 metric 30",
        "10.0.0.0/8 dev m10 metric 10",
        "10.0.0.0/8 dev m20 metric 20",
    ]);
    for dev in ["m10", "m20", "m30"] {
        assert!(get(&table, "10.1.1.1").contains(dev));
        run(&table, "del 10.0.0.0/8").unwrap();
    }
    assert_eq!(get(&table, "10.1.1.1"), "none");
    assert_eq!(run(&table, "del 10.0.0.0/8"), Err(ESRCH));
}

#[test]
fn delete_with_a_metric_removes_the_route_with_that_metric() {
    let table = table_with(&["10.0.0.0/8 dev a metric 10", "10.0.0.0/8 dev b metric 20"]);
    run(&table, "del 10.0.0.0/8 metric 20").unwrap();
    assert_eq!(show(&table), ["10.0.0.0/8 dev a metric 10"]);
    assert_eq!(run(&table, "del 10.0.0.0/8 metric 20"), Err(ESRCH));
    assert_eq!(show(&table), ["10.0.0.0/8 dev a metric 10"]);
}

#[test]
fn delete_with_a_next_hop_removes_the_match_with_the_lowest_metric() {
    let table = table_with(&[
        "10.0.0.0/8 via 192.0.2.1 metric 10",
        "10.0.0.0/8 via 192.0.2.2 metric 20",
        "10.0.0.0/8 via 192.0.2.2 metric 30",
    ]);
    run(&table, "del 10.0.0.0/8 via 192.0.2.2").unwrap();
    assert_eq!(
        show(&table),
        [
            "10.0.0.0/8 via 192.0.2.1 metric 10",
            "10.0.0.0/8 via 192.0.2.2 metric 30"
        ]
    );
}

#[test]
fn delete_matches_a_next_hop_by_gateway_or_device() {
    let routes = [
        "10.0.0.0/8 via 192.0.2.1 dev eth0",
        "10.0.0.0/8 via 192.0.2.1 dev eth1 metric 1",
        "10.0.0.0/8 dev eth0 metric 2",
        "blackhole 10.0.0.0/8 metric 3",
    ];
    for (line, deleted) in [
        ("del 10.0.0.0/8 via 192.0.2.1", Some(0)),
        ("del 10.0.0.0/8 dev eth0", Some(0)),
        ("del 10.0.0.0/8 dev eth1", Some(1)),
        ("del 10.0.0.0/8 via 192.0.2.1 dev eth1", Some(1)),
        ("del 10.0.0.0/8 dev eth0 metric 2", Some(2)),
        ("del blackhole 10.0.0.0/8", Some(3)),
        ("del 10.0.0.0/8 via 192.0.2.2", None),
        ("del 10.0.0.0/8 dev eth2", None),
        ("del 10.0.0.0/8 via 192.0.2.1 dev eth2", None),
        ("del prohibit 10.0.0.0/8", None),
    ] {
        let table = table_with(&routes);
        assert_eq!(run(&table, line).is_ok(), deleted.is_some(), "{line}");
        let remaining = routes.iter().enumerate();
        let remaining = remaining.filter(|(at, _)| Some(*at) != deleted);
        let remaining: Vec<_> = remaining.map(|(_, route)| *route).collect();
        assert_eq!(show(&table), remaining, "{line}");
    }
}

#[test]
fn delete_without_a_match_returns_esrch_and_changes_nothing() {
    let table = table_with(&[
        "10.0.0.0/8 via 192.0.2.1 metric 10",
        "10.0.0.0/8 dev b metric 20",
    ]);
    let before = (show(&table), own_stats(&table));
    for line in [
        "del 10.0.0.0/8 metric 11",
        "del 10.0.0.0/8 via 192.0.2.9",
        "del 10.0.0.0/8 metric 20 via 192.0.2.1",
        "del 10.0.0.0/8 metric 10 dev b",
        "del blackhole 10.0.0.0/8",
        "del 10.0.0.0/9",
        "del 10.0.0.0/7",
        "del 0.0.0.0/0",
        "del 10.0.0.0/32",
        "del 11.0.0.0/8",
        "del a00::/8",
    ] {
        assert_eq!(run(&table, line), Err(ESRCH), "{line}");
        assert_eq!((show(&table), own_stats(&table)), before, "{line}");
    }
}

#[test]
fn add_of_an_existing_key_returns_eexist_and_changes_nothing() {
    let table = table_with(&["10.0.0.0/8 dev a metric 10"]);
    let before = (show(&table), own_stats(&table));
    assert_eq!(run(&table, "add 10.0.0.0/8 dev b metric 10"), Err(EEXIST));
    assert_eq!(run(&table, "add 10.0.0.0/8 dev a metric 10"), Err(EEXIST));
    assert_eq!((show(&table), own_stats(&table)), before);
    run(&table, "add 10.0.0.0/8 dev b metric 11").unwrap();
}

#[test]
fn change_of_a_missing_key_returns_enoent_and_changes_nothing() {
    let table = table_with(&["10.0.0.0/8 dev a metric 10"]);
    let before = (show(&table), own_stats(&table));
    for line in [
        "change 10.0.0.0/8 dev b metric 11",
        "change 10.0.0.0/9 dev b metric 10",
        "change 10.0.0.0/7 dev b metric 10",
        "change a00::/8 dev b metric 10",
    ] {
        assert_eq!(run(&table, line), Err(ENOENT), "{line}");
        assert_eq!((show(&table), own_stats(&table)), before, "{line}");
    }
    run(&table, "change 10.0.0.0/8 dev b metric 10").unwrap();
    assert_eq!(show(&table), ["10.0.0.0/8 dev b metric 10"]);
}

#[test]
fn replace_adds_or_changes() {
    let table = table();
    run(&table, "replace 10.0.0.0/8 dev a metric 10").unwrap();
    assert_eq!(show(&table), ["10.0.0.0/8 dev a metric 10"]);
    run(&table, "replace 10.0.0.0/8 dev b metric 10").unwrap();
    assert_eq!(show(&table), ["10.0.0.0/8 dev b metric 10"]);
    run(&table, "replace 10.0.0.0/8 dev c metric 5").unwrap();
    assert_eq!(get(&table, "10.1.1.1"), "10.0.0.0/8 dev c metric 5");
    let stats = own_stats(&table);
    assert_eq!((stats.routes_inet, stats.next_hops), (2, 2));
}

#[test]
fn flush_removes_one_family_or_both() {
    let routes = [
        "10.0.0.0/8 dev a",
        "0.0.0.0/0 dev a",
        "::/0 dev a",
        "2001:db8::1/128 dev b",
    ];
    let table = table_with(&routes);
    run(&table, "flush inet").unwrap();
    assert_eq!(show(&table), ["::/0 dev a", "2001:db8::1/128 dev b"]);
    assert_eq!(get(&table, "10.1.1.1"), "none");
    let stats = own_stats(&table);
    assert_eq!(
        (stats.routes_inet, stats.routes_inet6, stats.next_hops),
        (0, 2, 2)
    );

    let table = table_with(&routes);
    run(&table, "flush inet6").unwrap();
    assert_eq!(show(&table), ["0.0.0.0/0 dev a", "10.0.0.0/8 dev a"]);
    let stats = own_stats(&table);
    assert_eq!(
        (stats.routes_inet, stats.routes_inet6, stats.next_hops),
        (2, 0, 1)
    );

    run(&table, "flush").unwrap();
    let stats = own_stats(&table);
    assert_eq!((stats.routes_inet, stats.routes_inet6), (0, 0));
    assert_eq!((stats.next_hops, stats.objects, stats.bytes), (0, 0, 0));

    run(&table, &format!("add {}", routes[0])).unwrap();
    assert_eq!(get(&table, "10.1.1.1"), routes[0]);
}

#[test]
fn next_hops_are_shared_and_released_with_their_last_route() {
    let table = table();
    let steps = [
        ("add 10.0.0.0/8 via 192.0.2.1", 1),
        ("add 11.0.0.0/8 via 192.0.2.1", 1),
        ("add 2001:db8::/32 via inet 192.0.2.1", 1),
        ("add 10.0.0.0/8 via 192.0.2.1 dev eth0 metric 1", 2),
        ("add 10.0.0.0/8 dev eth0 metric 2", 3),
        ("add blackhole 12.0.0.0/8", 4),
        ("add prohibit 12.0.0.0/8 metric 1", 5),
        ("add unreachable 12.0.0.0/8 metric 2", 6),
        ("change 10.0.0.0/8 via 192.0.2.2", 7),
        ("change 10.0.0.0/8 via 192.0.2.2", 7),
        ("change 11.0.0.0/8 via 192.0.2.2", 7),
        ("change 2001:db8::/32 via inet 192.0.2.2", 6),
        ("del 12.0.0.0/8", 5),
        ("del 12.0.0.0/8", 4),
        ("del 12.0.0.0/8", 3),
        ("del 10.0.0.0/8", 3),
        ("del 11.0.0.0/8", 3),
        ("del 2001:db8::/32", 2),
        ("flush inet6", 2),
        ("flush inet", 0),
    ];
    for (line, next_hops) in steps {
        run(&table, line).unwrap();
        assert_eq!(table.stats().unwrap().next_hops, next_hops, "after {line}");
    }
}

#[test]
fn a_gateway_can_be_of_either_family() {
    let routes = [
        "10.0.0.0/8 via 192.0.2.1",
        "11.0.0.0/8 via inet6 fe80::1 dev eth0",
        "2001:db8::/32 via fe80::2",
        "2001:db9::/32 via inet 192.0.2.2 dev eth1",
    ];
    let table = table_with(&routes);
    assert_eq!(get(&table, "10.1.1.1"), routes[0]);
    assert_eq!(get(&table, "11.1.1.1"), routes[1]);
    assert_eq!(get(&table, "2001:db8::1"), routes[2]);
    assert_eq!(get(&table, "2001:db9::1"), routes[3]);
}

#[test]
fn only_changes_advance_the_generation() {
    let table = table();
    let mut generation = table.generation();
    let mut expect = |line: &str, changes: bool| {
        let _ = run(&table, line);
        assert_eq!(table.generation() != generation, changes, "{line}");
        generation = table.generation();
        assert_eq!(table.stats().unwrap().generation, generation);
    };
    expect("add 10.0.0.0/8 dev a", true);
    expect("add 10.0.0.0/8 dev b", false);
    expect("change 10.0.0.0/9 dev b", false);
    expect("change 10.0.0.0/8 dev b", true);
    expect("replace 10.0.0.0/8 dev c", true);
    expect("replace ::/0 dev c", true);
    expect("del 10.0.0.0/9", false);
    expect("del 10.0.0.0/8", true);
    expect("flush inet", false);
    expect("flush", true);
    expect("flush", false);
    let _ = (get(&table, "10.1.1.1"), show(&table));
    assert_eq!(table.generation(), generation);
}

#[test]
fn routes_are_counted_by_family() {
    let table = table_with(&[
        "10.0.0.0/8 dev a",
        "10.0.0.0/8 dev a metric 1",
        "::/0 dev a",
    ]);
    let stats = own_stats(&table);
    assert_eq!((stats.routes_inet, stats.routes_inet6), (2, 1));
    let rows = table.stats().unwrap().rows();
    assert_eq!(rows[0], ("routes_inet", 2));
    assert_eq!(rows[1], ("routes_inet6", 1));
}

#[test]
fn prefixes_with_host_bits_or_invalid_length_are_rejected() {
    for (text, len, expected) in [
        ("10.0.0.0", 8, None),
        ("10.0.0.0", 7, None),
        ("10.0.0.0", 6, Some(PrefixError::HostBits)),
        ("10.0.0.1", 31, Some(PrefixError::HostBits)),
        ("10.0.0.1", 32, None),
        ("10.0.0.1", 33, Some(PrefixError::TooLong)),
        ("0.0.0.0", 0, None),
        ("0.0.0.1", 0, Some(PrefixError::HostBits)),
        ("::1", 127, Some(PrefixError::HostBits)),
        ("::1", 128, None),
        ("::1", 129, Some(PrefixError::TooLong)),
        ("::", 255, Some(PrefixError::TooLong)),
        ("8000::", 0, Some(PrefixError::HostBits)),
    ] {
        assert_eq!(
            Prefix::new(address(text), len).err(),
            expected,
            "{text}/{len}"
        );
    }
}

#[test]
fn a_prefix_returns_its_address_and_length() {
    for text in [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "255.255.255.255/32",
        "::/0",
        "fe80::/10",
        "::1/128",
    ] {
        let prefix = prefix(text);
        assert_eq!(prefix.to_string(), text);
        assert_eq!(Prefix::new(prefix.address(), prefix.len()), Ok(prefix));
        assert_eq!(prefix.is_default(), text.ends_with("/0"));
        assert_eq!(prefix.family() == Family::Inet6, text.contains(':'));
    }
}

#[test]
fn dropping_a_deep_table_uses_bounded_stack() {
    // A recursive drop of this depth would overflow a small stack.
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let thread = small.spawn(|| {
        let table = table();
        for (number, prefix) in covering_prefixes("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
            .iter()
            .enumerate()
        {
            let line = format!("add {prefix} dev d metric {number}");
            run(&table, &line).unwrap();
        }
        run(&table, "add ::1/128 dev d").unwrap();
        assert_eq!(show(&table).len(), 130);
    });
    thread.unwrap().join().unwrap();
}
