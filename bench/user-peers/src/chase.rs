// SPDX-License-Identifier: GPL-2.0

//! What a load costs whose address the last one tells, from memory of different sizes: what limits every lookup.
//! Each load reaches another cache line, in an order that no prefetcher knows; the processor's page tables are
//! part of it, as they are of lookups. One such chain of loads waits for memory; several at once tell how many
//! lines the processor can wait for together.

use std::hint::black_box;

use anyhow::Result;
use rcu_routes::testing::Random;
use table_bench::clock::Clock;

use crate::row::Row;

/// How much memory, in KiB: from this on, doubled.
const FIRST_KIB: usize = 32;
const LAST_KIB: usize = 64 << 10;

/// Loads of one figure.
const LOADS: usize = 1 << 20;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    next: u32,
}

/// Lines in one circle, at random: Sattolo's algorithm.
fn circle(count: usize, random: &mut Random) -> Vec<Line> {
    let mut lines: Vec<Line> = (0..count as u32).map(|next| Line { next }).collect();
    for at in (1..count).rev() {
        let other = random.below(at);
        let next = lines[at].next;
        lines[at].next = lines[other].next;
        lines[other].next = next;
    }
    lines
}

/// Goes along `CHAINS` chains at once, in turn, and tells where they are.
fn walk<const CHAINS: usize>(lines: &[Line], loads: usize) -> [usize; CHAINS] {
    let mut at = std::array::from_fn(|chain| chain * lines.len() / CHAINS);
    for _ in 0..loads / CHAINS {
        for at in &mut at {
            *at = lines[*at].next as usize;
        }
    }
    at
}

/// Measures so many chains in memory of one size.
fn measure_chains<const CHAINS: usize>(lines: &[Line], runs: usize) -> Result<()> {
    black_box(walk::<1>(lines, lines.len()));
    let one = |_| {
        let clock = Clock::start();
        black_box(walk::<CHAINS>(lines, LOADS));
        clock.cpu_seconds() * 1e9 / LOADS as f64
    };
    let row = Row {
        kib: Some(size_of_val(lines) >> 10),
        chains: Some(CHAINS),
        ..Row::new("load")
    };
    row.with_runs((0..runs).map(one).collect()).print()
}

/// Measures all sizes.
pub fn measure(runs: usize) -> Result<()> {
    let random = &mut Random::new(5);
    let mut kib = FIRST_KIB;
    while kib <= LAST_KIB {
        let lines = circle((kib << 10) / size_of::<Line>(), random);
        measure_chains::<1>(&lines, runs)?;
        measure_chains::<4>(&lines, runs)?;
        measure_chains::<16>(&lines, runs)?;
        measure_chains::<32>(&lines, runs)?;
        kib *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_comes_to_each_line_before_it_comes_back() {
        let lines = circle(1000, &mut Random::new(1));
        let mut seen = vec![false; lines.len()];
        let mut at = 0;
        for _ in 0..lines.len() {
            assert!(!std::mem::replace(&mut seen[at], true));
            at = lines[at].next as usize;
        }
        assert_eq!(at, 0);
        assert_eq!(walk(&lines, lines.len()), [0]);
    }

    #[test]
    fn each_chain_goes_its_own_way() {
        let lines = circle(1000, &mut Random::new(1));
        let alone = |start: usize| (0..25).fold(start, |at, _| lines[at].next as usize);
        assert_eq!(walk(&lines, 100), [0, 250, 500, 750].map(alone));
    }
}
