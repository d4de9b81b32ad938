// SPDX-License-Identifier: GPL-2.0

//! The cases of DPDK's `app/test/test_lpm6.c` (`rte_lpm6`), ported as tests of behaviour.
//!
//! | upstream | here |
//! |---|---|
//! | `test0` | [`test0_a_table_of_no_routes_rejects_an_add`]; names, sockets and second-level tables do not exist here |
//! | `test1` | does not apply: tables have no names |
//! | `test2` | [`test2_tables_can_be_created_and_dropped`] |
//! | `test3` | does not apply: a table reference is always valid |
//! | `test4` | [`test4_test5_lengths_out_of_range_are_rejected`]; DPDK rejects length 0, which is the default route here |
//! | `test5` | as `test4` |
//! | `test6` | does not apply: references are not null |
//! | `test7` | as `test6` |
//! | `test8` | as `test6` |
//! | `test9` | [`test9_a_slash_16_serves_every_third_byte`] |
//! | `test10` | [`test10_a_limit_of_127_rules`] |
//! | `test11` | [`test11_an_add_without_memory_changes_nothing`]: DPDK runs out of second-level tables, this table of memory |
//! | `test12` | [`test12_an_add_below_a_rule_without_memory_changes_nothing`], as `test11` |
//! | `test13` | [`test13_a_limit_of_two_rules`] |
//! | `test14` | [`test14_a_limit_of_256_rules`]: DPDK limits second-level tables, this table limits routes |
//! | `test15` | [`test15_a_slash_24_serves_until_deleted`] |
//! | `test16` | [`test16_a_slash_128_serves_until_deleted`] |
//! | `test17` | [`test17_rules_of_every_length_on_one_address`], up to 128; DPDK has reduced it to 16 |
//! | `test18` | [`test18_hits_and_misses_around_the_second_level`] |
//! | `test19` | [`test19_every_kind_of_change`] |
//! | `test20` | [`test20_nested_rules_serve_after_the_outer_is_deleted`] |
//! | `test21` | [`test21_four_lookups`] |
//! | `test22` | [`test22_deletes_in_one_transaction`]; DPDK skips an absent rule, here the whole transaction fails |
//! | `test23` | [`test23_adding_and_deleting_a_rule_repeatedly`] |
//! | `test24` | does not apply: tables have no names |
//! | `test25` | [`test25_answers_match_a_list`], with other random routes |
//! | `test26` | [`test26_a_shorter_rule_overwrites_no_longer_one`] |
//! | `test27` | [`test27_every_host_of_a_slash_112`] |
//! | `test28` | [`test28_large_next_hop_numbers`] |
//!
//! DPDK looks up several addresses at once. Here they are looked up one after the other; the device
//! has batches.

#[path = "ported/dpdk.rs"]
mod dpdk;

use core::net::{IpAddr, Ipv6Addr};
use dpdk::{
    add_and_delete_repeatedly, create_and_drop, every_change, every_length, extreme_lengths,
    lookup_all, lpm_with_room_for, nested_rules, no_room, one_rule, overwriting, second_level,
};
use kernel::{alloc::failslab, prelude::*};
use rcu_routes::{
    rcu_table::{Family, Settings, Transaction},
    testing::{own_stats, NumberedTable, Random},
};

fn lpm() -> NumberedTable {
    NumberedTable::new(Family::Inet6)
}

const ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(0x80 << 120));
const ZERO: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

#[test]
fn test0_a_table_of_no_routes_rejects_an_add() {
    static SETTINGS: Settings = Settings::new();
    no_room(&lpm_with_room_for(0, Family::Inet6, &SETTINGS));
}

#[test]
fn test2_tables_can_be_created_and_dropped() {
    static SETTINGS: Settings = Settings::new();
    create_and_drop(Family::Inet6, 1_000_000, &SETTINGS);
}

#[test]
fn test4_test5_lengths_out_of_range_are_rejected() {
    extreme_lengths(&lpm(), Family::Inet6);
}

#[test]
fn test9_a_slash_16_serves_every_third_byte() {
    let lpm = lpm();
    let all: Vec<IpAddr> = (0..=255).map(|byte| lpm.at([0, 0, byte, 0])).collect();
    lpm.add(ZERO, 16, 100).unwrap();
    assert_eq!(lookup_all(&lpm, &all), [Some(100); 256]);
    lpm.delete(ZERO, 16).unwrap();
    assert_eq!(lookup_all(&lpm, &all), [None; 256]);
}

