// SPDX-License-Identifier: GPL-2.0

use super::{
    command_tests::{any_address, any_route},
    uapi::{self, family, route_type, verb},
};
use crate::rcu_table::{
    DevName, Family, Key, Mode, NextHop, Operation, Prefix, Route, Selector, Stats,
};
use core::net::IpAddr;
use kernel::prelude::{Error, EINVAL};
use proptest::prelude::*;

fn address(text: &str) -> uapi::Address {
    text.parse::<IpAddr>().unwrap().into()
}

fn prefix(text: &str, len: u8) -> Prefix {
    Prefix::new(text.parse().unwrap(), len).unwrap()
}

fn dev(name: &str) -> [u8; 16] {
    let mut dev = [0; 16];
    dev[..name.len()].copy_from_slice(name.as_bytes());
    dev
}

/// `10.0.0.0/8 via 192.0.2.1 dev eth0 metric 7`
fn full() -> uapi::Route {
    uapi::Route {
        dst: address("10.0.0.0"),
        prefix_len: 8,
        route_type: route_type::UNICAST,
        metric: 7,
        gateway: address("192.0.2.1"),
        dev: dev("eth0"),
        ..uapi::Route::default()
    }
}

/// `10.0.0.0/8` without a next hop.
fn bare() -> uapi::Route {
    uapi::Route {
        dst: address("10.0.0.0"),
        prefix_len: 8,
        ..uapi::Route::default()
    }
}

fn operation(verb: u32, flags: u32, route: uapi::Route) -> Result<Operation, Error> {
    uapi::Operation { verb, flags, route }.to_operation()
}

