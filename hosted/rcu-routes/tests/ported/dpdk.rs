// SPDX-License-Identifier: GPL-2.0

//! The cases that DPDK's IPv4 and IPv6 tests share. They target the two levels of a DIR-24-8 table;
//! lengths around 24 are a border between nodes here too.

use core::net::IpAddr;
use kernel::prelude::*;
use rcu_routes::{
    rcu_table::{Family, Prefix, PrefixError, Settings},
    testing::NumberedTable,
};

/// Returns the numbers that serve several addresses.
pub fn lookup_all(lpm: &NumberedTable, addresses: &[IpAddr]) -> Vec<Option<u32>> {
    let lookup = |address: &IpAddr| lpm.lookup(*address);
    addresses.iter().map(lookup).collect()
}

/// Returns a table that accepts up to `routes` routes.
pub fn lpm_with_room_for(
    routes: usize,
    family: Family,
    settings: &'static Settings,
) -> NumberedTable {
    settings.set_max_routes(routes);
    NumberedTable::with_settings(family, settings)
}

/// Checks that a table of no routes rejects an add.
pub fn no_room(lpm: &NumberedTable) {
    let zero = lpm.top(0);
    assert_eq!(lpm.add(zero, 24, 100), Err(ENOSPC));
    assert_eq!(lpm.lookup(zero), None);
}

/// Creates and drops tables with different limits, each with a host route.
pub fn create_and_drop(family: Family, most_routes: usize, settings: &'static Settings) {
    for less in 0..100 {
        let lpm = lpm_with_room_for(most_routes - less, family, settings);
        assert_eq!(lpm.contents(), []);
        let address = lpm.top(1 << 127);
        lpm.add(address, family.bits(), 100).unwrap();
        assert_eq!(lpm.lookup(address), Some(100));
    }
}

/// Checks that a length over the maximum is rejected, and that length 0 is the default route.
pub fn extreme_lengths(lpm: &NumberedTable, family: Family) {
    let (zero, address) = (lpm.top(0), lpm.top(1 << 127));
    let too_long = Prefix::new(zero, family.bits() + 1);
    assert_eq!(too_long, Err(PrefixError::TooLong));
    assert_eq!(lpm.delete(zero, 0), Err(ESRCH));
    lpm.add(zero, 0, 100).unwrap();
    assert_eq!(lpm.lookup(address), Some(100));
    assert_eq!(lpm.delete(zero, 24), Err(ESRCH));
    lpm.delete(zero, 0).unwrap();
    assert_eq!(lpm.lookup(address), None);
}

/// Checks that a single rule serves its address until it is deleted.
pub fn one_rule(lpm: &NumberedTable, address: IpAddr, len: u8) {
    lpm.add(address, len, 100).unwrap();
    assert_eq!(lpm.lookup(address), Some(100));
    lpm.delete(address, len).unwrap();
    assert_eq!(lpm.lookup(address), None);
}

/// Adds and deletes a rule of each length on one address. The longest must serve, and the other
/// half of the addresses must stay without a route.
pub fn every_length(lpm: &NumberedTable, longest: u8) {
    let (other, address) = (lpm.top(u128::MAX >> 1), lpm.top(1 << 127));
    for len in 1..=longest {
        lpm.add(address, len, u32::from(len)).unwrap();
        let served = Some(u32::from(len));
        let answers = lookup_all(lpm, &[other, address, other, address]);
        assert_eq!(answers, [None, served, None, served], "/{len} added");
    }
    for len in (1..=longest).rev() {
        lpm.delete(address, len).unwrap();
        let served = (len > 1).then(|| u32::from(len) - 1);
        let answers = lookup_all(lpm, &[address, address, other, other]);
        assert_eq!(answers, [served, served, None, None], "/{len} deleted");
    }
}

