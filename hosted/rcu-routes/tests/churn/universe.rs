// SPDX-License-Identifier: GPL-2.0

//! The routes that may be in the table while it churns, and the addresses that are asked for.
//!
//! A route's metric is its number here, and its gateway tells which step put it there, so that an
//! answer says by itself where it comes from. Longer prefixes have lower numbers: of the routes
//! that cover an address, the first that is present serves.

use std::net::{IpAddr, Ipv4Addr};

/// An address family, and the routes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

/// How a route comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It never goes: whatever takes it away puts it back at once.
    Stable,
    /// By itself, and in batches.
    Single,
    /// Only in batches, and with its whole family.
    Batched,
}
use Kind::{Batched, Single, Stable};

/// Above, below and beside each other; several with one prefix; chains that come and go whole.
const ROUTES: [(&str, u8, Kind); ROUTE_COUNT] = [
    ("0.0.0.0", 0, Single),
    ("10.0.0.0", 8, Stable),
    ("10.0.0.0", 9, Single),
    ("10.20.0.0", 15, Single),
    ("10.20.0.0", 16, Single),
    ("10.20.0.0", 16, Single),
    ("10.20.30.0", 24, Single),
    ("10.20.30.0", 24, Stable),
    ("10.20.30.32", 27, Single),
    ("10.20.30.40", 32, Single),
    ("10.20.30.40", 32, Single),
    ("10.20.30.41", 32, Single),
    ("10.128.0.0", 10, Single),
    ("10.255.255.255", 32, Single),
    ("192.0.2.0", 24, Single),
    ("192.0.2.0", 24, Single),
    ("192.0.2.0", 24, Stable),
    ("192.0.2.128", 25, Single),
    // Neighbours, and others far away.
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

/// How many routes may be there.
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

/// A route that may be in the table; its place is its metric.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub address: IpAddr,
    pub len: u8,
    pub kind: Kind,
}

/// An address with the numbers of the routes that cover it, the longest first.
#[derive(Clone, Debug)]
pub struct Asked {
    pub address: IpAddr,
    pub covering: Vec<usize>,
}

/// What a lookup or a dump finds: the route's number, and the step that put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub route: usize,
    pub step: u32,
}

/// All of it.
pub struct Universe {
    pub routes: Vec<Candidate>,
    pub asked: Vec<Asked>,
    /// Each route's place in a dump of all.
    pub places: Vec<usize>,
}

impl Universe {
    pub fn new() -> Self {
        let parse = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let mut routes = ROUTES.map(|(text, len, kind)| Candidate {
            address: parse(text),
            len,
            kind,
        });
        routes.sort_by_key(|route| u8::MAX - route.len);
        let asked = ADDRESSES.map(|text| {
            let address = parse(text);
            let covers = |number: &usize| routes[*number].covers(address);
            Asked {
                address,
                covering: (0..ROUTE_COUNT).filter(covers).collect(),
            }
        });
        Self {
            places: places(&routes),
            routes: routes.to_vec(),
            asked: asked.to_vec(),
        }
    }

    /// The answer that a route with that prefix, metric and gateway is, if it can be one.
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

/// Each route's place in the order of a dump: family, address, length, metric.
fn places(routes: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_by_key(|&number| (routes[number].address, routes[number].len, number));
    let mut places = vec![0; order.len()];
    for (place, number) in order.into_iter().enumerate() {
        places[number] = place;
    }
    places
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