#[test]
fn addresses_are_in_network_order() {
    let v4 = address("10.1.2.3");
    assert_eq!(v4.family, family::INET);
    assert_eq!(v4.bytes, [10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let v6 = address("2001:db8::1");
    assert_eq!(v6.family, family::INET6);
    assert_eq!(v6.bytes[..4], [0x20, 0x01, 0x0d, 0xb8]);
    assert_eq!(v6.bytes[15], 1);
}

#[test]
fn malformed_addresses_are_rejected() {
    let mut tail = address("10.1.2.3");
    tail.bytes[4] = 1;
    let mut last = address("10.1.2.3");
    last.bytes[15] = 1;
    let mut reserved = address("2001:db8::1");
    reserved.reserved[2] = 1;
    let unknown = uapi::Address {
        family: 1,
        ..uapi::Address::default()
    };
    for malformed in [tail, last, reserved, unknown, uapi::Address::default()] {
        assert_eq!(malformed.to_ip(), Err(EINVAL), "{malformed:?}");
    }
}

#[test]
fn add_change_and_replace_become_inserts() {
    let route = Route {
        prefix: prefix("10.0.0.0", 8),
        metric: 7,
        next_hop: NextHop::Via([192, 0, 2, 1].into(), DevName::new("eth0")),
    };
    for (verb, mode) in [
        (verb::ADD, Mode::Add),
        (verb::CHANGE, Mode::Change),
        (verb::REPLACE, Mode::Replace),
    ] {
        let insert = Operation::Insert(route, mode);
        assert_eq!(operation(verb, 0, full()), Ok(insert));
        assert_eq!(operation(verb, 0, bare()), Err(EINVAL));
        assert_eq!(operation(verb, 1, full()), Err(EINVAL));
    }
}

#[test]
fn every_type_of_next_hop_is_read() {
    let eth0 = DevName::new("eth0");
    let unicast = |gateway, dev| uapi::Route {
        gateway,
        dev,
        ..full()
    };
    let typed = |route_type| uapi::Route {
        route_type,
        ..bare()
    };
    let none = uapi::Address::default();
    for (route, next_hop) in [
        (full(), NextHop::Via([192, 0, 2, 1].into(), eth0)),
        (
            unicast(address("fe80::1"), dev("")),
            NextHop::Via("fe80::1".parse().unwrap(), None),
        ),
        (unicast(none, dev("eth0")), NextHop::Dev(eth0.unwrap())),
        (typed(route_type::BLACKHOLE), NextHop::Blackhole),
        (typed(route_type::UNREACHABLE), NextHop::Unreachable),
        (typed(route_type::PROHIBIT), NextHop::Prohibit),
    ] {
        let metric = route.metric;
        let route = operation(verb::ADD, 0, route);
        let expected = Route {
            prefix: prefix("10.0.0.0", 8),
            metric,
            next_hop,
        };
        assert_eq!(route, Ok(Operation::Insert(expected, Mode::Add)));
    }
}

#[test]
fn malformed_routes_are_rejected() {
    let changed = |change: fn(&mut uapi::Route)| {
        let mut route = full();
        change(&mut route);
        route
    };
    for route in [
        changed(|route| route.prefix_len = 33),
        changed(|route| route.dst = address("10.0.0.1")),
        changed(|route| route.dst = uapi::Address::default()),
        changed(|route| route.reserved = 1),
        changed(|route| route.reserved = 0x100),
        changed(|route| route.route_type = route_type::BLACKHOLE),
        changed(|route| route.route_type = 2),
        changed(|route| route.gateway.family = 3),
        changed(|route| route.gateway.reserved[0] = 1),
        changed(|route| route.dev = dev("a/b")),
        changed(|route| route.dev = [b'a'; 16]),
        changed(|route| route.dev[15] = 1),
        changed(|route| route.dev[0] = 0),
        changed(|route| route.dev[0] = 0xff),
        changed(|route| (route.gateway, route.dev) = (uapi::Address::default(), dev(""))),
        // An address without a family is invalid.
        changed(|route| {
            (route.gateway, route.dev) = (uapi::Address::default(), dev(""));
            route.gateway.bytes[0] = 1;
        }),
    ] {
        for verb in [verb::ADD, verb::DEL] {
            let found = operation(verb, uapi::DEL_METRIC * u32::from(verb == verb::DEL), route);
            assert_eq!(found, Err(EINVAL), "{route:?}");
        }
    }
}

#[test]
fn delete_matches_only_the_given_fields() {
    let ten = prefix("10.0.0.0", 8);
    let remove = |metric, next_hop| Ok(Operation::Remove(ten, metric, next_hop));
    let del = |flags, route| operation(verb::DEL, flags, route);
    let metric = |route| uapi::Route { metric: 7, ..route };

    assert_eq!(del(0, bare()), remove(None, None));
    assert_eq!(del(uapi::DEL_METRIC, bare()), remove(Some(0), None));
    assert_eq!(del(uapi::DEL_METRIC, metric(bare())), remove(Some(7), None));
    assert_eq!(del(0, metric(bare())), Err(EINVAL));
    let via = NextHop::Via([192, 0, 2, 1].into(), DevName::new("eth0"));
    assert_eq!(del(uapi::DEL_METRIC, full()), remove(Some(7), Some(via)));
    let blackhole = uapi::Route {
        route_type: route_type::BLACKHOLE,
        ..bare()
    };
    assert_eq!(del(0, blackhole), remove(None, Some(NextHop::Blackhole)));
    let unnamed = uapi::Route {
        dev: dev("eth0"),
        ..bare()
    };
    assert_eq!(del(0, unnamed), Err(EINVAL));
    assert_eq!(del(2, bare()), Err(EINVAL));
}

#[test]
fn flush_accepts_only_a_family() {
    let of = |family| {
        let mut route = uapi::Route::default();
        route.dst.family = family;
        route
    };
    for (family, expected) in [
        (family::UNSPEC, Ok(Operation::Flush(None))),
        (family::INET, Ok(Operation::Flush(Some(Family::Inet)))),
        (family::INET6, Ok(Operation::Flush(Some(Family::Inet6)))),
        (1, Err(EINVAL)),
    ] {
        assert_eq!(operation(verb::FLUSH, 0, of(family)), expected);
    }
    assert_eq!(operation(verb::FLUSH, 1, of(0)), Err(EINVAL));
    assert_eq!(operation(verb::FLUSH, 0, bare()), Err(EINVAL));
    let mut metric = of(0);
    metric.metric = 1;
    assert_eq!(operation(verb::FLUSH, 0, metric), Err(EINVAL));
}

#[test]
fn unknown_verbs_are_rejected() {
    for verb in [0, verb::FLUSH + 1, u32::MAX] {
        assert_eq!(operation(verb, 0, full()), Err(EINVAL));
    }
}

#[test]
fn binary_and_text_statistics_are_the_same() {
    let stats = Stats {
        routes_inet: 1,
        routes_inet6: 2,
        next_hops: 3,
        objects: 4,
        bytes: 5,
        generation: 6,
        retired_objects: 7,
        retired_bytes: 8,
        reclaimed_objects: 9,
        next_hop_bytes: 10,
        copied_bytes: 11,
        unchanged: 12,
        nexthop_objects: 13,
    };
    let wire = uapi::Stats::from(&stats);
    let rows = [
        ("routes_inet", wire.routes_inet),
        ("routes_inet6", wire.routes_inet6),
        ("next_hops", wire.next_hops),
        ("objects", wire.objects),
        ("bytes", wire.bytes),
        ("generation", wire.generation),
        ("retired_objects", wire.retired_objects),
        ("retired_bytes", wire.retired_bytes),
        ("reclaimed_objects", wire.reclaimed_objects),
        ("next_hop_bytes", wire.next_hop_bytes),
        ("copied_bytes", wire.copied_bytes),
        ("unchanged", wire.unchanged),
        ("nexthop_objects", wire.nexthop_objects),
    ];
    assert_eq!(stats.rows(), rows);
}

/// Sets one byte of a route in memory.
fn set_byte(route: &mut uapi::Route, at: usize, byte: u8) {
    let [low, high] = route.reserved.to_ne_bytes();
    let mut metric = route.metric.to_ne_bytes();
    match at {
        0 => route.dst.family = byte,
        1..=3 => route.dst.reserved[at - 1] = byte,
        4..=19 => route.dst.bytes[at - 4] = byte,
        20 => route.prefix_len = byte,
        21 => route.route_type = byte,
        22 => route.reserved = u16::from_ne_bytes([byte, high]),
        23 => route.reserved = u16::from_ne_bytes([low, byte]),
        24..=27 => {
            metric[at - 24] = byte;
            route.metric = u32::from_ne_bytes(metric);
        }
        28 => route.gateway.family = byte,
        29..=31 => route.gateway.reserved[at - 29] = byte,
        32..=47 => route.gateway.bytes[at - 32] = byte,
        _ => route.dev[at - 48] = byte,
    }
}

proptest! {
    #[test]
    fn addresses_survive_a_round_trip(address in any_address()) {
        prop_assert_eq!(uapi::Address::from(address).to_ip(), Ok(address));
    }

    #[test]
    fn routes_survive_a_round_trip(route in any_route()) {
        let found = operation(verb::REPLACE, 0, uapi::Route::from(&route));
        prop_assert_eq!(found, Ok(Operation::Insert(route, Mode::Replace)));
    }

    #[test]
    fn keys_survive_a_round_trip(route in any_route()) {
        let key = Key::from(&route);
        prop_assert_eq!(uapi::Key::from(&key).to_key(), Ok((key.prefix, Some(key.metric))));
        let dump = uapi::Dump { after: (&key).into(), ..uapi::Dump::default() };
        prop_assert_eq!((dump.selector(), dump.after()), (Ok(Selector::All), Ok(Some(key))));
        let select = uapi::Key { flags: 0, metric: 0, ..(&key).into() };
        let dump = uapi::Dump { select, flags: uapi::DUMP_PREFIX, ..uapi::Dump::default() };
        prop_assert_eq!(dump.selector(), Ok(Selector::Prefix(key.prefix)));
    }

    #[test]
    fn an_answer_is_a_route_without_a_prefix(route in any_route()) {
        let expected = uapi::Route {
            dst: uapi::Address::default(),
            prefix_len: 0,
            ..uapi::Route::from(&route)
        };
        prop_assert_eq!(uapi::Route::of_answer(route.next_hop, route.metric), expected);
    }

    /// Every accepted route is in the form that this kernel writes.
    #[test]
    fn every_byte_of_a_route_is_checked(route in any_route(), at in 0..64_usize, byte in any::<u8>()) {
        let mut wire = uapi::Route::from(&route);
        set_byte(&mut wire, at, byte);
        if let Ok(Operation::Insert(read, Mode::Add)) = operation(verb::ADD, 0, wire) {
            prop_assert_eq!(uapi::Route::from(&read), wire);
        }
    }
}
