// SPDX-License-Identifier: GPL-2.0

//! Pseudo-random numbers that are cheap enough for a reader's loop. The kernel's `torture_random()`
//! is only available to the kernel's own torture modules.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

#![expect(unsafe_code, reason = "calls a C function")]

use kernel::bindings;

/// A linear congruential generator with Knuth's constants, seeded by the kernel's random numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        // SAFETY: `get_random_u32()` can be called in any context.
        Self(u64::from(unsafe { bindings::get_random_u32() }))
    }

    /// Context: any, also interrupts with `PREEMPT_RT`.
    pub(crate) fn from_seed(seed: u32) -> Self {
        Self(seed.into())
    }

    /// Returns a number below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = self.0 >> 32;
        ((high * u64::from(end)) >> 32) as u32
    }

    /// Returns true with a probability of 1 in `n`.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.below(n.max(1)) == 0
    }
}
