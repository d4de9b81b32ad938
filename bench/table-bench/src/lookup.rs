// SPDX-License-Identifier: GPL-2.0

//! Time of a lookup, on three streams of addresses:
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | those of b, but which one comes next depends on the last answer |
//!
//! In a and b the processor works on several lookups at once, in c it cannot. The answer goes out
//! through a function call, with all it has. What counts is the thread's time on a processor: lookups
//! never wait, and other programs shall not count.

use rcu_routes::rcu_table::{read_lock, Guard, NextHop, Prefix, Route, Table};
use rcu_routes::testing::Random;
use std::hint::black_box;
use std::net::IpAddr;

use crate::clock::Clock;
use crate::quantile::quantile;
use crate::stream::{self, Address};

/// Lookups in one read-side critical section.
const SECTION: usize = 1000;

/// Which of the table's functions answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// `Table::lookup()`: the whole route.
    Route,
    /// `Table::next_hop()`: where packets go, without saying by which route.
    NextHop,
    /// `Snapshot::next_hop_ref()`: the same, of which the gateway's address is read.
    NextHopRef,
}

impl Path {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Route, Self::NextHop, Self::NextHopRef];

    /// The function's name.
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

/// What `NextHopRef::digest()` says of the answer.
fn digest(next_hop: Option<NextHop>) -> usize {
    match next_hop {
        Some(NextHop::Via(IpAddr::V4(gateway), _)) => gateway.to_bits() as usize,
        Some(NextHop::Via(IpAddr::V6(gateway), _)) => gateway.to_bits() as usize,
        _ => 0,
    }
}

/// Looks all addresses up; the sum of the answers' digests.
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

/// The same, where each address has to wait for the last answer.
fn dependent<A: Address>(addresses: &[A], answer: impl Fn(A, &Guard) -> usize) -> usize {
    // Which the compiler does not know.
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

/// Looks all addresses up by `path`; the sum of the answers' digests. A function of its own for `scripts/count-lookups`.
#[inline(never)]
fn pass<A: Address>(table: &Table, path: Path, addresses: &[A], chained: bool) -> usize {
    let by_route = |address: A, guard: &Guard| {
        digest(whole_route(table, address.into(), guard).map(|route| route.next_hop))
    };
    let by_next_hop = |address: A, guard: &Guard| digest(next_hop(table, address.into(), guard));
    let by_ref = |address, guard: &Guard| next_hop_ref(table, address, guard);
    match (path, chained) {
        (Path::Route, false) => independent(addresses, by_route),
        (Path::Route, true) => dependent(addresses, by_route),
        (Path::NextHop, false) => independent(addresses, by_next_hop),
        (Path::NextHop, true) => dependent(addresses, by_next_hop),
        (Path::NextHopRef, false) => independent(addresses, by_ref),
        (Path::NextHopRef, true) => dependent(addresses, by_ref),
    }
}

/// Nanoseconds a lookup, in ascending order, one figure for each of `passes` passes.
fn time<A: Address>(
    table: &Table,
    path: Path,
    addresses: &[A],
    chained: bool,
    passes: usize,
) -> Vec<f64> {
    let one = |_| {
        let clock = Clock::start();
        black_box(pass(table, path, addresses, chained));
        clock.processor_seconds() * 1e9 / addresses.len() as f64
    };
    let mut figures: Vec<f64> = (0..passes).map(one).collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The addresses of the streams.
pub struct Streams<A> {
    anywhere: Vec<A>,
    inside: Vec<A>,
}

impl<A: Address> Streams<A> {
    /// `count` addresses for each stream; `prefixes` are of the family and not empty.
    pub fn new(prefixes: &[Prefix], count: usize, random: &mut Random) -> Self {
        Self {
            anywhere: stream::anywhere(count, random),
            inside: stream::inside(prefixes, count, random),
        }
    }

    /// The medians of streams a, b and c, and how far the passes of one stream were apart at most,
    /// in percent of its median.
    pub fn measure(&self, table: &Table, path: Path, passes: usize) -> [f64; 4] {
        let figures = [
            time(table, path, &self.anywhere, false, passes),
            time(table, path, &self.inside, false, passes),
            time(table, path, &self.inside, true, passes),
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
    fn each_way_gives_the_same_answers() {
        let _turn = crate::memory::my_turn();
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
        for path in Path::ALL {
            for chained in [false, true] {
                let sum = pass(&table, path, &addresses, chained);
                assert_eq!(sum, expected, "{path:?} {chained}");
            }
        }
    }
}