#[test]
fn test10_a_limit_of_127_rules() {
    static SETTINGS: Settings = Settings::new();
    let lpm = lpm_with_room_for(127, Family::Inet6, &SETTINGS);
    for len in 1..128 {
        lpm.add(ZERO, len, 100).unwrap();
    }
    assert_eq!(lpm.add(ZERO, 128, 100), Err(ENOSPC));
    lpm.delete(ZERO, 127).unwrap();
    lpm.add(ZERO, 128, 100).unwrap();
    assert_eq!(lpm.contents().len(), 127);
}

/// Adds a rule while each allocation in turn fails. Returns the number of allocations.
fn add_without_memory(lpm: &NumberedTable, address: IpAddr, len: u8) -> u64 {
    let before = (lpm.contents(), own_stats(&lpm.table));
    for nth in 1.. {
        let injection = failslab::fail_nth(nth);
        let done = lpm.add(address, len, 100);
        let has_fired = injection.has_fired();
        drop(injection);
        if !has_fired {
            done.unwrap();
            lpm.delete(address, len).unwrap();
            return nth - 1;
        }
        assert_eq!(done, Err(ENOMEM), "allocation {nth}");
        assert_eq!((lpm.contents(), own_stats(&lpm.table)), before);
    }
    unreachable!()
}

#[test]
fn test11_an_add_without_memory_changes_nothing() {
    let lpm = lpm();
    let address = lpm.at([1, 0, 0, 0]);
    lpm.add(ZERO, 128, 100).unwrap();
    for len in [25, 33, 41] {
        lpm.add(address, len, 100).unwrap();
        lpm.delete(address, len).unwrap();
    }
    assert_ne!(add_without_memory(&lpm, address, 49), 0);
    lpm.add(address, 41, 100).unwrap();
    assert_eq!(lookup_all(&lpm, &[address, ZERO]), [Some(100); 2]);
}

#[test]
fn test12_an_add_below_a_rule_without_memory_changes_nothing() {
    let lpm = lpm();
    let address = lpm.at([1, 0, 0, 0]);
    lpm.add(ZERO, 128, 100).unwrap();
    lpm.add(address, 41, 101).unwrap();
    assert_ne!(add_without_memory(&lpm, address, 49), 0);
    assert_eq!(lookup_all(&lpm, &[address, ZERO]), [Some(101), Some(100)]);
}

#[test]
fn test13_a_limit_of_two_rules() {
    static SETTINGS: Settings = Settings::new();
    let lpm = lpm_with_room_for(2, Family::Inet6, &SETTINGS);
    lpm.add(ZERO, 1, 100).unwrap();
    lpm.add(ZERO, 2, 100).unwrap();
    assert_eq!(lpm.add(ZERO, 3, 100), Err(ENOSPC));
    lpm.delete(ZERO, 2).unwrap();
    lpm.add(ZERO, 3, 100).unwrap();
}

#[test]
fn test14_a_limit_of_256_rules() {
    static SETTINGS: Settings = Settings::new();
    let lpm = lpm_with_room_for(256, Family::Inet6, &SETTINGS);
    for byte in 0..=255 {
        lpm.add(lpm.at([byte, 0, 0, 0]), 25, 100).unwrap();
    }
    let (last, one_more) = (lpm.at([255, 0, 0, 0]), lpm.at([255, 1, 0, 0]));
    assert_eq!(lpm.add(one_more, 25, 100), Err(ENOSPC));
    lpm.delete(last, 25).unwrap();
    lpm.add(one_more, 25, 100).unwrap();
    assert_eq!(lookup_all(&lpm, &[last, one_more]), [None, Some(100)]);
}

#[test]
fn test15_a_slash_24_serves_until_deleted() {
    one_rule(&lpm(), ZERO, 24);
}

#[test]
fn test16_a_slash_128_serves_until_deleted() {
    let lpm = lpm();
    one_rule(&lpm, lpm.at([12, 12, 1, 0]), 128);
}

#[test]
fn test17_rules_of_every_length_on_one_address() {
    every_length(&lpm(), 128);
}

#[test]
fn test18_hits_and_misses_around_the_second_level() {
    second_level(&lpm());
}

#[test]
fn test19_every_kind_of_change() {
    every_change(&lpm());
}

#[test]
fn test20_nested_rules_serve_after_the_outer_is_deleted() {
    let lpm = lpm();
    nested_rules(&lpm, lpm.top((0x80 << 120) | 10), 128);
}

/// Returns addresses that differ in the sixth byte.
fn batch<const N: usize>() -> [IpAddr; N] {
    core::array::from_fn(|at| Ipv6Addr::from_bits((0x80 << 120) | ((at as u128 + 1) << 80)).into())
}

