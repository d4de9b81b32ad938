// SPDX-License-Identifier: GPL-2.0

//! Measures loads whose address depends on the previous load, by the size of the memory. Their
//! latency limits every lookup. Each load reads another cache line in random order, which defeats
//! prefetchers; the figures include TLB misses, as those of lookups do. Several independent chains
//! show how many cache misses the processor overlaps.

use std::hint::black_box;

use anyhow::Result;
use rcu_routes::testing::Random;
use table_bench::clock::Clock;

use crate::row::Row;

/// The sizes of the memory are the powers of two from `MIN_KIB` to `MAX_KIB`.
const MIN_KIB: usize = 32;
const MAX_KIB: usize = 64 << 10;

/// The loads of one figure.
const LOADS: usize = 1 << 20;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    next: u32,
}

/// Links lines to a random cycle, by Sattolo's algorithm.
fn cycle(count: usize, random: &mut Random) -> Vec<Line> {
    let mut lines: Vec<Line> = (0..count as u32).map(|next| Line { next }).collect();
    for at in (1..count).rev() {
        let other = random.below(at);
        let next = lines[at].next;
        lines[at].next = lines[other].next;
        lines[other].next = next;
    }
    lines
}

/// Follows `CHAINS` chains in turn. Returns their last lines.
fn walk<const CHAINS: usize>(lines: &[Line], loads: usize) -> [usize; CHAINS] {
    let mut at = std::array::from_fn(|chain| chain * lines.len() / CHAINS);
    for _ in 0..loads / CHAINS {
        for at in &mut at {
            *at = lines[*at].next as usize;
        }
    }
    at
}

fn measure_chains<const CHAINS: usize>(lines: &[Line], runs: usize) -> Result<()> {
    black_box(walk::<1>(lines, lines.len()));
    let time_run = |_| {
        let clock = Clock::start();
        black_box(walk::<CHAINS>(lines, LOADS));
        clock.cpu_seconds() * 1e9 / LOADS as f64
    };
    let row = Row {
        kib: Some(size_of_val(lines) >> 10),
        chains: Some(CHAINS),
        ..Row::new("load")
    };
    row.with_runs((0..runs).map(time_run).collect()).print()
}

/// Measures all sizes.
pub fn measure(runs: usize) -> Result<()> {
    let random = &mut Random::new(5);
    let mut kib = MIN_KIB;
    while kib <= MAX_KIB {
        let lines = cycle((kib << 10) / size_of::<Line>(), random);
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
    fn a_cycle_visits_each_line_once() {
        let lines = cycle(1000, &mut Random::new(1));
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
    fn each_chain_is_followed_from_its_own_start() {
        let lines = cycle(1000, &mut Random::new(1));
        let end = |start: usize| (0..25).fold(start, |at, _| lines[at].next as usize);
        assert_eq!(walk(&lines, 100), [0, 250, 500, 750].map(end));
    }
}
