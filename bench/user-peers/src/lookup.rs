// SPDX-License-Identifier: GPL-2.0

//! What a lookup costs. Streams of addresses:
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | those of b, but which one comes next depends on the last answer |
//! | d | the same one of b, again and again |
//!
//! What counts is a reader's time on its processor: lookups never wait, and other programs shall not count.
//! Before anything is timed, all tables have given the same answers.

use std::hint::black_box;

use anyhow::{ensure, Result};
use rcu_routes::testing::Random;
use table_bench::stream;

use crate::address::Address;
use crate::crew::{self, Work};
use crate::input::Input;
use crate::peer::{Peer, Way};
use crate::row::Row;

/// Addresses of one piece of a pass.
const PIECE: usize = 4096;

/// The addresses of the streams, in whole pieces.
pub struct Streams<A> {
    anywhere: Vec<A>,
    inside: Vec<A>,
    same: Vec<A>,
}

impl<A: Address> Streams<A> {
    /// At least `count` addresses for each stream.
    pub fn new(input: &Input<A>, count: usize, random: &mut Random) -> Result<Self> {
        let count = count.div_ceil(PIECE).max(1) * PIECE;
        let prefixes = input.prefixes()?;
        let own = |ips: Vec<A::Ip>| ips.into_iter().map(A::from_ip).collect::<Vec<A>>();
        let inside = own(stream::inside(&prefixes, count, random));
        Ok(Self {
            anywhere: own(stream::anywhere(count, random)),
            same: vec![inside[0]; PIECE],
            inside,
        })
    }

    /// A stream's addresses.
    pub fn addresses(&self, name: &str) -> &[A] {
        match name {
            "a" => &self.anywhere,
            "d" => &self.same,
            _ => &self.inside,
        }
    }

    /// Asks all tables about all addresses: they must agree, and each with itself in all ways.
    pub fn check(&self, peers: &[Box<dyn Peer<A>>]) -> Result<()> {
        for addresses in [&self.anywhere, &self.inside] {
            for peer in peers {
                agree(&*peers[0], &**peer, addresses)?;
                let [one, chained, bulk] = [Way::One, Way::Chained, Way::Bulk].map(|way| {
                    addresses
                        .chunks(PIECE)
                        .map(|piece| peer.pass(way, piece))
                        .fold(0, u64::wrapping_add)
                });
                ensure!(
                    one == chained && one == bulk,
                    "{} has other answers when it is asked in another way",
                    peer.name()
                );
            }
        }
        Ok(())
    }
}

/// Whether two tables have the same answers.
fn agree<A: Address>(first: &dyn Peer<A>, other: &dyn Peer<A>, addresses: &[A]) -> Result<()> {
    let [expected, hops] = [first, other].map(|peer| {
        let mut hops = vec![0; addresses.len()];
        peer.answers(addresses, &mut hops);
        hops
    });
    for ((address, expected), hop) in addresses.iter().zip(expected).zip(hops) {
        ensure!(
            hop == expected,
            "{}: {} says next hop {expected}, {} says {hop}",
            address.ip(),
            first.name(),
            other.name()
        );
    }
    Ok(())
}

/// Readers of one stream.
struct Lookups<'p, A> {
    peer: &'p dyn Peer<A>,
    way: Way,
    addresses: &'p [A],
    /// How far readers begin apart, in pieces.
    apart: usize,
}

impl<A: Address> Work for Lookups<'_, A> {
    fn pass(&self, reader: usize, piece: usize) {
        let pieces = self.addresses.len() / PIECE;
        let start = (piece + reader * self.apart) % pieces * PIECE;
        black_box(
            self.peer
                .pass(self.way, &self.addresses[start..start + PIECE]),
        );
    }
}

/// What is measured of one table.
pub struct Plan<'p> {
    /// Which streams.
    pub streams: &'p [&'static str],
    /// The most readers.
    pub readers: usize,
    /// Runs, all streams in each.
    pub runs: usize,
}

/// One thing to measure, and what was found.
struct Task {
    peer: usize,
    stream: &'static str,
    way: Way,
    readers: usize,
    runs: Vec<f64>,
}

fn tasks<A>(peers: &[Box<dyn Peer<A>>], plan: &Plan<'_>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let most = if peer.has_crowds() { plan.readers } else { 1 };
        for readers in 1..=most {
            for stream in plan.streams {
                let ways: &[Way] = match (*stream, peer.has_bulk()) {
                    ("c", _) => &[Way::Chained],
                    (_, true) => &[Way::One, Way::Bulk],
                    (_, false) => &[Way::One],
                };
                tasks.extend(ways.iter().map(|way| Task {
                    peer: number,
                    stream,
                    way: *way,
                    readers,
                    runs: Vec::new(),
                }));
            }
        }
    }
    tasks
}

/// Measures all tables; in each run one after the other, so that what disturbs a run disturbs them all.
pub fn measure<A: Address>(
    input: &Input<A>,
    streams: &Streams<A>,
    peers: &[Box<dyn Peer<A>>],
    plan: &Plan<'_>,
) -> Result<()> {
    let mut tasks = tasks(peers, plan);
    for _ in 0..plan.runs {
        for task in &mut tasks {
            let addresses = streams.addresses(task.stream);
            let pieces = streams.inside.len() / PIECE;
            let work = Lookups {
                peer: &*peers[task.peer],
                way: task.way,
                addresses,
                apart: pieces / task.readers,
            };
            let times = crew::measure(task.readers, pieces, &work)?;
            let lookups = (pieces * PIECE) as f64;
            task.runs.push(times.processor * 1e9 / lookups);
        }
    }
    for task in tasks {
        let peer = &peers[task.peer];
        let way = match task.way {
            Way::Bulk => "bulk",
            _ => "one",
        };
        let row = Row {
            what: Some(peer.name()),
            family: Some(A::FAMILY),
            stream: Some(task.stream),
            way: peer.has_bulk().then_some(way),
            set: Some(input.set),
            routes: Some(input.entries.len()),
            readers: Some(task.readers),
            writer: Some("none"),
            ..Row::new("lookup")
        };
        row.with_runs(task.runs).print()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Entry;

    /// A table with one answer for all, and another one for bursts.
    struct Fake(u32, u64);

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

        fn answers(&self, _addresses: &[u32], hops: &mut [u32]) {
            hops.fill(self.0);
        }

        fn pass(&self, way: Way, _addresses: &[u32]) -> u64 {
            match way {
                Way::One | Way::Chained => 1,
                Way::Bulk => self.1,
            }
        }

        fn ticks(&self, _addresses: &[u32], _ticks: &mut [u32]) {}
    }

    fn check(second: Fake) -> Result<()> {
        let streams = Streams {
            anywhere: vec![1],
            inside: vec![2],
            same: vec![2],
        };
        streams.check(&[Box::new(Fake(7, 1)), Box::new(second)])
    }

    #[test]
    fn tables_must_agree_and_each_with_itself() {
        check(Fake(7, 1)).expect("the same answers");
        let error = check(Fake(8, 1)).expect_err("another answer");
        assert_eq!(
            error.to_string(),
            "0.0.0.1: fake says next hop 7, fake says 8"
        );
        let error = check(Fake(7, 2)).expect_err("another answer to a burst");
        assert!(error.to_string().contains("another way"));
    }
}
