// SPDX-License-Identifier: GPL-2.0

//! The cases of DPDK's `app/test/test_lpm.c` (`rte_lpm`, IPv4), ported as tests of behaviour.
//!
//! | upstream | here |
//! |---|---|
//! | `test0` | [`test0_a_table_of_no_routes_rejects_an_add`]; names and sockets do not exist here |
//! | `test1` | [`test1_tables_can_be_created_and_dropped`] |
//! | `test2` | does not apply: a table reference is always valid |
//! | `test3` | [`test3_test4_lengths_out_of_range_are_rejected`]; DPDK rejects length 0, which is the default route here |
//! | `test4` | as `test3` |
//! | `test5` | does not apply: references are not null |
//! | `test6` | [`test6_a_slash_24_serves_until_deleted`] |
//! | `test7` | [`test7_a_slash_32_serves_until_deleted`] |
//! | `test8` | [`test8_rules_of_every_length_on_one_address`] |
//! | `test9` | [`test9_hits_and_misses_around_the_second_level`] |
//! | `test10` | [`test10_every_kind_of_change`] |
//! | `test11` | [`test11_nested_rules_serve_after_the_outer_is_deleted`] |
//! | `test12` | [`test12_adding_and_deleting_a_rule_repeatedly`] |
//! | `test13` | [`test13_adding_and_deleting_a_longer_rule_repeatedly`] |
//! | `test14` | [`test14_512_long_rules_serve`] and [`test14_a_rule_over_the_limit_is_rejected`]: DPDK limits second-level tables, this table limits routes |
//! | `test15` | does not apply: tables have no names |
//! | `test16` | [`test16_a_rule_over_the_limit_is_rejected`], limited as in `test14` |
//! | `test17` | [`test17_a_shorter_rule_overwrites_no_longer_one`] |
//! | `test18` | [`test18_deleting_a_rule_frees_its_memory`]: the statistics return to their old values |
//! | `test19` | does not apply: RCU is part of the table |
//! | `test20` | [`test20_a_deleted_rule_stays_valid_for_a_held_reader`]: in DPDK the next add fails, because retired memory counts against its limit |
//! | `test21` | [`test21_deletes_that_wait_for_readers`] |
//!
//! DPDK looks up four addresses at once. Here they are looked up one after the other; the device
//! has batches.

#[path = "ported/dpdk.rs"]
mod dpdk;

use core::net::{IpAddr, Ipv4Addr};
use dpdk::{
    add_and_delete_repeatedly, create_and_drop, every_change, every_length, extreme_lengths,
    lookup_all, lpm_with_room_for, nested_rules, no_room, one_rule, overwriting, second_level,
};
use kernel::prelude::*;
use rcu_routes::{
    rcu::barrier,
    rcu_table::{read_lock, Family, ReclaimMode, Settings},
    testing::{own_stats, HeldReader, NumberedTable, StopFlag},
};
use std::thread;

fn lpm() -> NumberedTable {
    NumberedTable::new(Family::Inet)
}

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(128, 0, 0, 0));
const ZERO: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[test]
fn test0_a_table_of_no_routes_rejects_an_add() {
    static SETTINGS: Settings = Settings::new();
    no_room(&lpm_with_room_for(0, Family::Inet, &SETTINGS));
}

#[test]
fn test1_tables_can_be_created_and_dropped() {
    static SETTINGS: Settings = Settings::new();
    create_and_drop(Family::Inet, 256, &SETTINGS);
}

#[test]
fn test3_test4_lengths_out_of_range_are_rejected() {
    extreme_lengths(&lpm(), Family::Inet);
}

#[test]
fn test6_a_slash_24_serves_until_deleted() {
    one_rule(&lpm(), ZERO, 24);
}

#[test]
fn test7_a_slash_32_serves_until_deleted() {
    let lpm = lpm();
    lpm.add(ZERO, 32, 100).unwrap();
    let neighbours = [[0, 0, 1, 0], [255, 255, 255, 0]].map(|bytes| lpm.at(bytes));
    let [after, before] = neighbours;
    let answers = lookup_all(&lpm, &[ZERO, before, after, ZERO]);
    assert_eq!(answers, [Some(100), None, None, Some(100)]);
    one_rule(&lpm, ZERO, 32);
}

#[test]
fn test8_rules_of_every_length_on_one_address() {
    every_length(&lpm(), 32);
}

#[test]
fn test9_hits_and_misses_around_the_second_level() {
    second_level(&lpm());
}

#[test]
fn test10_every_kind_of_change() {
    every_change(&lpm());
}

#[test]
fn test11_nested_rules_serve_after_the_outer_is_deleted() {
    let lpm = lpm();
    nested_rules(&lpm, lpm.at([128, 0, 0, 10]), 32);
}

#[test]
fn test12_adding_and_deleting_a_rule_repeatedly() {
    let lpm = lpm();
    let neighbours = [[127, 255, 255, 255], [128, 0, 0, 1]].map(|bytes| lpm.at(bytes));
    add_and_delete_repeatedly(&lpm, ADDRESS, 32, neighbours, 1000);
}

