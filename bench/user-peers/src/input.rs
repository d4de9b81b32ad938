// SPDX-License-Identifier: GPL-2.0

//! The prefixes of the tables, each with the number of its next hop.
//!
//! The real table is changed so that all tables can hold it and give the same answers:
//!
//! - Gateways become numbers from 1 to 65536, in the order of their first appearance in a family:
//!   rte_lpm and rte_fib hold numbers. This module's table gets gateways whose addresses contain
//!   these numbers.
//! - Default routes are dropped: rte_lpm cannot hold one.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use anyhow::{anyhow, ensure, Result};
use rcu_routes::rcu_table::{NextHop, Prefix, Route};
use rcu_routes::testing::Random;
use table_bench::{routes, stream};

use crate::address::Address;

const MAX_NEXT_HOPS: usize = 1 << 16;

/// A prefix with its next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<A> {
    pub address: A,
    pub len: u8,
    /// The number of the next hop, from 1.
    pub hop: u32,
}

/// The prefixes of one family.
#[derive(Clone)]
pub struct Input<A> {
    /// "real", "sample" or "random".
    pub set: &'static str,
    /// The prefixes, distinct and sorted.
    pub entries: Vec<Entry<A>>,
}

/// Reads the routes of a file.
pub fn read(path: &Path) -> Result<Vec<Route>> {
    routes::read(path)
}

impl<A: Address> Input<A> {
    /// Makes an input of all routes of a family.
    pub fn real(routes: &[Route]) -> Result<Self> {
        let mut numbers = HashMap::new();
        let mut entries = Vec::new();
        for route in routes {
            let prefix = route.prefix;
            let NextHop::Via(gateway, _) = route.next_hop else {
                continue;
            };
            if prefix.family() != <A::Ip as stream::Address>::FAMILY || prefix.len() == 0 {
                continue;
            }
            let next = numbers.len();
            let number = *numbers.entry(gateway).or_insert(next);
            entries.push(Entry {
                address: A::from_leading(<A::Ip as stream::Address>::leading(prefix.address())),
                len: prefix.len(),
                hop: (number % MAX_NEXT_HOPS) as u32 + 1,
            });
        }
        ensure!(!entries.is_empty(), "no route of the family {}", A::FAMILY);
        entries.sort_unstable_by_key(|entry| (entry.address, entry.len));
        Ok(Self {
            set: "real",
            entries,
        })
    }

    /// Selects at most `count` of these prefixes at random.
    pub fn sample(&self, count: usize, random: &mut Random) -> Self {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        random.shuffle(&mut order);
        order.truncate(count);
        order.sort_unstable();
        Self {
            set: "sample",
            entries: order.into_iter().map(|at| self.entries[at]).collect(),
        }
    }

    /// Makes `count` random prefixes, with lengths and next hops of these. Short lengths are rarer
    /// than in these once all their prefixes are used.
    pub fn random(&self, count: usize, random: &mut Random) -> Self {
        let mut known = HashSet::new();
        let mut entries = Vec::with_capacity(count);
        while entries.len() < count {
            let Entry { len, hop, .. } = self.entries[random.below(self.entries.len())];
            let bits = random.wide() & !u128::MAX.checked_shr(len.into()).unwrap_or(0);
            if known.insert((bits, len)) {
                let address = A::from_leading(bits);
                entries.push(Entry { address, len, hop });
            }
        }
        entries.sort_unstable_by_key(|entry| (entry.address, entry.len));
        Self {
            set: "random",
            entries,
        }
    }

    /// The number of blocks of 256 entries ("tbl8s") that DIR-24-8 needs: one per /24 with a longer
    /// prefix.
    pub fn tbl8s(&self) -> usize {
        let longer = self.entries.iter().filter(|entry| entry.len > 24);
        let slash_24s: HashSet<u128> = longer.map(|entry| entry.address.leading() >> 104).collect();
        slash_24s.len()
    }

