// SPDX-License-Identifier: GPL-2.0

//! Random choices, cheap enough for a reader's loop, as the kernel's `torture_random()` is, which only its
//! torture modules may use.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

use kernel::bindings;

/// A linear congruential generator with Knuth's constants, seeded from the kernel's.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        // SAFETY: No requirement.
        Self(u64::from(unsafe { bindings::get_random_u32() }))
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = self.0 >> 32;
        ((high * u64::from(end)) >> 32) as u32
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.below(n.max(1)) == 0
    }
}