#[test]
fn test13_adding_and_deleting_a_longer_rule_repeatedly() {
    let lpm = lpm();
    lpm.add(ADDRESS, 24, 100).unwrap();
    assert_eq!(lpm.lookup(ADDRESS), Some(100));
    for _ in 0..1000 {
        lpm.add(ADDRESS, 32, 101).unwrap();
        assert_eq!(lpm.lookup(ADDRESS), Some(101));
        lpm.delete(ADDRESS, 32).unwrap();
        assert_eq!(lpm.lookup(ADDRESS), Some(100));
    }
    lpm.delete(ADDRESS, 24).unwrap();
    assert_eq!(lpm.lookup(ADDRESS), None);
}

/// Adds 512 rules, each in its own /24 and with its own number.
fn add_512(lpm: &NumberedTable) {
    for slash24 in 0..512_u32 {
        let bits = slash24 << 8;
        let [a, b, c, d] = [0, 1, 2, 3].map(|more| Ipv4Addr::from_bits(bits + more).into());
        lpm.add(a, 32, 100 + bits).unwrap();
        let answers = lookup_all(lpm, &[a, b, c, d]);
        assert_eq!(answers, [Some(100 + bits), None, None, None]);
    }
}

#[test]
fn test14_512_long_rules_serve() {
    let lpm = lpm();
    add_512(&lpm);
    let numbers: Vec<u32> = lpm.contents().iter().map(|(_, number)| *number).collect();
    let expected: Vec<u32> = (0..512).map(|slash24| 100 + (slash24 << 8)).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn test14_a_rule_over_the_limit_is_rejected() {
    static SETTINGS: Settings = Settings::new();
    let lpm = lpm_with_room_for(512, Family::Inet, &SETTINGS);
    add_512(&lpm);
    let one_more = lpm.at([1, 0, 0, 0]);
    assert_eq!(lpm.add(one_more, 32, 100), Err(ENOSPC));
    assert_eq!(lpm.lookup(one_more), None);
    assert_eq!(lpm.contents().len(), 512);
}

#[test]
fn test16_a_rule_over_the_limit_is_rejected() {
    static SETTINGS: Settings = Settings::new();
    let lpm = lpm_with_room_for(256, Family::Inet, &SETTINGS);
    for slash24 in 0..=256 {
        let done = lpm.add(Ipv4Addr::from_bits((slash24 << 8) + 0xf0), 30, 0);
        let expected = if slash24 < 256 { Ok(()) } else { Err(ENOSPC) };
        assert_eq!(done, expected, "rule {slash24}");
    }
}

#[test]
fn test17_a_shorter_rule_overwrites_no_longer_one() {
    overwriting(&lpm());
}

#[test]
fn test18_deleting_a_rule_frees_its_memory() {
    let lpm = lpm();
    let address = lpm.at([192, 168, 100, 100]);
    let memory = || {
        let stats = own_stats(&lpm.table);
        (stats.objects, stats.bytes, stats.next_hops)
    };
    lpm.add(address, 23, 2).unwrap();
    let without = memory();
    lpm.add(address, 28, 1).unwrap();
    let with = memory();
    assert_ne!(with, without);

    lpm.delete(address, 28).unwrap();
    assert_eq!((lpm.lookup(address), memory()), (Some(2), without));
    lpm.add(address, 28, 3).unwrap();
    assert_eq!((lpm.lookup(address), memory()), (Some(3), with));
    lpm.delete(address, 28).unwrap();

    lpm.add(address, 24, 4).unwrap();
    let without = memory();
    lpm.add(address, 28, 5).unwrap();
    let with = memory();
    lpm.delete(address, 28).unwrap();
    assert_eq!((lpm.lookup(address), memory()), (Some(4), without));
    lpm.add(address, 28, 6).unwrap();
    assert_eq!((lpm.lookup(address), memory()), (Some(6), with));
}

#[test]
fn test20_a_deleted_rule_stays_valid_for_a_held_reader() {
    let lpm = lpm();
    let address = lpm.at([192, 0, 2, 100]);
    lpm.add(address, 28, 1).unwrap();
    let (theirs, asked) = (lpm.table.clone(), address);
    let reader = HeldReader::start_with(move |guard, wait| {
        assert!(theirs.lookup(asked, guard).is_some());
        wait();
        let route = theirs.lookup(asked, guard).unwrap();
        assert_eq!(route.prefix.to_string(), "192.0.2.96/28");
    });
    lpm.delete(address, 28).unwrap();
    assert_eq!(lpm.lookup(address), None);
    lpm.add(address, 28, 1).unwrap();
    let waiting = lpm.table.stats().unwrap().retired_objects;
    reader.release();
    assert!(
        (1..1 << 32).contains(&waiting),
        "freed under a reader: {waiting}"
    );
    assert_eq!(lpm.lookup(address), Some(1));
    barrier();
}

#[test]
fn test21_deletes_that_wait_for_readers() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_reclaim(ReclaimMode::Synchronize);
    let lpm = NumberedTable::with_settings(Family::Inet, &SETTINGS);
    let address = lpm.at([192, 0, 2, 100]);
    let stop = StopFlag::new();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        scope.spawn(|| {
            while !stop.is_set() {
                let _guard = read_lock();
                for _ in 0..1024 {
                    let answer = lpm.lookup(address);
                    assert!([None, Some(1)].contains(&answer), "{answer:?}");
                }
            }
        });
        lpm.add(address, 28, 1).unwrap();
        for _ in 0..512 {
            lpm.delete(address, 28).unwrap();
            lpm.add(address, 28, 1).unwrap();
        }
    });
    assert_eq!(lpm.lookup(address), Some(1));
}
