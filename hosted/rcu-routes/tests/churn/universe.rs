// SPDX-License-Identifier: GPL-2.0

//! The routes that can be in the table during the test, and the addresses that readers look up. The
//! device's tests share this file.
//!
//! A route's metric is its number, and its gateway encodes the step that inserted it, so that each
//! answer identifies its origin. Longer prefixes have lower numbers: of the routes that cover an
//! address, the first present one serves.

use std::net::{IpAddr, Ipv4Addr};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

/// The kinds of changes that add and remove a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Always present: a step that removes it adds it again.
    Permanent,
    /// By single changes and in batches.
    Single,
    /// Only in batches, or with its whole family.
    Batched,
}
use Lifetime::{Batched, Permanent, Single};

/// Nested and adjacent prefixes, several metrics of one prefix, and chains that appear as a whole.
const ROUTES: [(&str, u8, Lifetime); ROUTE_COUNT] = [
    ("0.0.0.0", 0, Single),
    ("10.0.0.0", 8, Permanent),
    ("10.0.0.0", 9, Single),
    ("10.20.0.0", 15, Single),
    ("10.20.0.0", 16, Single),
    ("10.20.0.0", 16, Single),
    ("10.20.30.0", 24, Single),
    ("10.20.30.0", 24, Permanent),
    ("10.20.30.32", 27, Single),
    ("10.20.30.40", 32, Single),
    ("10.20.30.40", 32, Single),
    ("10.20.30.41", 32, Single),
    ("10.128.0.0", 10, Single),
    ("10.255.255.255", 32, Single),
    ("192.0.2.0", 24, Single),
    ("192.0.2.0", 24, Single),
    ("192.0.2.0", 24, Permanent),
    ("192.0.2.128", 25, Single),
    // Adjacent prefixes and distant ones.
    ("198.18.0.1", 32, Batched),
    ("198.18.0.2", 32, Batched),
    ("198.18.0.0", 24, Batched),
    ("198.19.0.0", 16, Batched),
    ("198.19.128.0", 17, Batched),
    ("203.0.113.64", 26, Batched),
    ("203.0.113.64", 26, Batched),
    ("::", 0, Single),
    ("2001:db8::", 32, Single),
    ("2001:db8::", 33, Single),
    ("2001:db8:0:1::", 64, Single),
    ("2001:db8:0:1::", 64, Single),
    ("2001:db8:0:1::", 96, Single),
    ("2001:db8::1", 128, Single),
    ("2001:db8::2", 128, Single),
    ("2001:db8:0:1:ffff:ffff:ffff:ffff", 128, Single),
    ("2001:db8:8000::", 33, Single),
    ("3fff::", 20, Single),
    ("3fff:0:0:1::", 64, Single),
    ("fd00::", 8, Batched),
    ("fd00:0:0:5::", 64, Batched),
    ("fd00:0:0:5::1", 128, Batched),
    ("fd00:0:0:5::2", 128, Batched),
];

/// The number of routes.
pub const ROUTE_COUNT: usize = 41;

const ADDRESSES: [&str; 28] = [
    "10.20.30.40",
    "10.20.30.41",
    "10.20.30.42",
    "10.20.30.200",
    "10.20.1.1",
    "10.21.1.1",
    "10.1.1.1",
    "10.128.0.1",
    "10.255.255.255",
    "11.0.0.0",
    "192.0.2.77",
    "192.0.2.177",
    "198.18.0.1",
    "198.18.0.2",
    "198.18.0.3",
    "198.19.1.1",
    "198.19.200.1",
    "203.0.113.99",
    "2001:db8::1",
    "2001:db8::2",
    "2001:db8:8000::1",
    "2001:db8:0:1::1",
    "2001:db8:0:1:ffff:ffff:ffff:ffff",
    "3fff:0:0:1::1",
    "fd00:0:0:5::1",
    "fd00:0:0:5::2",
    "fd00:0:0:5::3",
    "fdff::",
];

/// A route that can be in the table. Its index is its metric.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub address: IpAddr,
    pub len: u8,
    pub lifetime: Lifetime,
}

/// An address to look up, with the numbers of the routes that cover it, the longest first.
#[derive(Clone, Debug)]
pub struct Query {
    pub address: IpAddr,
    pub covering: Vec<usize>,
}

/// The route that a lookup or a dump found: its number, and the step that inserted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub route: usize,
    pub step: u32,
}

/// All routes and queries.
pub struct Universe {
    pub routes: Vec<Candidate>,
    pub queries: Vec<Query>,
    /// Each route's position in a dump of all routes.
    pub dump_positions: Vec<usize>,
}

impl Universe {
    pub fn new() -> Self {
        let parse = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let mut routes = ROUTES.map(|(text, len, lifetime)| Candidate {
            address: parse(text),
            len,
            lifetime,
        });
        routes.sort_by_key(|route| u8::MAX - route.len);
        let queries = ADDRESSES.map(|text| {
            let address = parse(text);
            let covers = |number: &usize| routes[*number].covers(address);
            Query {
                address,
                covering: (0..ROUTE_COUNT).filter(covers).collect(),
            }
        });
        Self {
            dump_positions: dump_positions(&routes),
            routes: routes.to_vec(),
            queries: queries.to_vec(),
        }
    }

    /// Returns the answer that a route's prefix, metric and gateway encode, if they are valid.
    pub fn answer(
        &self,
        address: IpAddr,
        len: u8,
        metric: u32,
        gateway: Ipv4Addr,
    ) -> Option<Answer> {
        let route = metric as usize;
        let known = self.routes.get(route)?;
        let step = gateway.to_bits();
        (known.address == address && known.len == len).then_some(Answer { route, step })
    }
}

/// Returns each route's position in the order of a dump: family, address, length, metric.
fn dump_positions(routes: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_by_key(|&number| (routes[number].address, routes[number].len, number));
    let mut positions = vec![0; order.len()];
    for (position, number) in order.into_iter().enumerate() {
        positions[number] = position;
    }
    positions
}

impl Candidate {
    pub fn family(&self) -> Family {
        match self.address {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        }
    }

    fn covers(&self, address: IpAddr) -> bool {
        let len = u32::from(self.len);
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(host)) => {
                let differ = net.to_bits() ^ host.to_bits();
                differ.checked_shr(32 - len).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(host)) => {
                let differ = net.to_bits() ^ host.to_bits();
                differ.checked_shr(128 - len).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}
