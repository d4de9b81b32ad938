// SPDX-License-Identifier: GPL-2.0

//! Tables made to be as large as can be, and how large that is. `hosted/rcu-routes/tests/hostile.rs` holds the
//! table to it.
//!
//! | input | routes |
//! |---|---|
//! | `isolated-6` | random /128s, each alone on its way down |
//! | `dense-4` | consecutive /32s of a /12 |
//! | `nested-4`, `nested-6` | all lengths from 0 to the address's own, for random addresses |
//! | `stairs-4`, `stairs-6` | the lengths 8, 16, 24 and so on: each eight bits of the way hold one route |
//! | `full-4` | random /16s, each with all its prefixes of up to 24 bits and a host in each /24: no node of eight bits can hold more |
//! | `fan-4-K`, `fan-6-K` | random /16s or /112s with K × K hosts: each eight bits of the way to the host have K ways to go on. Nodes that are sized to their contents are then just larger than a size class for some K, and a node for itself for K = 1 |
//! | `metrics` | prefixes with as many metrics as they can have |
//! | `next-hops` | /24s with a next hop of their own each |

use rcu_routes::rcu_table::{Family, NextHop, Prefix, Route};
use rcu_routes::testing::Random;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a table may use beyond its routes, in bytes: the roots, and the least of next hops.
pub const FIXED_BYTES: usize = 40 << 10;

/// What a change may replace, in bytes, but for that of a prefix with many metrics.
pub const COPIED_BYTES: usize = 9000;

/// The most metrics that a prefix can have.
const MAX_METRICS: usize = 64;

/// Ways to go on in each eight bits, one and one more than a power of two holds; and the bytes that
/// a route may use then, inet's and inet6's.
const FANS: [(usize, usize, usize); 7] = [
    (1, 290, 155),
    (2, 180, 155),
    (3, 130, 125),
    (5, 80, 75),
    (9, 60, 60),
    (17, 50, 50),
    (33, 40, 40),
];

/// A hostile table.
pub struct Input {
    /// Its name.
    pub name: String,
    /// Bytes that a route may use, from a few thousand routes on.
    pub bound: usize,
    make: Box<dyn Fn(usize) -> Vec<Route>>,
}

impl Input {
    fn new(name: &str, bound: usize, make: impl Fn(usize) -> Vec<Route> + 'static) -> Self {
        Self {
            name: name.into(),
            bound,
            make: Box::new(make),
        }
    }

    /// At most `size` different routes, in random order, the same each time.
    pub fn routes(&self, size: usize) -> Vec<Route> {
        let mut seen = HashSet::new();
        let mut routes = (self.make)(size);
        routes.retain(|route| {
            seen.insert((route.prefix.address(), route.prefix.len(), route.metric))
        });
        Random::new(1).shuffle(&mut routes);
        routes.truncate(size);
        routes
    }
}

/// All of them.
pub fn all() -> Vec<Input> {
    use Family::{Inet, Inet6};
    let mut inputs = vec![
        Input::new("isolated-6", 155, |size| hosts(random_bits(size))),
        Input::new("dense-4", 20, dense),
        Input::new("nested-4", 45, |size| nested(Inet, 1, size)),
        Input::new("nested-6", 45, |size| nested(Inet6, 1, size)),
        Input::new("stairs-4", 105, |size| nested(Inet, 8, size)),
        Input::new("stairs-6", 160, |size| nested(Inet6, 8, size)),
        Input::new("full-4", 60, |size| {
            random_bits(size / 767 + 1).flat_map(full).collect()
        }),
        Input::new("metrics", 24, metrics),
        Input::new("next-hops", 75, own_next_hops),
    ];
    for (ways, inet, inet6) in FANS {
        for (family, bound, digit) in [(Inet, inet, 4), (Inet6, inet6, 6)] {
            let name = format!("fan-{digit}-{ways}");
            inputs.push(Input::new(&name, bound, move |size| {
                fan(family, ways, size)
            }));
        }
    }
    inputs
}

/// The route of the leading `len` bits, with one of a few next hops.
fn route(family: Family, bits: u128, len: u8) -> Route {
    let bits = bits & !u128::MAX.checked_shr(len.into()).unwrap_or(0);
    let address: IpAddr = match family {
        Family::Inet => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
    };
    let gateway = Ipv4Addr::new(192, 0, 2, len % 16);
    Route {
        prefix: Prefix::new(address, len).expect("no host bits and a length that fits"),
        metric: 0,
        next_hop: NextHop::Via(gateway.into(), None),
    }
}

