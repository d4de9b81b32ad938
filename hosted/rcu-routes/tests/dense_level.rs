// SPDX-License-Identifier: GPL-2.0

//! Changes of the routes of one level, so dense that prefixes cover, hide and reveal each other and
//! that children appear and disappear. A map of the routes is the oracle.

use rcu_routes::{
    rcu_table::{read_lock, Family, Mode, NextHop, Operation, Prefix, Route, Selector, Table},
    testing::{dump, table, Random},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The routes by the address bits and the length of their prefixes: the numbers of the next hops.
type Routes = BTreeMap<(u128, u8), u32>;

fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::Inet => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
    }
}

fn network(bits: u128, len: u8) -> u128 {
    bits & !(u128::MAX >> len)
}

/// Inserts, replaces or removes a random route of the level that decides eight bits after `above`,
/// or of a level below.
fn change(random: &mut Random, family: Family, above: u8, routes: &mut Routes) -> Operation {
    let values = [4, 16, 256][random.below(3)];
    let value = (random.below(values) as u128) << (120 - above);
    let below = (random.below(4) as u128) << (112 - above);
    let base = 0x2001_0db8_u128 << 96;
    let extra = if random.below(4) == 0 { 9 } else { 1 };
    let len = above + extra + random.below(8) as u8;
    let bits = network(network(base, above) | value | below, len);
    let prefix = Prefix::new(address(family, bits), len).unwrap();
    if random.below(5) < 2 && routes.remove(&(bits, len)).is_some() {
        return Operation::Remove(prefix, None, None);
    }
    let number = random.below(3) as u32;
    routes.insert((bits, len), number);
    let next_hop = NextHop::Via(Ipv4Addr::from_bits((10 << 24) | number).into(), None);
    let metric = 0;
    Operation::Insert(
        Route {
            prefix,
            metric,
            next_hop,
        },
        Mode::Replace,
    )
}

/// Asserts that lookups and a dump find what the map has.
fn check(table: &Table, random: &mut Random, family: Family, above: u8, routes: &Routes) {
    let guard = read_lock();
    for _ in 0..24 {
        let noise = random.wide() >> above;
        let bits = network(0x2001_0db8_u128 << 96, above) | (noise & !(0xfc << (112 - above)));
        let covers = |len: &u8| routes.contains_key(&(network(bits, *len), *len));
        let expected = (above..=above + 16).rev().find(covers);
        let found = table.lookup(address(family, bits), &guard);
        assert_eq!(found.map(|route| route.prefix.len()), expected);
        let number = expected.map(|len| routes[&(network(bits, len), len)]);
        let gateway = number.map(|number| Ipv4Addr::from_bits((10 << 24) | number).into());
        let next_hop = gateway.map(|gateway| NextHop::Via(gateway, None));
        assert_eq!(found.map(|route| route.next_hop), next_hop);
    }
    drop(guard);
    if random.below(64) == 0 {
        assert_eq!(dump(table, Selector::All, 64).len(), routes.len());
    }
}

fn churn(family: Family, above: u8, batch: usize) {
    let (table, mut random) = (table(), Random::new(u64::from(above)));
    let mut routes = Routes::new();
    for step in 0..12_000 {
        let count = 1 + random.below(batch);
        let operations: Vec<Operation> = (0..count)
            .map(|_| change(&mut random, family, above, &mut routes))
            .collect();
        table.apply(&operations).unwrap();
        check(&table, &mut random, family, above, &routes);
        // The level becomes empty at times.
        if step % 500 == 499 {
            for ((bits, len), _) in core::mem::take(&mut routes) {
                let prefix = Prefix::new(address(family, bits), len).unwrap();
                table.remove(&prefix, None, None).unwrap();
            }
            assert_eq!(table.stats().unwrap().objects, 0);
        }
    }
}

#[test]
fn single_changes_of_a_dense_ipv4_level_match_the_oracle() {
    churn(Family::Inet, 16, 1);
}

#[test]
fn single_changes_of_a_dense_ipv6_level_match_the_oracle() {
    churn(Family::Inet6, 32, 1);
}

#[test]
fn transactions_of_a_dense_ipv4_level_match_the_oracle() {
    churn(Family::Inet, 16, 12);
}

#[test]
fn transactions_of_a_dense_ipv6_level_match_the_oracle() {
    churn(Family::Inet6, 40, 12);
}
