// SPDX-License-Identifier: GPL-2.0

//! Measures lookups on three streams of addresses:
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | as b, but each address depends on the previous answer |
//!
//! On a and b the processor overlaps several lookups; on c it cannot. A function that is not
//! inlined returns the whole answer. The figures are CPU time of the thread, which excludes other
//! programs; a lookup never sleeps.

use rcu_routes::rcu_table::{read_lock, Guard, NextHop, Prefix, Route, Table};
use rcu_routes::testing::Random;
use std::hint::black_box;
use std::net::IpAddr;

use crate::clock::Clock;
use crate::quantile::quantile;
use crate::stream::{self, Address};

/// Lookups in one read-side critical section.
const SECTION: usize = 1000;

/// The table's function to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `Table::lookup()`: returns the route.
    Route,
    /// `Table::next_hop()`: returns a copy of the next hop.
    NextHop,
    /// `Snapshot::next_hop_ref()`: returns a reference to the next hop, of which the gateway's
    /// address is read.
    NextHopRef,
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Route, Self::NextHop, Self::NextHopRef];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Route => "lookup",
            Self::NextHop => "next_hop",
            Self::NextHopRef => "next_hop_ref",
        }
    }
}

#[inline(never)]
fn whole_route(table: &Table, address: IpAddr, guard: &Guard) -> Option<Route> {
    table.lookup(address, guard)
}

#[inline(never)]
fn next_hop(table: &Table, address: IpAddr, guard: &Guard) -> Option<NextHop> {
    table.next_hop(address, guard)
}

#[inline(never)]
fn next_hop_ref<A: Address>(table: &Table, address: A, guard: &Guard) -> usize {
    let found = table.snapshot(guard).next_hop_ref(address.into());
    found.map_or(0, |next_hop| next_hop.digest() as usize)
}

/// Computes the value that `NextHopRef::digest()` returns for the answer.
fn digest(next_hop: Option<NextHop>) -> usize {
    match next_hop {
        Some(NextHop::Via(IpAddr::V4(gateway), _)) => gateway.to_bits() as usize,
        Some(NextHop::Via(IpAddr::V6(gateway), _)) => gateway.to_bits() as usize,
        _ => 0,
    }
}

/// Looks up all addresses. Returns the sum of the answers' digests.
fn independent<A: Address>(addresses: &[A], answer: impl Fn(A, &Guard) -> usize) -> usize {
    let mut sum = 0_usize;
    for section in addresses.chunks(SECTION) {
        let guard = read_lock();
        for address in section {
            sum = sum.wrapping_add(answer(*address, &guard));
        }
    }
    sum
}

/// As [`independent()`], but each address depends on the previous answer.
fn dependent<A: Address>(addresses: &[A], answer: impl Fn(A, &Guard) -> usize) -> usize {
    // The compiler must not know that this is 0.
    let no_bits: usize = black_box(0);
    let mut sum = 0_usize;
    let mut last = 0;
    for section in addresses.chunks(SECTION) {
        let guard = read_lock();
        for index in 0..section.len() {
            last = answer(section[index + (last & no_bits)], &guard);
            sum = sum.wrapping_add(last);
        }
    }
    sum
}

/// Looks up all addresses by `method`. Returns the sum of the answers' digests.
/// `scripts/count-lookups` counts the instructions of this function, so it is not inlined.
#[inline(never)]
fn pass<A: Address>(table: &Table, method: Method, addresses: &[A], is_dependent: bool) -> usize {
    let by_route = |address: A, guard: &Guard| {
        digest(whole_route(table, address.into(), guard).map(|route| route.next_hop))
    };
    let by_next_hop = |address: A, guard: &Guard| digest(next_hop(table, address.into(), guard));
    let by_ref = |address, guard: &Guard| next_hop_ref(table, address, guard);
    match (method, is_dependent) {
        (Method::Route, false) => independent(addresses, by_route),
        (Method::Route, true) => dependent(addresses, by_route),
        (Method::NextHop, false) => independent(addresses, by_next_hop),
        (Method::NextHop, true) => dependent(addresses, by_next_hop),
        (Method::NextHopRef, false) => independent(addresses, by_ref),
        (Method::NextHopRef, true) => dependent(addresses, by_ref),
    }
}

/// Returns the nanoseconds per lookup of each pass, sorted.
fn time<A: Address>(
    table: &Table,
    method: Method,
    addresses: &[A],
    is_dependent: bool,
    passes: usize,
) -> Vec<f64> {
    let time_pass = |_| {
        let clock = Clock::start();
        black_box(pass(table, method, addresses, is_dependent));
        clock.cpu_seconds() * 1e9 / addresses.len() as f64
    };
    let mut figures: Vec<f64> = (0..passes).map(time_pass).collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The addresses of the streams.
pub struct Streams<A> {
    anywhere: Vec<A>,
    inside: Vec<A>,
}

impl<A: Address> Streams<A> {
    /// Makes `count` addresses for each stream. All prefixes must be of the family of `A`, and
    /// there must be one.
    pub fn new(prefixes: &[Prefix], count: usize, random: &mut Random) -> Self {
        Self {
            anywhere: stream::anywhere(count, random),
            inside: stream::inside(prefixes, count, random),
        }
    }

    /// Measures streams a, b and c. Returns the median of each, and the widest range of a stream's
    /// passes, in percent of its median.
    pub fn measure(&self, table: &Table, method: Method, passes: usize) -> [f64; 4] {
        let figures = [
            time(table, method, &self.anywhere, false, passes),
            time(table, method, &self.inside, false, passes),
            time(table, method, &self.inside, true, passes),
        ];
        let at = |figures: &[f64], percent| quantile(figures, percent, 100).unwrap_or(f64::NAN);
        let [a, b, c] = figures.each_ref().map(|figures| at(figures, 50));
        let spread =
            |figures: &Vec<f64>| 100.0 * (at(figures, 100) - at(figures, 0)) / at(figures, 50);
        let spread = figures.iter().map(spread).fold(0.0, f64::max);
        [a, b, c, spread]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcu_routes::testing::{prefix, run, table};
    use std::net::Ipv4Addr;

    #[test]
    fn all_methods_give_the_same_answers() {
        let _lock = crate::memory::test_lock();
        let table = table();
        run(&table, "add 10.0.0.0/8 via 192.0.2.1").unwrap();
        run(&table, "add 10.128.0.0/9 via inet6 2001:db8::1").unwrap();
        run(&table, "add 11.0.0.0/8 dev a").unwrap();
        let prefixes = [prefix("10.0.0.0/7"), prefix("12.0.0.0/8")];
        let addresses: Vec<Ipv4Addr> = stream::inside(&prefixes, 2500, &mut Random::new(3));
        let expected = addresses.iter().map(|address| match address.octets() {
            [10, 0..128, ..] => 0xc000_0201,
            [10, ..] => 1,
            _ => 0,
        });
        let expected: usize = expected.sum();
        for method in Method::ALL {
            for is_dependent in [false, true] {
                let sum = pass(&table, method, &addresses, is_dependent);
                assert_eq!(sum, expected, "{method:?} {is_dependent}");
            }
        }
    }
}
