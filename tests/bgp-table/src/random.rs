// SPDX-License-Identifier: GPL-2.0

//! Random numbers. A seed always gives the same numbers.

use rand_pcg::rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A generator of random numbers.
pub struct Random(Pcg64);

impl Random {
    /// The generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Returns 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Returns 128 random bits.
    pub fn next_u128(&mut self) -> u128 {
        (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64())
    }

    /// Returns a number below `end`: the high half of a product, with a bias below `end / 2^64`.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.next_u64()) * end as u128) >> 64) as usize
    }

    /// Chooses an element, or none from an empty slice.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
