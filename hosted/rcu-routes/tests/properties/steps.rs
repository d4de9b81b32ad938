// SPDX-License-Identifier: GPL-2.0

//! The steps of the random sequences.

use core::net::IpAddr;
use proptest::prelude::*;
use rcu_routes::rcu_table::{
    DevName, Family, Mode, NextHop, Operation, Prefix, Route, Selector, Settings,
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

/// Returns the first and last address of a prefix, and their neighbours outside.
pub fn borders(prefix: &Prefix) -> Vec<IpAddr> {
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

/// Random prefixes are close to one of these networks, so that they nest and share nodes.
const CLUSTERS: [u128; 4] = [
    0,
    u128::MAX,
    0x0a01_0203_0405_0607_0809_0a0b_0c0d_0e0f,
    0x2001_0db8_ffff_0000_aaaa_5555_0000_0001,
];

/// Returns bits near a cluster: a few bits flipped, or one byte changed so that a node gets many
/// children.
fn any_bits() -> impl Strategy<Value = u128> {
    let cluster = prop::sample::select(CLUSTERS.to_vec());
    let flips = prop::collection::vec(0..128_u32, 0..3);
    let flipped = (cluster.clone(), flips)
        .prop_map(|(bits, flips)| flips.iter().fold(bits, |bits, flip| bits ^ (1 << flip)));
    let byte = prop_oneof![0..4_u32, 0..16_u32];
    let sibling = (cluster, byte, any::<u8>())
        .prop_map(|(bits, byte, other)| bits ^ (u128::from(other) << (120 - 8 * byte)));
    prop_oneof![flipped, sibling]
}

/// Returns any length. Lengths near multiples of 8, where nodes begin, and lengths common on the
/// internet are more frequent.
fn any_len(family: Family) -> impl Strategy<Value = u8> {
    let all = family.bits();
    let near = move |len: u8| [len.saturating_sub(1), len, (len + 1).min(all)];
    let borders: Vec<u8> = (0..=all / 8).flat_map(|byte| near(byte * 8)).collect();
    let usual: Vec<u8> = [0, 24, 32, 48, 64, 128]
        .into_iter()
        .filter(|len| *len <= all)
        .flat_map(near)
        .collect();
    prop_oneof![
        2 => 0..=all,
        2 => prop::sample::select(borders),
        2 => prop::sample::select(usual),
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

/// Returns few prefixes, so that changes often meet present routes. Sometimes there are very few,
/// so that one prefix gets many metrics.
fn few_prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    prop_oneof![
        3 => prop::collection::vec(any_prefix(), 1..40),
        1 => prop::collection::vec(any_prefix(), 1..4),
    ]
}

fn any_metric() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => prop::sample::select(vec![0, 0, 1, 2, u32::MAX]),
        1 => 0..100_u32,
    ]
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

fn any_family() -> impl Strategy<Value = Option<Family>> {
    prop::sample::select(vec![Some(Family::Inet), Some(Family::Inet6), None])
}

fn any_insert(prefixes: &[Prefix], modes: &[Mode]) -> impl Strategy<Value = Operation> {
    let (prefix, mode) = (
        prop::sample::select(prefixes.to_vec()),
        prop::sample::select(modes.to_vec()),
    );
    (mode, prefix, any_metric(), any_next_hop()).prop_map(|(mode, prefix, metric, next_hop)| {
        let route = Route {
            prefix,
            metric,
            next_hop,
        };
        Operation::Insert(route, mode)
    })
}

fn any_remove(prefixes: &[Prefix]) -> impl Strategy<Value = Operation> {
    let metric = prop::option::weighted(0.3, any_metric());
    let next_hop = prop::option::weighted(0.2, any_next_hop());
    let prefix = prop::sample::select(prefixes.to_vec());
    (prefix, metric, next_hop)
        .prop_map(|(prefix, metric, next_hop)| Operation::Remove(prefix, metric, next_hop))
}

fn any_operation(prefixes: &[Prefix]) -> impl Strategy<Value = Operation> {
    let modes = [Mode::Add, Mode::Add, Mode::Change, Mode::Replace];
    prop_oneof![
        60 => any_insert(prefixes, &modes),
        39 => any_remove(prefixes),
        1 => any_family().prop_map(Operation::Flush),
    ]
}

/// Returns changes that mostly succeed, so that a whole batch often succeeds.
fn any_batch(prefixes: &[Prefix]) -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        20 => any_insert(prefixes, &[Mode::Replace]),
        2 => any_operation(prefixes),
    ];
    prop::collection::vec(operation, 0..16)
}

/// A step of a sequence.
#[derive(Clone, Debug)]
pub enum Step {
    Change(Operation),
    /// A dump in pieces of that capacity, with a change after each piece.
    Dump(Selector, usize, Vec<Operation>),
    Transaction(Vec<Operation>),
    /// The changes of a reload, the changes of the old table meanwhile, and whether to commit.
    Reload(Vec<Operation>, Vec<Operation>, bool),
    MaxRoutes(usize),
}

/// The frequency of each kind of step.
pub struct Weights {
    pub transaction: u32,
    pub reload: u32,
    pub max_routes: u32,
}

pub const CHANGES_ONLY: Weights = Weights {
    transaction: 0,
    reload: 0,
    max_routes: 0,
};

fn any_dump(prefixes: &[Prefix]) -> impl Strategy<Value = Step> {
    let selector = prop_oneof![
        Just(Selector::All),
        any_family().prop_map(|family| family.map_or(Selector::All, Selector::Family)),
        prop::sample::select(prefixes.to_vec()).prop_map(Selector::Prefix),
    ];
    let changes = prop::collection::vec(any_operation(prefixes), 0..8);
    (selector, 1..6_usize, changes)
        .prop_map(|(selector, capacity, changes)| Step::Dump(selector, capacity, changes))
}

fn any_step(prefixes: &[Prefix], weights: &Weights) -> impl Strategy<Value = Step> {
    let batch = || any_batch(prefixes);
    let no_limit = Settings::new().max_routes();
    prop_oneof![
        60 => any_operation(prefixes).prop_map(Step::Change),
        4 => any_dump(prefixes),
        weights.transaction => batch().prop_map(Step::Transaction),
        weights.reload => (batch(), batch(), prop::bool::weighted(0.7))
            .prop_map(|(new, meanwhile, commit)| Step::Reload(new, meanwhile, commit)),
        weights.max_routes => prop_oneof![0..30_usize, Just(no_limit)].prop_map(Step::MaxRoutes),
    ]
}

/// Returns steps that change a few prefixes, and addresses to look up at the end.
pub fn any_case(weights: Weights) -> impl Strategy<Value = (Vec<Step>, Vec<IpAddr>)> {
    let anywhere = prop::collection::vec(any_bits(), 10);
    (few_prefixes(), anywhere).prop_flat_map(move |(prefixes, anywhere)| {
        let steps = prop::collection::vec(any_step(&prefixes, &weights), 1..120);
        let mut addresses: Vec<IpAddr> = prefixes.iter().flat_map(borders).collect();
        for bits in anywhere {
            addresses.extend([Family::Inet, Family::Inet6].map(|family| address(family, bits)));
        }
        (steps, Just(addresses))
    })
}
