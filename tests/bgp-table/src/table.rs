// SPDX-License-Identifier: GPL-2.0

//! The table file: each line is `PREFIX AS`, in any order.
//!
//! The file of `iptrie` 0.11.2 has 1,248,917 lines: 1,072,529 IPv4 prefixes and 176,388 IPv6
//! prefixes, all different, including both default routes. AS 0 (163,595 lines) is an AS like any
//! other here. One prefix has host bits, 172.20.0.0/12. They are cleared, because the device
//! refuses them; no other line has 172.16.0.0/12.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::num::NonZeroU32;

use anyhow::{Context, Result};

use crate::prefix::Prefix;
use crate::random::Random;
use crate::route::Route;

/// The attempts for each random prefix: an attempt may repeat a prefix.
const ATTEMPTS: usize = 16;

/// Routes in the order of a dump, one for each prefix.
pub struct Table {
    routes: Vec<Route>,
    /// The index of the first IPv6 route.
    v6: usize,
}

impl Table {
    /// Reads a file. If a prefix is repeated, its first line counts.
    pub fn read(mut lines: impl BufRead) -> Result<Self> {
        let mut routes = Vec::new();
        let mut line = String::new();
        for number in 1_u64.. {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                break;
            }
            routes.push(
                route(&line).with_context(|| format!("line {number}: {:?}", line.trim_end()))?,
            );
        }
        routes.sort_by_key(|route| route.prefix);
        routes.dedup_by_key(|route| route.prefix);
        Ok(Self::sorted(routes))
    }

    fn sorted(routes: Vec<Route>) -> Self {
        let v6 = routes.partition_point(|route| matches!(route.prefix, Prefix::V4 { .. }));
        Self { routes, v6 }
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub fn v4(&self) -> &[Route] {
        &self.routes[..self.v6]
    }

    pub fn v6(&self) -> &[Route] {
        &self.routes[self.v6..]
    }

    /// Returns `limit` routes, spread evenly: the middle one of each of `limit` equal parts. A
    /// proper subset has no default route, so some addresses have no answer.
    pub fn subset(self, limit: usize) -> Self {
        let all = self.routes.len();
        if limit >= all {
            return self;
        }
        let middle = |part: usize| (2 * part + 1) * all / (2 * limit);
        Self::sorted((0..limit).map(|part| self.routes[middle(part)]).collect())
    }

    /// Returns the IPv4 routes.
    pub fn only_v4(mut self) -> Self {
        self.routes.truncate(self.v6);
        self
    }

    /// Returns the routes with `count` different gateways for each family, because a router has few
    /// neighbours. No gateway stands for AS 0, whose IPv6 gateway has a lower half of zero. Some
    /// tables store only this half, and zero means "no route" to them.
    pub fn with_few_gateways(mut self, count: NonZeroU32) -> Self {
        for route in &mut self.routes {
            route.origin = route.origin % count + count.get();
        }
        self
    }

    /// Returns `count` IPv4 routes with random addresses, and with the lengths and gateways of
    /// random routes of this table. Returns fewer routes if too few such prefixes exist, and none
    /// if this table has no IPv4 route.
    pub fn random(&self, count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut routes = BTreeMap::new();
        let attempts = count.saturating_mul(ATTEMPTS);
        for _ in 0..attempts {
            let Some(&model) = random.choose(self.v4()) else {
                break;
            };
            let prefix = model.prefix.moved_to(random.next_u32());
            routes.entry(prefix).or_insert(Route { prefix, ..model });
            if routes.len() >= count {
                break;
            }
        }
        Self::sorted(routes.into_values().collect())
    }
}