/// Checks hits and misses around the second level: one rule, nested rules and adjacent rules.
pub fn second_level(lpm: &NumberedTable) {
    let (a, b) = (lpm.at([128, 0, 0, 0]), lpm.at([128, 0, 0, 5]));
    one_rule(lpm, a, 24);

    lpm.add(a, 23, 100).unwrap();
    assert_eq!(lpm.lookup(a), Some(100));
    lpm.add(a, 24, 101).unwrap();
    assert_eq!(lpm.lookup(a), Some(101));
    lpm.delete(a, 24).unwrap();
    lpm.delete(a, 23).unwrap();
    assert_eq!(lpm.lookup(a), None);

    lpm.add(a, 32, 100).unwrap();
    assert_eq!(lpm.lookup(a), Some(100));
    lpm.add(b, 32, 101).unwrap();
    assert_eq!(lpm.lookup(b), Some(101));
    lpm.delete(b, 32).unwrap();
    assert_eq!(lookup_all(lpm, &[a, b]), [Some(100), None]);
    lpm.delete(a, 32).unwrap();
    assert_eq!(lookup_all(lpm, &[a, b]), [None, None]);

    lpm.add(a, 25, 101).unwrap();
    assert_eq!(lpm.lookup(a), Some(101));
    lpm.add(b, 32, 102).unwrap();
    assert_eq!(lpm.lookup(b), Some(102));
    lpm.delete(b, 32).unwrap();
    assert_eq!(lpm.lookup(b), Some(101));
    lpm.delete(a, 25).unwrap();
    assert_eq!(lpm.lookup(a), None);
}

/// Adds nested rules, which must both serve, and deletes the outer one first.
pub fn nested_rules(lpm: &NumberedTable, inner: IpAddr, inner_len: u8) {
    let outer = lpm.at([128, 0, 0, 0]);
    lpm.add(outer, 24, 100).unwrap();
    lpm.add(inner, inner_len, 101).unwrap();
    assert_eq!(lookup_all(lpm, &[inner, outer]), [Some(101), Some(100)]);
    lpm.delete(outer, 24).unwrap();
    assert_eq!(lookup_all(lpm, &[inner, outer]), [Some(101), None]);
    lpm.delete(inner, inner_len).unwrap();
    assert_eq!(lookup_all(lpm, &[inner, outer]), [None, None]);
}

/// Makes each kind of change: of a short rule, a long rule, nested rules, a next hop and an absent
/// rule.
pub fn every_change(lpm: &NumberedTable) {
    let address = lpm.at([128, 0, 0, 0]);
    one_rule(lpm, address, 16);
    one_rule(lpm, address, 25);
    nested_rules(lpm, lpm.at([128, 0, 0, 10]), 32);
    for len in [24, 32] {
        lpm.add(address, len, 100).unwrap();
        assert_eq!(lpm.lookup(address), Some(100));
        lpm.add(address, len, 101).unwrap();
        assert_eq!(lpm.lookup(address), Some(101));
        lpm.delete(address, len).unwrap();
        assert_eq!(lpm.lookup(address), None);
    }
    for len in [24, 32] {
        assert_eq!(lpm.delete(address, len), Err(ESRCH));
        assert_eq!(lpm.lookup(address), None);
    }
}

/// Adds and deletes a rule repeatedly. Its neighbours must stay without a route.
pub fn add_and_delete_repeatedly(
    lpm: &NumberedTable,
    address: IpAddr,
    len: u8,
    neighbours: [IpAddr; 2],
    times: u32,
) {
    let [before, after] = neighbours;
    for _ in 0..times {
        lpm.add(address, len, 100).unwrap();
        let answers = lookup_all(lpm, &[before, address, after, address]);
        assert_eq!(answers, [None, Some(100), None, Some(100)]);
        lpm.delete(address, len).unwrap();
        assert_eq!(lpm.lookup(address), None);
    }
}

/// Checks that a shorter rule overwrites neither a longer one added before nor a distant one.
pub fn overwriting(lpm: &NumberedTable) {
    let (longest, shortest) = (lpm.at([10, 10, 10, 2]), lpm.at([10, 10, 10, 0]));
    let elsewhere = lpm.at([10, 10, 20, 2]);
    lpm.add(longest, 32, 100).unwrap();
    assert_eq!(lpm.lookup(longest), Some(100));
    lpm.add(shortest, 24, 105).unwrap();
    assert_eq!(lpm.lookup(shortest), Some(105));
    lpm.add(elsewhere, 25, 111).unwrap();
    assert_eq!(lpm.lookup(elsewhere), Some(111));
    assert_eq!(
        lookup_all(lpm, &[longest, shortest]),
        [Some(100), Some(105)]
    );
}