#[test]
fn test21_four_lookups() {
    let lpm = lpm();
    let batch = batch::<4>();
    for (number, address) in (100..).zip(&batch[..3]) {
        lpm.add(*address, 48, number).unwrap();
    }
    let expected = [Some(100), Some(101), Some(102), None];
    assert_eq!(lookup_all(&lpm, &batch), expected);
}

/// Deletes several rules in one transaction.
fn delete_several(lpm: &NumberedTable, addresses: &[IpAddr]) -> Result<(), (Option<usize>, Error)> {
    let mut transaction = Transaction::new();
    for address in addresses {
        transaction.push(lpm.removal(*address, 48)).unwrap();
    }
    let done = transaction.commit(&lpm.table);
    done.map_err(|failure| (failure.index, failure.error))
}

#[test]
fn test22_deletes_in_one_transaction() {
    let lpm = lpm();
    let batch = batch::<6>();
    let [rules @ .., absent] = &batch;
    for (number, address) in (101..).zip(rules) {
        lpm.add(*address, 48, number).unwrap();
    }
    let mut expected = [101, 102, 103, 104, 105].map(Some);
    assert_eq!(lookup_all(&lpm, rules), expected);

    assert_eq!(delete_several(&lpm, &rules[..2]), Ok(()));
    expected[..2].fill(None);
    assert_eq!(lookup_all(&lpm, rules), expected);

    assert_eq!(delete_several(&lpm, &rules[2..3]), Ok(()));
    expected[2] = None;
    assert_eq!(lookup_all(&lpm, rules), expected);

    let one_absent = delete_several(&lpm, &[rules[3], *absent]);
    assert_eq!(one_absent, Err((Some(1), ESRCH)));
    assert_eq!(lookup_all(&lpm, rules), expected);

    assert_eq!(delete_several(&lpm, &rules[3..]), Ok(()));
    assert_eq!(lookup_all(&lpm, rules), [None; 5]);
}

#[test]
fn test23_adding_and_deleting_a_rule_repeatedly() {
    let lpm = lpm();
    let neighbours = [(0x80 << 120) - 1, (0x80 << 120) + 1].map(|bits| lpm.top(bits));
    add_and_delete_repeatedly(&lpm, ADDRESS, 128, neighbours, 1000);
}

#[test]
fn test25_answers_match_a_list() {
    let lpm = lpm();
    let mut random = Random::new(25);
    let mut list = Vec::new();
    for number in 0..1000 {
        let len = 1 + random.below(128) as u8;
        let mask = u128::MAX << (128 - len);
        let bits = random.wide() & mask;
        lpm.add(lpm.top(bits), len, number).unwrap();
        list.retain(|(_, other_bits, other_mask)| (*other_bits, *other_mask) != (bits, mask));
        list.push((number, bits, mask));
    }
    // Sorted by length, so that the first hit is the answer.
    list.sort_unstable_by_key(|(_, _, mask)| !mask);
    let mut different = 0;
    for _ in 0..100_000 {
        let (within, bits, mask) = list[random.below(list.len())];
        let address = bits | (random.wide() & !mask);
        let expected = list.iter().find(|(_, bits, mask)| address & mask == *bits);
        let expected = expected.map(|(number, ..)| *number);
        assert_eq!(lpm.lookup(Ipv6Addr::from_bits(address)), expected);
        different += u32::from(expected != Some(within));
    }
    assert!(
        different > 1000,
        "only {different} addresses had a longer route"
    );
}

#[test]
fn test26_a_shorter_rule_overwrites_no_longer_one() {
    overwriting(&lpm());
}

#[test]
fn test27_every_host_of_a_slash_112() {
    let lpm = lpm();
    let first = u128::from_be_bytes([128; 16]) & !0xffff;
    lpm.add(lpm.top(first), 128, 128).unwrap();
    lpm.add(lpm.top(first), 112, 112).unwrap();
    assert_eq!(lpm.lookup(lpm.top(first)), Some(128));
    for host in 1..=0xffff {
        assert_eq!(lpm.lookup(lpm.top(first | host)), Some(112), "host {host}");
    }
}

#[test]
fn test28_large_next_hop_numbers() {
    let lpm = lpm();
    for number in [0x1f_ffff, u32::MAX] {
        lpm.add(ZERO, 16, number).unwrap();
        assert_eq!(lpm.lookup(ZERO), Some(number));
        lpm.delete(ZERO, 16).unwrap();
        assert_eq!(lpm.lookup(ZERO), None);
    }
}
