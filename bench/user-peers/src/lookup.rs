// SPDX-License-Identifier: GPL-2.0

//! Measures lookups on streams of addresses:
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | as b, but each address depends on the previous answer |
//! | d | one address of b |
//!
//! The figures are CPU time of a reader, which excludes other programs; a lookup never sleeps.
//! Before the measurement, all tables must give the same answers.

use std::hint::black_box;

use anyhow::{ensure, Result};
use rcu_routes::testing::Random;
use table_bench::stream;

use crate::address::Address;
use crate::input::Input;
use crate::peer::{LookupMode, Peer};
use crate::readers::{self, Work};
use crate::row::Row;

/// The addresses of one piece of work.
const PIECE: usize = 4096;

/// The addresses of the streams, in whole pieces.
pub struct Streams<A> {
    anywhere: Vec<A>,
    inside: Vec<A>,
    same: Vec<A>,
}

impl<A: Address> Streams<A> {
    /// Makes at least `count` addresses for each stream.
    pub fn new(input: &Input<A>, count: usize, random: &mut Random) -> Result<Self> {
        let count = count.div_ceil(PIECE).max(1) * PIECE;
        let prefixes = input.prefixes()?;
        let convert = |ips: Vec<A::Ip>| ips.into_iter().map(A::from_ip).collect::<Vec<A>>();
        let inside = convert(stream::inside(&prefixes, count, random));
        Ok(Self {
            anywhere: convert(stream::anywhere(count, random)),
            same: vec![inside[0]; PIECE],
            inside,
        })
    }

    pub fn addresses(&self, name: &str) -> &[A] {
        match name {
            "a" => &self.anywhere,
            "d" => &self.same,
            _ => &self.inside,
        }
    }

    /// Checks that all tables give the same answers, in all lookup modes.
    pub fn check(&self, peers: &[Box<dyn Peer<A>>]) -> Result<()> {
        for addresses in [&self.anywhere, &self.inside] {
            for peer in peers {
                check_next_hops(&*peers[0], &**peer, addresses)?;
                let sums = LookupMode::ALL.map(|mode| {
                    addresses
                        .chunks(PIECE)
                        .map(|piece| peer.pass(mode, piece))
                        .fold(0, u64::wrapping_add)
                });
                ensure!(
                    sums.iter().all(|sum| *sum == sums[0]),
                    "the answers of {} depend on the lookup mode",
                    peer.name()
                );
            }
        }
        Ok(())
    }
}

/// Checks that two tables give the same answers.
fn check_next_hops<A: Address>(
    first: &dyn Peer<A>,
    other: &dyn Peer<A>,
    addresses: &[A],
) -> Result<()> {
    let [expected, hops] = [first, other].map(|peer| {
        let mut hops = vec![0; addresses.len()];
        peer.next_hops(addresses, &mut hops);
        hops
    });
    for ((address, expected), hop) in addresses.iter().zip(expected).zip(hops) {
        ensure!(
            hop == expected,
            "{}: {} has next hop {expected}, {} has {hop}",
            address.ip(),
            first.name(),
            other.name()
        );
    }
    Ok(())
}

/// The work of readers: lookups of one stream.
struct Lookups<'p, A> {
    peer: &'p dyn Peer<A>,
    mode: LookupMode,
    addresses: &'p [A],
    /// The distance between the first pieces of two readers.
    distance: usize,
}

impl<A: Address> Work for Lookups<'_, A> {
    fn pass(&self, reader: usize, piece: usize) {
        let pieces = self.addresses.len() / PIECE;
        let start = (piece + reader * self.distance) % pieces * PIECE;
        let addresses = &self.addresses[start..start + PIECE];
        black_box(self.peer.pass(self.mode, addresses));
    }
}

/// The measurements of each table.
pub struct Plan<'p> {
    pub streams: &'p [&'static str],
    /// The maximum number of readers.
    pub readers: usize,
    /// The number of runs of each measurement.
    pub runs: usize,
}

/// A measurement of one table, and its results.
struct Measurement {
    peer: usize,
    stream: &'static str,
    mode: LookupMode,
    readers: usize,
    /// ns per lookup of each run.
    runs: Vec<f64>,
}

