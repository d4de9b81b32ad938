// SPDX-License-Identifier: GPL-2.0

//! Tables with the largest nodes, and the bounds of their size.
//! `hosted/rcu-routes/tests/hostile.rs` tests the bounds.
//!
//! | input | routes |
//! |---|---|
//! | `isolated-6` | random /128s, each alone on its path |
//! | `apart-6` | /128s, each with different first 16 bits |
//! | `dense-4` | consecutive /32s of a /12 |
//! | `nested-4`, `nested-6` | all prefix lengths, for random addresses |
//! | `tree-4`, `tree-6` | all prefix lengths, for consecutive addresses |
//! | `host-4` | consecutive /24s with one /32 each |
//! | `stairs-4`, `stairs-6` | the lengths 8, 16, 24 and so on: one route per stride of eight bits |
//! | `full-4` | random /16s, each with all its prefixes of up to 24 bits and a host in each /24: the fullest stride of eight bits |
//! | `fan-4-K`, `fan-6-K` | random /16s or /112s with K × K hosts: each of the last two strides has K children. For some K, a node that is sized to its contents just exceeds a size class; for K = 1, each node has one child |
//! | `metrics` | prefixes with the maximum number of metrics |
//! | `metrics-full` | strides with all 510 prefixes, each with the maximum number of metrics |
//! | `next-hops` | /24s, each with its own next hop |
//! | `wide-4` | consecutive /32s, each with its own next hop: beyond 32,767, runs of 4 bytes |

use rcu_routes::rcu_table::{Family, NextHop, Prefix, Route};
use rcu_routes::testing::Random;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bound of the bytes of a table that do not depend on its routes: 256 pages of one family, and
/// the smallest storage of answers.
pub const FIXED_BYTES: usize = 1040 << 10;

/// The bound of the bytes that a change replaces, unless its prefix has many metrics. The largest
/// node has 256 children, 256 runs of four bytes and 255 hidden routes: 6,961 bytes, for which
/// `kmalloc()` takes 8 KiB. Below it a leaf of one line can end, and an answer of 48 bytes.
pub const COPIED_BYTES: usize = 8192 + 64 + 48;

/// The maximum number of metrics of a prefix.
const MAX_METRICS: usize = 64;

/// The maximum number of prefixes of a stride.
const PREFIXES: usize = 510;

/// The same bound for prefixes with many metrics: six bytes more for each route of the stride.
pub const METRICS_COPIED_BYTES: usize = 6 * PREFIXES * MAX_METRICS + COPIED_BYTES;

/// Children per stride, and the bounds of the bytes per route for inet and inet6. All but the first
/// exceed a power of two by one.
const FANS: [(usize, usize, usize); 7] = [
    (1, 220, 140),
    (2, 130, 185),
    (3, 75, 120),
    (5, 65, 90),
    (9, 48, 55),
    (17, 30, 32),
    (33, 20, 22),
];

/// A hostile table.
pub struct Input {
    pub name: String,
    /// The bound of the bytes per route, for tables of a few thousand routes and more.
    pub bound: usize,
    /// The bound of the bytes that a change replaces.
    pub copied: usize,
    /// The least number of routes: a smaller table would not be hostile.
    least: usize,
    make: Box<dyn Fn(usize) -> Vec<Route>>,
}

impl Input {
    fn new(name: &str, bound: usize, make: impl Fn(usize) -> Vec<Route> + 'static) -> Self {
        Self {
            name: name.into(),
            bound,
            copied: match name.starts_with("metrics") {
                true => METRICS_COPIED_BYTES,
                false => COPIED_BYTES,
            },
            least: 0,
            make: Box::new(make),
        }
    }

