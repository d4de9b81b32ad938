// SPDX-License-Identifier: GPL-2.0

//! The time stamp counter: how far it goes on during something short, and how fast it is.
//!
//! `c/ticks.h` has the same instructions for C.

use std::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::quantile::quantile;

/// Looks that the empty measurement takes.
const EMPTY: usize = 100_000;

/// The counter when all before is done, and nothing that comes after has begun.
#[inline(always)]
fn begin() -> u64 {
    // SAFETY: Every processor of this architecture has the instruction.
    unsafe { _mm_lfence() };
    // SAFETY: As above.
    let now = unsafe { _rdtsc() };
    // SAFETY: As above.
    unsafe { _mm_lfence() };
    now
}

/// The counter when all before is done.
#[inline(always)]
fn end() -> u64 {
    let mut cpu = 0;
    // SAFETY: Every processor of this architecture that is still in use has the instruction.
    let now = unsafe { __rdtscp(&mut cpu) };
    // SAFETY: As in `begin()`.
    unsafe { _mm_lfence() };
    now
}

/// Writes down how long the answer to each address takes.
#[inline(always)]
pub fn time<A: Copy>(addresses: &[A], ticks: &mut [u32], answer: impl Fn(A) -> u64) {
    for (ticks, address) in ticks.iter_mut().zip(addresses) {
        let start = begin();
        black_box(answer(*address));
        *ticks = u32::try_from(end() - start).unwrap_or(u32::MAX);
    }
}

/// What the measurement takes of it, and what ticks are in time.
pub struct Scale {
    empty: u32,
    nanoseconds_a_tick: f64,
}

impl Scale {
    /// Finds out.
    pub fn new() -> Self {
        let mut ticks = vec![0; EMPTY];
        time(&vec![0_u32; EMPTY], &mut ticks, |_| 0);
        ticks.sort_unstable();
        let (start, first) = (Instant::now(), begin());
        while start.elapsed() < Duration::from_millis(100) {}
        let last = end();
        Self {
            empty: quantile(&ticks, 1, 2).unwrap_or(0),
            nanoseconds_a_tick: start.elapsed().as_nanos() as f64 / (last - first) as f64,
        }
    }

    /// Ticks as nanoseconds, without what the measurement takes.
    pub fn nanoseconds(&self, ticks: u32) -> f64 {
        f64::from(ticks.saturating_sub(self.empty)) * self.nanoseconds_a_tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millisecond_is_a_million_nanoseconds() {
        let mut ticks = [0];
        time(&[()], &mut ticks, |()| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1) {}
            0
        });
        let found = Scale::new().nanoseconds(ticks[0]);
        assert!((0.95e6..5e6).contains(&found), "{found}");
    }
}
