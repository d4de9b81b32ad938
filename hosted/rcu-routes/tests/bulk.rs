// SPDX-License-Identifier: GPL-2.0

//! Bulk lookups answer as lookups one by one, in tables with nodes of all kinds. Tables with more
//! than 32,766 next hops have wide nodes.

use rcu_routes::{
    rcu_table::{read_lock, BulkAddress, Family, Mode, NextHop, Prefix, Route, Selector, Table},
    testing::{dump, own_stats, table, Random},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Next hops, so that the numbers of some exceed 15 bits.
const WIDE: u32 = 33_000;

fn next_hop(number: u32) -> NextHop {
    NextHop::Via(Ipv4Addr::from_bits((10 << 24) | number).into(), None)
}

fn route(address: IpAddr, len: u8, number: u32) -> Route {
    Route {
        prefix: Prefix::network(address, len),
        metric: 0,
        next_hop: next_hop(number),
    }
}

fn replace(table: &Table, route: &Route) {
    table.insert(route, Mode::Replace).unwrap();
}

/// Asserts that a bulk lookup of any number of addresses answers as lookups one by one.
fn check<A: BulkAddress + Into<IpAddr>>(table: &Table, addresses: &[A]) {
    let guard = read_lock();
    for size in [1, 31, 32, 33, addresses.len()] {
        for addresses in addresses.chunks(size) {
            let mut next_hops = vec![None; addresses.len()];
            table.lookup_bulk(&guard, addresses, &mut next_hops);
            let mut references = vec![None; addresses.len()];
            let snapshot = table.snapshot(&guard);
            snapshot.next_hops(addresses, &mut references);
            for (at, address) in addresses.iter().enumerate() {
                let address = (*address).into();
                let expected = table.next_hop(address, &guard);
                assert_eq!(next_hops[at], expected, "{address}, {size} at a time");
                let found = references[at].map(|found| found.get());
                assert_eq!(found, expected, "{address}, {size} at a time");
            }
        }
    }
}

/// Returns addresses near those that routes use, so that lookups end at all depths.
fn near(random: &mut Random, bits: u128, family: Family) -> u128 {
    let kept = random.below(usize::from(family.bits()) + 1) as u32;
    let noise = random.wide().checked_shr(kept).unwrap_or(0);
    bits ^ noise
}

#[test]
fn bulk_lookups_answer_as_lookups_one_by_one() {
    let mut random = Random::new(5);
    let table = table();
    let (mut inet, mut inet6) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        // Few first bytes, so that prefixes nest.
        let bits = (random.wide() & !(0xfc << 120)) | (0x20 << 120);
        let number = random.below(300) as u32;
        let len = random.below(33) as u8;
        let v4 = |bits: u128| Ipv4Addr::from_bits((bits >> 96) as u32);
        replace(&table, &route(v4(bits).into(), len, number));
        inet.push(v4(near(&mut random, bits, Family::Inet)));
        let len = random.below(129) as u8;
        let v6 = Ipv6Addr::from_bits;
        replace(&table, &route(v6(bits).into(), len, number));
        inet6.push(v6(near(&mut random, bits, Family::Inet6)));
    }
    check(&table, &inet);
    check(&table, &inet6);
}

#[test]
fn wide_nodes_answer_as_narrow_ones_and_become_narrow_again() {
    let table = table();
    let inet = |number: u32| Ipv4Addr::from_bits((20 << 24) + (number << 8));
    let inet6 = |number: u32| Ipv6Addr::from_bits((0x2001 << 112) | (u128::from(number) << 80));
    let all = || (0..WIDE).map(|number| (inet(number), inet6(number), number));
    for (v4, v6, number) in all() {
        replace(&table, &route(v4.into(), 24, number));
        replace(&table, &route(v6.into(), 48, number));
    }
    // Hosts make children of wide nodes, and wide children.
    for host in 0..300 {
        let number = WIDE - 1 - host;
        let v4 = inet(number).to_bits() | 7;
        replace(&table, &route(Ipv4Addr::from_bits(v4).into(), 32, WIDE - 1));
    }
    let guard = read_lock();
    for (v4, v6, number) in all() {
        let expected = Some(next_hop(number));
        assert_eq!(table.next_hop(v4.into(), &guard), expected, "{v4}");
        assert_eq!(table.next_hop(v6.into(), &guard), expected, "{v6}");
        let found = table.lookup(v4.into(), &guard);
        assert_eq!(found, Some(route(v4.into(), 24, number)));
        let found = table.lookup(v6.into(), &guard);
        assert_eq!(found, Some(route(v6.into(), 48, number)));
    }
    drop(guard);
    check(&table, &all().map(|(v4, ..)| v4).collect::<Vec<_>>());
    check(&table, &all().map(|(_, v6, _)| v6).collect::<Vec<_>>());
    let routes = dump(&table, Selector::All, 1000);
    assert_eq!(routes.len(), 2 * WIDE as usize + 300);
    assert!(routes.is_sorted_by_key(|route| (route.prefix, route.metric)));

    let wide = own_stats(&table).bytes;
    for (v4, v6, _) in all() {
        replace(&table, &route(v4.into(), 24, 1));
        replace(&table, &route(v6.into(), 48, 1));
    }
    let narrow = own_stats(&table);
    assert_eq!(narrow.next_hops, 2);
    assert!(narrow.bytes < wide, "{} bytes after {wide}", narrow.bytes);
    table.flush(None).unwrap();
    assert_eq!(own_stats(&table).objects, 0);
}
