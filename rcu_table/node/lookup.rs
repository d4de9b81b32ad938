// SPDX-License-Identifier: GPL-2.0

//! The way of a reader from the root to the longest prefix.

use super::{Link, NodeRef, MAX_DEPTH};
use crate::rcu::Guard;

/// What a value of the address is served by, and where that was found.
#[derive(Clone, Copy)]
pub(in crate::rcu_table) struct Found<'g> {
    pub(in crate::rcu_table) node: NodeRef<'g>,
    pub(in crate::rcu_table) hop: u32,
}

/// Walks from the root to the longest prefix that covers the address `bits`. `SKIPS` says whether nodes
/// may be missing in between, so that each has to be asked whether it is on the way.
#[inline(always)]
fn walk<'g, const SKIPS: bool>(root: &'g Link, bits: u128, guard: &'g Guard) -> Option<Found<'g>> {
    let bytes = bits.to_be_bytes();
    let mut node = root.get(guard)?;
    let mut depth = 0;
    let mut best = None;
    loop {
        if SKIPS {
            depth = node.depth();
        }
        let step = node.step(bytes[usize::from(depth) % MAX_DEPTH]);
        if step.hop != 0 {
            let hop = step.hop;
            best = Some(Found { node, hop });
        }
        let Some(child) = step.child.and_then(|child| child.get(guard)) else {
            return best;
        };
        if SKIPS && !child.is_above(bits) {
            return best;
        }
        node = child;
        depth += 1;
    }
}

/// [`walk`] with the processor's own instruction for counting bits.
///
/// # Safety
///
/// The processor has it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn walk_popcnt<'g, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<Found<'g>> {
    walk::<SKIPS>(root, bits, guard)
}

/// How lookup counts bits on this machine.
///
/// # Invariants
///
/// `has_popcnt` only if the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(in crate::rcu_table) struct Lookup {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    has_popcnt: bool,
}

impl Lookup {
    /// Finds out what the processor can do.
    pub(in crate::rcu_table) fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            const POPCNT: u32 = 1 << 23;
            // SAFETY: Every processor of this architecture has the instruction.
            let features = unsafe { core::arch::x86_64::__cpuid(1) };
            // INVARIANT: The processor says so.
            Self {
                has_popcnt: features.ecx & POPCNT != 0,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self { has_popcnt: false }
    }

    /// The longest prefix below `root` that covers the address `bits`; see [`walk`].
    #[inline]
    pub(in crate::rcu_table) fn find<'g, const SKIPS: bool>(
        self,
        root: &'g Link,
        bits: u128,
        guard: &'g Guard,
    ) -> Option<Found<'g>> {
        #[cfg(target_arch = "x86_64")]
        if self.has_popcnt {
            // SAFETY: By the type invariant the processor has the instruction.
            return unsafe { walk_popcnt::<SKIPS>(root, bits, guard) };
        }
        walk::<SKIPS>(root, bits, guard)
    }
}
