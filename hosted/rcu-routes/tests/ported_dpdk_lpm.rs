// SPDX-License-Identifier: GPL-2.0

//! The cases of DPDK's `app/test/test_lpm.c` (`rte_lpm`, IPv4), as tests of the table's behaviour.
//!
//! | upstream | here |
//! |---|---|
//! | `test0` | [`test0_without_room_nothing_is_added`]; name and socket have no counterpart |
//! | `test1` | [`test1_tables_come_and_go`] |
//! | `test2` | does not apply: there is no table that is not one |
//! | `test3` | [`test3_test4_lengths_have_an_end`]; length 0 is refused there, and is the default route here |
//! | `test4` | the same |
//! | `test5` | does not apply: there are no null pointers |
//! | `test6` | [`test6_one_rule_of_24_bits`] |
//! | `test7` | [`test7_one_rule_of_32_bits`] |
//! | `test8` | [`test8_every_length`] |
//! | `test9` | [`test9_hits_and_misses_on_each_level`] |
//! | `test10` | [`test10_each_change`] |
//! | `test11` | [`test11_one_rule_within_another`] |
//! | `test12` | [`test12_a_rule_comes_and_goes`] |
//! | `test13` | [`test13_a_longer_rule_comes_and_goes`] |
//! | `test14` | [`test14_many_long_rules`] and [`test14_no_room_for_one_more`]: the limit there is of second-level tables, here of routes |
//! | `test15` | does not apply: tables have no names |
//! | `test16` | [`test16_no_room_at_the_limit`], limited as in `test14` |
//! | `test17` | [`test17_nothing_is_overwritten`] |
//! | `test18` | [`test18_memory_is_used_again`]: the figures are those of before |
//! | `test19` | does not apply: RCU is not attached to a table, it is in it |
//! | `test20` | [`test20_a_reader_stays_while_a_rule_is_deleted`]: there the memory that waits for the reader is what the next add lacks; here it is not limited |
//! | `test21` | [`test21_deletes_that_wait_for_a_reader`] |
//!
//! Lookups of four at once are one after the other here: batches are the device's.

#[path = "ported/dpdk.rs"]
mod dpdk;

use core::net::{IpAddr, Ipv4Addr};
use dpdk::{
    again_and_again, each_change, each_level, every_length, lookup_all, one_rule,
    one_within_another, overwriting,
};
use kernel::prelude::*;
use rcu_routes::{
    rcu::barrier,
    rcu_table::{read_lock, Family, Prefix, PrefixError, ReclaimMode, Settings},
    testing::{own_stats, HeldReader, NumberedTable, StopFlag},
};
use std::thread;

fn lpm() -> NumberedTable {
    NumberedTable::new(Family::Inet)
}

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(128, 0, 0, 0));
const ZERO: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[test]
fn test0_without_room_nothing_is_added() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_max_routes(0);
    let lpm = NumberedTable::with_settings(Family::Inet, &SETTINGS);
    assert_eq!(lpm.add(ZERO, 24, 100), Err(ENOSPC));
    assert_eq!(lpm.lookup(ZERO), None);
}

#[test]
fn test1_tables_come_and_go() {
    static SETTINGS: Settings = Settings::new();
    for less in 0..100 {
        SETTINGS.set_max_routes(256 - less);
        let lpm = NumberedTable::with_settings(Family::Inet, &SETTINGS);
        assert_eq!(lpm.contents(), []);
        lpm.add(ADDRESS, 32, 100).unwrap();
        assert_eq!(lpm.lookup(ADDRESS), Some(100));
    }
}

#[test]
fn test3_test4_lengths_have_an_end() {
    assert_eq!(Prefix::new(ZERO, 33), Err(PrefixError::TooLong));
    let lpm = lpm();
    assert_eq!(lpm.delete(ZERO, 0), Err(ESRCH));
    lpm.add(ZERO, 0, 100).unwrap();
    assert_eq!(lpm.lookup(ADDRESS), Some(100));
    assert_eq!(lpm.delete(ZERO, 24), Err(ESRCH));
    lpm.delete(ZERO, 0).unwrap();
    assert_eq!(lpm.lookup(ADDRESS), None);
}

#[test]
fn test6_one_rule_of_24_bits() {
    one_rule(&lpm(), ZERO, 24);
}

#[test]
fn test7_one_rule_of_32_bits() {
    let lpm = lpm();
    lpm.add(ZERO, 32, 100).unwrap();
    let neighbours = [[0, 0, 1, 0], [255, 255, 255, 0]].map(|bytes| lpm.at(bytes));
    let [behind, before] = neighbours;
    let answers = lookup_all(&lpm, &[ZERO, before, behind, ZERO]);
    assert_eq!(answers, [Some(100), None, None, Some(100)]);
    one_rule(&lpm, ZERO, 32);
}

#[test]
fn test8_every_length() {
    every_length(&lpm(), 32);
}

#[test]
fn test9_hits_and_misses_on_each_level() {
    each_level(&lpm());
}

#[test]
fn test10_each_change() {
    each_change(&lpm());
}

#[test]
fn test11_one_rule_within_another() {
    let lpm = lpm();
    one_within_another(&lpm, lpm.at([128, 0, 0, 10]), 32);
}

#[test]
fn test12_a_rule_comes_and_goes() {
    let lpm = lpm();
    let neighbours = [[127, 255, 255, 255], [128, 0, 0, 1]].map(|bytes| lpm.at(bytes));
    again_and_again(&lpm, ADDRESS, 32, neighbours, 1000);
}

#[test]
fn test13_a_longer_rule_comes_and_goes() {
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

/// Adds 512 rules, each in a /24 of its own and with a number of its own.
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
fn test14_many_long_rules() {
    let lpm = lpm();
    add_512(&lpm);
    let numbers: Vec<u32> = lpm.contents().iter().map(|(_, number)| *number).collect();
    let expected: Vec<u32> = (0..512).map(|slash24| 100 + (slash24 << 8)).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn test14_no_room_for_one_more() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_max_routes(512);
    let lpm = NumberedTable::with_settings(Family::Inet, &SETTINGS);
    add_512(&lpm);
    let one_more = lpm.at([1, 0, 0, 0]);
    assert_eq!(lpm.add(one_more, 32, 100), Err(ENOSPC));
    assert_eq!(lpm.lookup(one_more), None);
    assert_eq!(lpm.contents().len(), 512);
}

#[test]
fn test16_no_room_at_the_limit() {
    static SETTINGS: Settings = Settings::new();
    SETTINGS.set_max_routes(256);
    let lpm = NumberedTable::with_settings(Family::Inet, &SETTINGS);
    for slash24 in 0..=256 {
        let done = lpm.add(Ipv4Addr::from_bits((slash24 << 8) + 0xf0), 30, 0);
        let expected = if slash24 < 256 { Ok(()) } else { Err(ENOSPC) };
        assert_eq!(done, expected, "rule {slash24}");
    }
}

#[test]
fn test17_nothing_is_overwritten() {
    overwriting(&lpm());
}

#[test]
fn test18_memory_is_used_again() {
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
fn test20_a_reader_stays_while_a_rule_is_deleted() {
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
    let waiting = lpm.table.stats().retired_objects;
    reader.release();
    assert!(
        (1..1 << 32).contains(&waiting),
        "freed under a reader: {waiting}"
    );
    assert_eq!(lpm.lookup(address), Some(1));
    barrier();
}

#[test]
fn test21_deletes_that_wait_for_a_reader() {
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