fn route(line: &str) -> Result<Route> {
    let (prefix, origin) = line
        .trim_end()
        .split_once(' ')
        .context("expected PREFIX AS")?;
    Ok(Route {
        prefix: prefix.parse()?,
        origin: origin.parse().context("expected the number of an AS")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        Table::read(text.as_bytes()).expect("a table")
    }

    fn lines(table: &Table) -> Vec<String> {
        table.routes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn routes_are_sorted_and_unique() {
        let table =
            read("::/0 5\n10.0.0.0/9 2\n10.0.0.0/8 1\n172.20.0.0/12 3\n10.0.0.0/8 4\n0.0.0.0/0 0");
        assert_eq!(
            lines(&table),
            [
                "0.0.0.0/0 via 10.0.0.0",
                "10.0.0.0/8 via 10.0.0.1",
                "10.0.0.0/9 via 10.0.0.2",
                "172.16.0.0/12 via 10.0.0.3",
                "::/0 via fd00::5",
            ]
        );
        assert_eq!((table.v4().len(), table.v6().len()), (4, 1));
    }

    #[test]
    fn a_subset_is_spread_evenly() {
        let text = (0..100)
            .map(|net| format!("{net}.0.0.0/8 1\n"))
            .collect::<Vec<_>>()
            .concat();
        let nets = |limit| -> Vec<String> {
            let table = read(&text).subset(limit);
            lines(&table)
                .iter()
                .map(|line| line.split('.').next().unwrap_or("").into())
                .collect()
        };
        assert_eq!(nets(4), ["12", "37", "62", "87"]);
        assert_eq!(nets(1), ["50"]);
        assert!(nets(0).is_empty());
        assert_eq!(nets(100).len(), 100);
        assert_eq!(nets(1000).len(), 100);
        let mut many = nets(99);
        many.dedup();
        assert_eq!(many.len(), 99);
    }

    #[test]
    fn a_subset_keeps_both_families() {
        let table = read("1.0.0.0/8 1\n2.0.0.0/8 1\n1::/16 1\n2::/16 1\n").subset(2);
        assert_eq!(
            lines(&table),
            ["2.0.0.0/8 via 10.0.0.1", "2::/16 via fd00::1"]
        );
        assert_eq!((table.v4().len(), table.v6().len()), (1, 1));
    }

    #[test]
    fn the_number_of_gateways_can_be_limited() {
        let few = NonZeroU32::new(4).expect("four");
        let table = read("1.0.0.0/8 0\n2.0.0.0/8 4\n3.0.0.0/8 4200000003\n1::/16 5\n")
            .with_few_gateways(few);
        assert_eq!(
            lines(&table),
            [
                "1.0.0.0/8 via 10.0.0.4",
                "2.0.0.0/8 via 10.0.0.4",
                "3.0.0.0/8 via 10.0.0.7",
                "1::/16 via fd00::5",
            ]
        );
    }

    #[test]
    fn random_prefixes_have_the_lengths_of_the_table() {
        let table = read("1.0.0.0/20 1\n2.0.0.0/24 2\n3.0.0.0/24 2\n4.0.0.0/24 2\n1::/16 5\n");
        let random = table.random(4000, 1);
        assert_eq!((random.v4().len(), random.v6().len()), (4000, 0));
        assert!(random.routes().is_sorted_by_key(|route| route.prefix));
        let long = lines(&random)
            .iter()
            .filter(|line| line.ends_with("/24 via 10.0.0.2"))
            .count();
        let short = lines(&random)
            .iter()
            .filter(|line| line.ends_with("/20 via 10.0.0.1"))
            .count();
        assert_eq!(long + short, 4000);
        assert!((900..1100).contains(&short), "{short}");
        let is_low = |route: &&Route| matches!(route.prefix, Prefix::V4 { address, .. } if address.octets()[0] < 128);
        let low = random.v4().iter().filter(is_low).count();
        assert!((1800..2200).contains(&low), "{low}");
    }

    #[test]
    fn random_prefixes_end_if_there_are_no_more() {
        assert!(read("").random(10, 1).routes().is_empty());
        assert_eq!(read("0.0.0.0/1 1\n").random(10, 1).routes().len(), 2);
    }

    #[test]
    fn a_seed_always_gives_the_same_prefixes() {
        let table = read("1.0.0.0/20 1\n2.0.0.0/24 2\n");
        assert_eq!(lines(&table.random(50, 7)), lines(&table.random(50, 7)));
        assert_ne!(lines(&table.random(50, 7)), lines(&table.random(50, 8)));
    }

    #[test]
    fn ipv6_routes_can_be_left_out() {
        let table = read("1.0.0.0/8 1\n1::/16 1\n").only_v4();
        assert_eq!(lines(&table), ["1.0.0.0/8 via 10.0.0.1"]);
        assert!(table.v6().is_empty());
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number() {
        for bad in [
            "10.0.0.0/8",
            "10.0.0.0/8 x",
            "10.0.0.0/40 1",
            "10.0.0.0/8 1 2",
            "",
        ] {
            let text = format!("10.0.0.0/8 1\n{bad}\n");
            let Err(error) = Table::read(text.as_bytes()) else {
                panic!("{bad:?} was read");
            };
            assert!(format!("{error:#}").starts_with("line 2: "), "{error:#}");
        }
    }
}
