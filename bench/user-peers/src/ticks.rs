// SPDX-License-Identifier: GPL-2.0

//! Times short functions by the time stamp counter. `c/ticks.h` has the same instructions for C.

use std::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::quantile::quantile;

/// The number of empty measurements, whose median is subtracted.
const EMPTY: usize = 100_000;

/// Reads the counter after all previous instructions and before all that follow.
#[inline(always)]
fn begin() -> u64 {
    // SAFETY: Every x86-64 processor has SSE2.
    unsafe { _mm_lfence() };
    // SAFETY: Every x86-64 processor has the counter.
    let now = unsafe { _rdtsc() };
    // SAFETY: Every x86-64 processor has SSE2.
    unsafe { _mm_lfence() };
    now
}

/// Reads the counter after all previous instructions.
#[inline(always)]
fn end() -> u64 {
    let mut cpu = 0;
    // SAFETY: x86-64 processors have had the instruction since 2008. `cpu` is valid for writes.
    let now = unsafe { __rdtscp(&mut cpu) };
    // SAFETY: Every x86-64 processor has SSE2.
    unsafe { _mm_lfence() };
    now
}

/// Writes the ticks of the answer to each address to `ticks`.
#[inline(always)]
pub fn time<A: Copy>(addresses: &[A], ticks: &mut [u32], answer: impl Fn(A) -> u64) {
    for (ticks, address) in ticks.iter_mut().zip(addresses) {
        let start = begin();
        black_box(answer(*address));
        *ticks = u32::try_from(end() - start).unwrap_or(u32::MAX);
    }
}

/// Converts ticks to nanoseconds.
pub struct TickScale {
    /// The ticks of an empty measurement.
    empty: u32,
    ns_per_tick: f64,
}

impl TickScale {
    /// Calibrates the counter.
    pub fn new() -> Self {
        let mut ticks = vec![0; EMPTY];
        time(&vec![0_u32; EMPTY], &mut ticks, |_| 0);
        ticks.sort_unstable();
        let (start, first) = (Instant::now(), begin());
        while start.elapsed() < Duration::from_millis(100) {}
        let last = end();
        Self {
            empty: quantile(&ticks, 1, 2).unwrap_or(0),
            ns_per_tick: start.elapsed().as_nanos() as f64 / (last - first) as f64,
        }
    }

    /// Converts ticks to nanoseconds, less those of an empty measurement.
    pub fn nanoseconds(&self, ticks: u32) -> f64 {
        f64::from(ticks.saturating_sub(self.empty)) * self.ns_per_tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_millisecond_is_measured_as_one() {
        let mut ticks = [0];
        time(&[()], &mut ticks, |()| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1) {}
            0
        });
        let found = TickScale::new().nanoseconds(ticks[0]);
        assert!((0.95e6..5e6).contains(&found), "{found}");
    }
}