fn measurements<A>(peers: &[Box<dyn Peer<A>>], plan: &Plan<'_>) -> Vec<Measurement> {
    let mut measurements = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let max_readers = match peer.supports_concurrent_readers() {
            true => plan.readers,
            false => 1,
        };
        for readers in 1..=max_readers {
            for stream in plan.streams {
                let modes: &[LookupMode] = match (*stream, peer.has_bulk()) {
                    ("c", _) => &[LookupMode::Dependent],
                    (_, true) => &[LookupMode::Single, LookupMode::Bulk],
                    (_, false) => &[LookupMode::Single],
                };
                measurements.extend(modes.iter().map(|mode| Measurement {
                    peer: number,
                    stream,
                    mode: *mode,
                    readers,
                    runs: Vec::new(),
                }));
            }
        }
    }
    measurements
}

/// Measures all tables. Each run measures all of them, so that a slow disturbance of the machine
/// affects all tables alike.
pub fn measure<A: Address>(
    input: &Input<A>,
    streams: &Streams<A>,
    peers: &[Box<dyn Peer<A>>],
    plan: &Plan<'_>,
) -> Result<()> {
    let mut measurements = measurements(peers, plan);
    for _ in 0..plan.runs {
        for measurement in &mut measurements {
            let addresses = streams.addresses(measurement.stream);
            let pieces = streams.inside.len() / PIECE;
            let work = Lookups {
                peer: &*peers[measurement.peer],
                mode: measurement.mode,
                addresses,
                distance: pieces / measurement.readers,
            };
            let times = readers::measure(measurement.readers, pieces, &work)?;
            let lookups = (pieces * PIECE) as f64;
            measurement.runs.push(times.cpu * 1e9 / lookups);
        }
    }
    for measurement in measurements {
        let peer = &peers[measurement.peer];
        let way = match measurement.mode {
            LookupMode::Bulk => "bulk",
            _ => "one",
        };
        let row = Row {
            what: Some(peer.name()),
            family: Some(A::FAMILY),
            stream: Some(measurement.stream),
            way: peer.has_bulk().then_some(way),
            set: Some(input.set),
            routes: Some(input.entries.len()),
            readers: Some(measurement.readers),
            writer: Some("none"),
            ..Row::new("lookup")
        };
        row.with_runs(measurement.runs).print()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Entry;

    /// A table that always returns one next hop, and one sum for bulk lookups.
    struct Fake {
        next_hop: u32,
        bulk_sum: u64,
    }

    impl Peer<u32> for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn add(&mut self, _entry: &Entry<u32>) -> Result<()> {
            Ok(())
        }

        fn delete(&mut self, _entry: &Entry<u32>) -> Result<()> {
            Ok(())
        }

        fn next_hops(&self, _addresses: &[u32], hops: &mut [u32]) {
            hops.fill(self.next_hop);
        }

        fn pass(&self, mode: LookupMode, _addresses: &[u32]) -> u64 {
            match mode {
                LookupMode::Single | LookupMode::Dependent => 1,
                LookupMode::Bulk => self.bulk_sum,
            }
        }

        fn ticks(&self, _addresses: &[u32], _ticks: &mut [u32]) {}
    }

    fn check(next_hop: u32, bulk_sum: u64) -> Result<()> {
        let streams = Streams {
            anywhere: vec![1],
            inside: vec![2],
            same: vec![2],
        };
        let first = Fake {
            next_hop: 7,
            bulk_sum: 1,
        };
        let second = Fake { next_hop, bulk_sum };
        streams.check(&[Box::new(first), Box::new(second)])
    }

    #[test]
    fn differing_answers_of_tables_and_lookup_modes_are_errors() {
        check(7, 1).expect("equal answers");
        let error = check(8, 1).expect_err("another next hop");
        assert_eq!(
            error.to_string(),
            "0.0.0.1: fake has next hop 7, fake has 8"
        );
        let error = check(7, 2).expect_err("another sum of bulk lookups");
        assert!(error.to_string().contains("lookup mode"));
    }
}