    /// Sets the least number of routes.
    fn with_at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// Makes distinct routes in random order: at most `size`, or the least number if it is greater.
    /// Returns the same routes at each call.
    pub fn routes(&self, size: usize) -> Vec<Route> {
        let size = size.max(self.least);
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

pub fn all() -> Vec<Input> {
    use Family::{Inet, Inet6};
    let mut inputs = vec![
        Input::new("isolated-6", 140, |size| hosts(random_bits(size))),
        Input::new("apart-6", 140, |size| hosts(apart_bits(size))),
        Input::new("dense-4", 8, dense),
        Input::new("nested-4", 28, |size| nested(Inet, 1, size)),
        Input::new("nested-6", 30, |size| nested(Inet6, 1, size)),
        Input::new("tree-4", 12, |size| tree(Inet, size)),
        Input::new("tree-6", 12, |size| tree(Inet6, size)),
        Input::new("host-4", 80, host_in_each_24),
        Input::new("stairs-4", 110, |size| nested(Inet, 8, size)),
        Input::new("stairs-6", 140, |size| nested(Inet6, 8, size)),
        Input::new("full-4", 40, |size| {
            random_bits(size / 767 + 1).flat_map(full).collect()
        }),
        Input::new("metrics", 12, metrics),
        Input::new("metrics-full", 12, full_metrics).with_at_least(PREFIXES * MAX_METRICS),
        Input::new("next-hops", 75, |size| distinct_next_hops(24, size)),
        Input::new("wide-4", 75, |size| distinct_next_hops(32, size)).with_at_least(36_000),
    ];
    for (children, inet, inet6) in FANS {
        for (family, bound, digit) in [(Inet, inet, 4), (Inet6, inet6, 6)] {
            let name = format!("fan-{digit}-{children}");
            inputs.push(Input::new(&name, bound, move |size| {
                fan(family, children, size)
            }));
        }
    }
    inputs
}

/// Makes a route of the leading `len` bits, with one of 16 next hops. The next hops of neighbours
/// differ, so each route takes a run.
fn route(family: Family, bits: u128, len: u8) -> Route {
    let bits = bits & !u128::MAX.checked_shr(len.into()).unwrap_or(0);
    let address: IpAddr = match family {
        Family::Inet => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
    };
    let last = bits.checked_shr(128 - u32::from(len)).unwrap_or(0);
    let gateway = Ipv4Addr::new(192, 0, 2, (last as u8).wrapping_add(len) % 16);
    Route {
        prefix: Prefix::new(address, len).expect("no host bits, and a valid length"),
        metric: 0,
        next_hop: NextHop::Via(gateway.into(), None),
    }
}

fn random_bits(count: usize) -> impl Iterator<Item = u128> {
    let mut random = Random::new(2);
    (0..count).map(move |_| random.wide())
}

/// Makes addresses whose first 16 bits differ.
fn apart_bits(count: usize) -> impl Iterator<Item = u128> {
    let count = count.min(1 << 16);
    let first = move |number: usize| ((number << 16) / count) as u128;
    let bits = random_bits(count).enumerate();
    bits.map(move |(number, bits)| (first(number) << 112) | (bits >> 16))
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
    // Random addresses share short prefixes, which are dropped as duplicates.
    let addresses = size / lengths().count() * 3 / 2 + 1;
    let nested = |bits| lengths().map(move |len| route(family, bits, len));
    random_bits(addresses).flat_map(nested).collect()
}

/// Makes all prefixes of consecutive addresses.
fn tree(family: Family, size: usize) -> Vec<Route> {
    let bits = u32::from(family.bits());
    // Each level has half of the prefixes of the level below it.
    let hosts = (size / 2).max(1) as u128;
    let first = 0x2001_0db8_u128 << 96;
    let of_length = move |len: u32| {
        let count = hosts.div_ceil(1 << (bits - len).min(64));
        (0..count).map(move |number| route(family, first + (number << (128 - len)), len as u8))
    };
    (8..=bits).rev().flat_map(of_length).collect()
}

fn host_in_each_24(size: usize) -> Vec<Route> {
    let first = 10_u128 << 120;
    let pair = |number: usize| {
        let network = first + ((number as u128) << 104);
        let host = network + ((number as u128 * 7 % 256) << 96);
        [
            route(Family::Inet, network, 24),
            route(Family::Inet, host, 32),
        ]
    };
    (0..size / 2).flat_map(pair).collect()
}

fn fan(family: Family, children: usize, size: usize) -> Vec<Route> {
    let len = family.bits();
    let byte = |child: usize, from_end: u8| {
        let byte = (child * 256 / children) as u128;
        byte << (128 - u32::from(len) + 8 * u32::from(from_end))
    };
    let groups = size / (children * children) + 1;
    let group = |bits: u128| {
        let network = bits & !(u128::MAX >> (len - 16));
        let host = move |number| network | byte(number / children, 1) | byte(number % children, 0);
        (0..children * children).map(move |number| route(family, host(number), len))
    };
    random_bits(groups * 2).flat_map(group).collect()
}

/// Makes a /16 whose next stride has all routes and all children.
fn full(bits: u128) -> impl Iterator<Item = Route> {
    let network = bits & !(u128::MAX >> 16);
    let of_length = move |len: u8| {
        let subnet = move |number: u128| network | (number << (128 - len));
        (0..1 << (len - 16)).map(move |number| route(Family::Inet, subnet(number), len))
    };
    let host = move |number: u128| route(Family::Inet, network | (number << 104), 32);
    (16..=24).flat_map(of_length).chain((0..1 << 8).map(host))
}

fn metrics(size: usize) -> Vec<Route> {
    let numbered = |number: usize| Route {
        metric: (number % MAX_METRICS) as u32,
        ..route(Family::Inet, ((number / MAX_METRICS) as u128) << 105, 23)
    };
    (0..size.min(1 << 20)).map(numbered).collect()
}

/// Makes consecutive /16s whose next stride has all routes.
fn full_metrics(size: usize) -> Vec<Route> {
    let subnets = |network: u128| {
        let of_length = move |len: u8| {
            let subnet = move |number: u128| network | (number << (128 - len));
            (0..1 << (len - 16)).map(move |number| route(Family::Inet, subnet(number), len))
        };
        (17..=24).flat_map(of_length)
    };
    let with_metrics =
        |route: Route| (0..MAX_METRICS as u32).map(move |metric| Route { metric, ..route });
    let networks = size / (PREFIXES * MAX_METRICS) + 1;
    let network = |number: usize| ((10 << 8) + number as u128) << 112;
    let routes = (0..networks)
        .map(network)
        .flat_map(subnets)
        .flat_map(with_metrics);
    routes.take(size).collect()
}

/// Returns a route with a next hop that no other number has.
fn with_next_hop(number: u32, len: u8) -> Route {
    Route {
        next_hop: NextHop::Via(Ipv4Addr::from_bits(number).into(), None),
        ..route(Family::Inet, u128::from(number) << (128 - len), len)
    }
}

fn distinct_next_hops(len: u8, size: usize) -> Vec<Route> {
    let numbered = |number| with_next_hop(number, len);
    (0..size.min(1 << 24) as u32).map(numbered).collect()
}

/// A prefix that is added and deleted many times.
pub struct Flapping {
    pub name: &'static str,
    /// The other routes of the table.
    pub others: Vec<Route>,
    pub route: Route,
    /// The bound of the bytes that a change replaces.
    pub bound: usize,
}

impl Flapping {
    fn new(name: &'static str, others: impl IntoIterator<Item = Route>, route: Route) -> Self {
        let is_other = |other: &Route| (other.prefix, other.metric) != (route.prefix, route.metric);
        Self {
            name,
            others: others.into_iter().filter(is_other).collect(),
            route,
            bound: COPIED_BYTES,
        }
    }
}

/// Prefixes whose changes could be slow.
pub fn flapping() -> Vec<Flapping> {
    use Family::{Inet, Inet6};
    let ten: u128 = 10 << 120;
    let networks = (0..1 << 16).map(|number| route(Inet, ten | (number << 104), 24));
    let siblings = move || (0..1 << 8).map(move |number| route(Inet, ten | (number << 96), 32));
    let children = (0..1 << 8).map(|number| route(Inet, ten | (number << 104), 32));
    let nest = |family: Family| (0..=family.bits()).map(move |len| route(family, ten, len));
    let eights = |family| (0..1 << 7).map(move |number: u128| route(family, number << 121, 8));
    let metrics = |route: Route| (0..64).map(move |metric| Route { metric, ..route });
    let default = route(Inet, 0, 0);
    // The table numbers next hops in the order of their first use.
    let numbers = (0..1 << 15).map(|number| with_next_hop(number, 32));
    let wide = with_next_hop(10 << 24, 32);
    vec![
        Flapping::new("/8 above all its /24s", networks, route(Inet, ten, 8)),
        Flapping::new("0/0 above every second /8", eights(Inet), default),
        Flapping::new(
            "::/0 above every second /8",
            eights(Inet6),
            route(Inet6, 0, 0),
        ),
        Flapping::new("0/0 with 64 metrics", metrics(default), default),
        Flapping::new("/32 beside 255 siblings", siblings(), route(Inet, ten, 32)),
        Flapping::new("/32 as the 256th child", children, route(Inet, ten, 32)),
        Flapping::new("/32 in its nest", nest(Inet), route(Inet, ten, 32)),
        Flapping::new("/128 in its nest", nest(Inet6), route(Inet6, ten, 128)),
        Flapping::new("/17 in a full node", full(ten), route(Inet, ten, 17)),
        Flapping::new(
            "/32 that widens a full node",
            numbers.chain(siblings()),
            wide,
        ),
        Flapping::new("/128 alone", [], route(Inet6, 0x2001_0db8 << 96, 128)),
        Flapping {
            bound: METRICS_COPIED_BYTES,
            ..Flapping::new(
                "/17 in a full node with 64 metrics",
                full_metrics(PREFIXES * MAX_METRICS),
                route(Inet, ten, 17),
            )
        },
    ]
}