    /// Calls `visit` with each prefix and the prefixes that cover it, the longest last.
    fn walk<'e>(&'e self, mut visit: impl FnMut(&'e Entry<A>, &[&'e Entry<A>])) {
        let mut covering: Vec<&Entry<A>> = Vec::new();
        for entry in &self.entries {
            while covering.last().is_some_and(|last| !last.covers(entry)) {
                covering.pop();
            }
            visit(entry, &covering);
            covering.push(entry);
        }
    }

    /// The number of tbl8s that `rte_fib6` reserves, many more than it needs: for each prefix, one
    /// per eight bits by which it is longer than 24 and than the longest prefix that covers it.
    pub fn reserved_tbl8s(&self) -> usize {
        let levels = |len: u8| usize::from(len.max(24)).div_ceil(8);
        let mut tbl8s = 0;
        self.walk(|entry, covering| {
            tbl8s += levels(entry.len) - levels(covering.last().map_or(0, |last| last.len));
        });
        tbl8s
    }

    /// The prefixes that `rte_fib` can delete and add any number of times. Excludes those longer
    /// than 24 with the next hop of a covering prefix: `rte_fib` counts their tbl8 only at
    /// deletion, and finally assumes that none is left.
    pub fn changeable(&self) -> Vec<Entry<A>> {
        let mut entries = Vec::with_capacity(self.entries.len());
        self.walk(|entry, covering| {
            if entry.len <= 24 || covering.iter().all(|other| other.hop != entry.hop) {
                entries.push(*entry);
            }
        });
        entries
    }

    /// The prefixes as this module's table has them.
    pub fn prefixes(&self) -> Result<Vec<Prefix>> {
        self.entries.iter().map(Entry::prefix).collect()
    }
}

impl<A: Address> Entry<A> {
    fn covers(&self, other: &Self) -> bool {
        let differing = self.address.leading() ^ other.address.leading();
        self.len <= other.len && differing.leading_zeros() >= u32::from(self.len)
    }

    pub fn prefix(&self) -> Result<Prefix> {
        Prefix::new(self.address.ip(), self.len).map_err(|error| anyhow!("{self}: {error:?}"))
    }

    pub fn route(&self) -> Result<Route> {
        Ok(Route {
            prefix: self.prefix()?,
            metric: 0,
            next_hop: NextHop::Via(A::gateway(self.hop), None),
        })
    }
}

impl<A: Address> fmt::Display for Entry<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address.ip(), self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcu_routes::testing::route;

    fn input() -> Input<u32> {
        let routes = [
            "0.0.0.0/0 via 192.0.2.9",
            "10.0.0.0/8 via 192.0.2.2",
            "10.1.2.0/25 via 192.0.2.1",
            "10.1.2.128/26 via 192.0.2.2",
            "2001:db8::/32 via 2001:db8::1",
        ];
        Input::real(&routes.map(route)).expect("routes of the family")
    }

    #[test]
    fn gateways_are_numbered_and_default_routes_are_dropped() {
        let entry = |address, len, hop| Entry { address, len, hop };
        let expected = [
            entry(0x0a00_0000_u32, 8, 1),
            entry(0x0a01_0200, 25, 2),
            entry(0x0a01_0280, 26, 1),
        ];
        assert_eq!(input().entries, expected);
    }

    #[test]
    fn a_tbl8_is_counted_once() {
        assert_eq!(input().tbl8s(), 1);
    }

    #[test]
    fn tbl8s_are_reserved_for_each_prefix() {
        let prefixes =
            ["32", "48", "64", "65"].map(|len| format!("2001:db8::/{len} via 2001:db8::1"));
        let routes = prefixes.map(|text| route(&text));
        let other = route("2001:db9::/33 via 2001:db8::1");
        let routes = [&routes[..], &[other]].concat();
        let input = Input::<[u8; 16]>::real(&routes).expect("routes of the family");
        assert_eq!(input.reserved_tbl8s(), 1 + 2 + 2 + 1 + 2);
    }

    #[test]
    fn a_long_prefix_with_the_next_hop_of_a_covering_one_is_not_changeable() {
        let lens: Vec<u8> = input().changeable().iter().map(|entry| entry.len).collect();
        assert_eq!(lens, [8, 25]);
    }

    #[test]
    fn samples_and_random_prefixes_have_the_requested_count() {
        let random = &mut Random::new(1);
        assert_eq!(input().sample(2, random).entries.len(), 2);
        let made = input().random(100, random);
        assert_eq!(made.entries.len(), 100);
        for entry in made.entries {
            assert!([8, 25, 26].contains(&entry.len));
            entry.prefix().expect("no host bits");
        }
    }
}