fn random_bits(count: usize) -> impl Iterator<Item = u128> {
    let mut random = Random::new(2);
    (0..count).map(move |_| random.wide())
}

fn hosts(addresses: impl Iterator<Item = u128>) -> Vec<Route> {
    let host = |bits| route(Family::Inet6, bits, 128);
    addresses.map(host).collect()
}

fn dense(size: usize) -> Vec<Route> {
    let first = u128::from(Ipv4Addr::new(10, 16, 0, 0).to_bits());
    let host = |number| route(Family::Inet, (first + number as u128) << 96, 32);
    (0..size.min(1 << 20)).map(host).collect()
}

fn nested(family: Family, step: u8, size: usize) -> Vec<Route> {
    let lengths = || (0..=family.bits()).step_by(step.into());
    // Short prefixes of different addresses are equal, so some more addresses.
    let addresses = size / lengths().count() * 3 / 2 + 1;
    let of = |bits| lengths().map(move |len| route(family, bits, len));
    random_bits(addresses).flat_map(of).collect()
}

fn fan(family: Family, ways: usize, size: usize) -> Vec<Route> {
    let len = family.bits();
    let last = |value: usize, bytes_behind: u8| {
        let byte = (value * 256 / ways) as u128;
        byte << (128 - u32::from(len) + 8 * u32::from(bytes_behind))
    };
    let groups = size / (ways * ways) + 1;
    let of = |bits: u128| {
        let network = bits & !(u128::MAX >> (len - 16));
        let hosts =
            (0..ways * ways).map(move |host| network | last(host / ways, 1) | last(host % ways, 0));
        hosts.map(move |bits| route(family, bits, len))
    };
    random_bits(groups * 2).flat_map(of).collect()
}

/// A /16 in which all eight bits behind it have all routes and all ways to go on.
fn full(bits: u128) -> impl Iterator<Item = Route> {
    let network = bits & !(u128::MAX >> 16);
    let of_length = move |len: u8| {
        let place = move |number: u128| network | (number << (128 - len));
        (0..1 << (len - 16)).map(move |number| route(Family::Inet, place(number), len))
    };
    let host = move |number: u128| route(Family::Inet, network | (number << 104), 32);
    (16..=24).flat_map(of_length).chain((0..1 << 8).map(host))
}

fn metrics(size: usize) -> Vec<Route> {
    let with = |number: usize| Route {
        metric: (number % MAX_METRICS) as u32,
        ..route(Family::Inet, ((number / MAX_METRICS) as u128) << 105, 23)
    };
    (0..size.min(1 << 20)).map(with).collect()
}

fn own_next_hops(size: usize) -> Vec<Route> {
    let one = |number: u32| Route {
        next_hop: NextHop::Via(Ipv4Addr::from_bits(number).into(), None),
        ..route(Family::Inet, u128::from(number) << 104, 24)
    };
    (0..size.min(1 << 24) as u32).map(one).collect()
}

/// A prefix that comes and goes in the company of others.
pub struct Flapping {
    /// What is special about it.
    pub name: &'static str,
    /// What stays.
    pub others: Vec<Route>,
    /// What comes and goes.
    pub route: Route,
}

/// Prefixes whose change could be costly.
pub fn flapping() -> [Flapping; 4] {
    let ten = 10 << 120;
    let networks = (0..1 << 16).map(|number| route(Family::Inet, ten | (number << 104), 24));
    let siblings = (1..1 << 8).map(|number| route(Family::Inet, ten | (number << 96), 32));
    let half = route(Family::Inet, ten, 17);
    let others_of_full = full(ten).filter(|route| route.prefix != half.prefix);
    [
        Flapping {
            name: "/8 above all its /24s",
            others: networks.collect(),
            route: route(Family::Inet, ten, 8),
        },
        Flapping {
            name: "/32 beside 255 siblings",
            others: siblings.collect(),
            route: route(Family::Inet, ten, 32),
        },
        Flapping {
            name: "/17 in a full node",
            others: others_of_full.collect(),
            route: half,
        },
        Flapping {
            name: "/128 alone",
            others: Vec::new(),
            route: route(Family::Inet6, 0x2001_0db8 << 96, 128),
        },
    ]
}
