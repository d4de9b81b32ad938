// SPDX-License-Identifier: GPL-2.0

//! Random changes, done to the table and to a slow list: after each, both give the same answers.

use core::net::IpAddr;
use proptest::prelude::*;
use rust_rcu_demo::{
    rcu_table::{read_lock, DevName, Family, Mode, NextHop, Prefix, Route, Selector, Table},
    testing::{dump, own_stats, table, Operation, Oracle},
};

fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::Inet => IpAddr::V4(((bits >> 96) as u32).into()),
        Family::Inet6 => IpAddr::V6(bits.into()),
    }
}

fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

/// A few networks around which prefixes lie close, so that they nest and share nodes.
const CLUSTERS: [u128; 4] = [
    0,
    u128::MAX,
    0x0a01_0203_0405_0607_0809_0a0b_0c0d_0e0f,
    0x2001_0db8_ffff_0000_aaaa_5555_0000_0001,
];

/// Bits near a cluster: one of its own, with a few flipped.
fn any_bits() -> impl Strategy<Value = u128> {
    let flips = prop::collection::vec(0..128_u32, 0..3);
    (prop::sample::select(CLUSTERS.to_vec()), flips)
        .prop_map(|(bits, flips)| flips.iter().fold(bits, |bits, flip| bits ^ (1 << flip)))
}

/// Any length, the ends and the borders of nodes more often.
fn any_len(family: Family) -> impl Strategy<Value = u8> {
    let all = family.bits();
    let borders: Vec<u8> = (0..=all / 4).map(|quarter| quarter * 4).collect();
    prop_oneof![
        3 => 0..=all,
        1 => 0..=12_u8,
        1 => prop::sample::select(vec![0, all, all - 1, 1]),
        1 => prop::sample::select(borders),
    ]
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    let family = prop::sample::select(vec![Family::Inet, Family::Inet6]);
    family
        .prop_flat_map(|family| (Just(family), any_bits(), any_len(family)))
        .prop_map(|(family, bits, len)| {
            Prefix::new(address(family, bits & mask(len)), len).unwrap()
        })
}

fn any_metric() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0, 0, 1, 2, u32::MAX])
}

fn any_next_hop() -> impl Strategy<Value = NextHop> {
    let eth0 = DevName::new("eth0").unwrap();
    prop::sample::select(vec![
        NextHop::Blackhole,
        NextHop::Prohibit,
        NextHop::Dev(eth0),
        NextHop::Via([192, 0, 2, 1].into(), None),
        NextHop::Via([192, 0, 2, 1].into(), Some(eth0)),
        NextHop::Via(IpAddr::V6(1.into()), None),
    ])
}

/// A change whose prefix is one of a few, so that it often meets what is there.
fn any_operation(prefixes: Vec<Prefix>) -> impl Strategy<Value = Operation> {
    let prefix = prop::sample::select(prefixes);
    let mode = prop::sample::select(vec![Mode::Add, Mode::Add, Mode::Change, Mode::Replace]);
    let insert = (mode, prefix.clone(), any_metric(), any_next_hop());
    let remove = (
        prefix,
        prop::option::weighted(0.3, any_metric()),
        prop::option::weighted(0.2, any_next_hop()),
    );
    let family = prop::sample::select(vec![Some(Family::Inet), Some(Family::Inet6), None]);
    prop_oneof![
        60 => insert.prop_map(|(mode, prefix, metric, next_hop)| {
            Operation::Insert(mode, Route { prefix, metric, next_hop })
        }),
        39 => remove.prop_map(|(prefix, metric, next_hop)| {
            Operation::Remove(prefix, metric, next_hop)
        }),
        1 => family.prop_map(Operation::Flush),
    ]
}

/// Prefixes, and changes of them.
fn any_changes() -> impl Strategy<Value = (Vec<Prefix>, Vec<Operation>)> {
    prop::collection::vec(any_prefix(), 1..40).prop_flat_map(|prefixes| {
        let operations = prop::collection::vec(any_operation(prefixes.clone()), 1..120);
        (Just(prefixes), operations)
    })
}

/// The first and last address of a prefix and their neighbours outside.
fn borders(prefix: &Prefix) -> Vec<IpAddr> {
    let family = prefix.family();
    let unit = 1_u128 << (128 - u32::from(family.bits()));
    let first = match prefix.address() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let last = first | !mask(prefix.len());
    [
        first,
        last,
        first.wrapping_sub(unit),
        last.wrapping_add(unit),
    ]
    .map(|bits| address(family, bits))
    .to_vec()
}

fn check_lookups(
    table: &Table,
    oracle: &Oracle,
    addresses: &[IpAddr],
) -> Result<(), TestCaseError> {
    for address in addresses {
        let answer = table.lookup(*address, &read_lock());
        prop_assert_eq!(answer, oracle.lookup(*address), "{}", address);
    }
    Ok(())
}

fn check_contents(table: &Table, oracle: &Oracle) -> Result<(), TestCaseError> {
    let stats = own_stats(table);
    prop_assert_eq!(stats.routes_inet, oracle.len(Family::Inet));
    prop_assert_eq!(stats.routes_inet6, oracle.len(Family::Inet6));
    prop_assert_eq!(stats.next_hops, oracle.next_hops());
    prop_assert_eq!(stats.objects == 0, oracle.is_empty());
    prop_assert_eq!(stats.bytes == 0, oracle.is_empty());
    prop_assert_eq!(dump(table, Selector::All, 16), oracle.dump(Selector::All));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn table_and_oracle_agree(
        (prefixes, operations) in any_changes(),
        anywhere in prop::collection::vec(any_bits(), 10),
    ) {
        let table = table();
        let mut oracle = Oracle::default();
        let mut addresses: Vec<IpAddr> = prefixes.iter().flat_map(borders).collect();
        for bits in anywhere {
            addresses.extend([Family::Inet, Family::Inet6].map(|family| address(family, bits)));
        }
        for operation in &operations {
            let generation = table.generation();
            let before = own_stats(&table);
            let done = operation.apply(&table);
            prop_assert_eq!(done, oracle.apply(operation), "{:?}", operation);
            if done.is_err() {
                prop_assert_eq!(table.generation(), generation);
                prop_assert_eq!(own_stats(&table), before);
            }
            // What the change touches, after each; all of it at the end.
            match operation {
                Operation::Insert(_, Route { prefix, .. }) | Operation::Remove(prefix, ..) => {
                    check_lookups(&table, &oracle, &borders(prefix))?;
                    let selector = Selector::Prefix(*prefix);
                    prop_assert_eq!(dump(&table, selector, 2), oracle.dump(selector));
                }
                Operation::Flush(_) => check_contents(&table, &oracle)?,
            }
        }
        check_lookups(&table, &oracle, &addresses)?;
        check_contents(&table, &oracle)?;
        for family in [Family::Inet, Family::Inet6] {
            let selector = Selector::Family(family);
            prop_assert_eq!(dump(&table, selector, 3), oracle.dump(selector));
        }
        for route in oracle.dump(Selector::All) {
            table.remove(&route.prefix, Some(route.metric), Some(&route.next_hop)).unwrap();
        }
        check_contents(&table, &Oracle::default())?;
    }
}
