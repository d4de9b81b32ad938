// SPDX-License-Identifier: GPL-2.0

//! A large random table gives the same answers as the crate `iptrie`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use iptrie::{map::RTrieMap, Ipv4Prefix, Ipv6Prefix};
use rcu_routes::{
    rcu_table::{read_lock, Mode, NextHop, Prefix, Route},
    testing::{table, Random},
};
use std::collections::BTreeMap;

const PREFIXES: usize = 100_000;
const LOOKUPS: usize = 100_000;

/// The length of the serving prefix and the next hop. `None` is the value of `iptrie`'s mandatory
/// root.
type Answer = Option<(u8, NextHop)>;

fn mask(bits: u128, len: u8) -> u128 {
    bits & u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

/// Encodes a prefix's number as a next hop.
fn numbered(number: usize) -> NextHop {
    NextHop::Via(Ipv4Addr::from_bits(number as u32).into(), None)
}

/// Returns random prefixes, left-aligned. Half have a length common on the internet, half any
/// length. A third are close to the previous prefix.
fn random_prefixes(random: &mut Random, all: u8, usual: u8) -> Vec<(u128, u8)> {
    let mut prefixes: Vec<(u128, u8)> = Vec::with_capacity(PREFIXES);
    while prefixes.len() < PREFIXES {
        let len = match random.below(2) {
            0 => usual - random.below(9) as u8,
            _ => random.below(usize::from(all) + 1) as u8,
        };
        let bits = match prefixes.last() {
            Some((bits, _)) if random.below(3) == 0 => *bits ^ (1 << (128 - 8 - random.below(24))),
            _ => random.wide(),
        };
        prefixes.push((mask(bits, len), len));
    }
    prefixes
}

/// Returns a random address, or one inside, at the end of, or adjacent to a prefix.
fn random_address(random: &mut Random, prefixes: &[(u128, u8)], all: u8) -> u128 {
    let (bits, len) = prefixes[random.below(prefixes.len())];
    let inside = bits | (random.wide() & !mask(u128::MAX, len));
    match random.below(4) {
        0 => random.wide(),
        1 => inside,
        2 => bits | !mask(u128::MAX, len),
        _ => bits.wrapping_sub(1 << (128 - u32::from(all))),
    }
}

/// Compares the answers of one family.
macro_rules! comparison {
    ($name:ident, $all:literal, $usual:literal, $address:expr, $ip:path, $prefix:ty) => {
        #[test]
        fn $name() {
            let mut random = Random::new($all);
            let prefixes = random_prefixes(&mut random, $all, $usual);
            let table = table();
            let mut present = BTreeMap::new();
            for (number, &(bits, len)) in prefixes.iter().enumerate() {
                let prefix = Prefix::new($ip($address(bits)), len).unwrap();
                let next_hop = numbered(number % 1000);
                let route = Route {
                    prefix,
                    metric: 0,
                    next_hop,
                };
                table.insert(&route, Mode::Replace).unwrap();
                present.insert((bits, len), next_hop);
            }

            let mut found = 0;
            let mut compare = |present: &BTreeMap<(u128, u8), NextHop>, random: &mut Random| {
                let mut reference: RTrieMap<$prefix, Answer> =
                    RTrieMap::with_root_and_capacity(None, PREFIXES);
                for (&(bits, len), next_hop) in present {
                    let prefix = <$prefix>::new($address(bits), len).unwrap();
                    reference.insert(prefix, Some((len, *next_hop)));
                }
                for _ in 0..LOOKUPS / 2 {
                    let address = $address(random_address(random, &prefixes, $all));
                    let expected = *reference.lookup(&address).1;
                    let route = table.lookup($ip(address), &read_lock());
                    let answer = route.map(|route| (route.prefix.len(), route.next_hop));
                    assert_eq!(answer, expected, "{address}");
                    found += usize::from(expected.is_some());
                }
            };
            compare(&present, &mut random);

            // Remove a third of the routes and the default route.
            for key in prefixes.iter().step_by(3).chain(&[(0, 0)]) {
                let prefix = Prefix::new($ip($address(key.0)), key.1).unwrap();
                let removed = table.remove(&prefix, None, None);
                assert_eq!(removed.is_ok(), present.remove(key).is_some());
            }
            compare(&present, &mut random);
            assert!(found > LOOKUPS / 4, "only {found} answers");
        }
    };
}

comparison!(
    ipv4_answers_match_iptrie,
    32,
    24,
    |bits: u128| Ipv4Addr::from_bits((bits >> 96) as u32),
    IpAddr::V4,
    Ipv4Prefix
);
comparison!(
    ipv6_answers_match_iptrie,
    128,
    48,
    Ipv6Addr::from_bits,
    IpAddr::V6,
    Ipv6Prefix
);
