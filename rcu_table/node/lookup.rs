// SPDX-License-Identifier: GPL-2.0

//! The way of a reader from the root to the longest prefix.

use super::{byte_at, bytes::select, halves, Link, NodeRef, STRIDE};
use crate::rcu::Guard;

/// What a value of the address is served by, and where that was found.
#[derive(Clone, Copy)]
pub(in super::super) struct Found<'g> {
    pub(in super::super) node: NodeRef<'g>,
    pub(in super::super) hop: u32,
}

/// What a lookup brings back from a node that has a next hop for the address. It costs time at each node.
pub(in super::super) trait Finding<'g>: Copy {
    fn of(node: NodeRef<'g>, hop: u32) -> Self;
    fn hop(self) -> u32;
    /// The better one, without a branch.
    fn or(self, better: Self) -> Self;
}

/// The number of the next hop.
impl<'g> Finding<'g> for u32 {
    #[inline(always)]
    fn of(_node: NodeRef<'g>, hop: u32) -> Self {
        hop
    }

    #[inline(always)]
    fn hop(self) -> u32 {
        self
    }

    #[inline(always)]
    fn or(self, better: Self) -> Self {
        select(better != 0, better, self)
    }
}

impl<'g> Finding<'g> for Found<'g> {
    #[inline(always)]
    fn of(node: NodeRef<'g>, hop: u32) -> Self {
        Self { node, hop }
    }

    #[inline(always)]
    fn hop(self) -> u32 {
        self.hop
    }

    #[inline(always)]
    fn or(self, better: Self) -> Self {
        Self {
            node: select(better.hop != 0, better.node, self.node),
            hop: select(better.hop != 0, better.hop, self.hop),
        }
    }
}

/// Walks from the root to the longest prefix that covers the address `bits`. `SKIPS` says whether nodes
/// may be missing in between, so that each has to be asked whether it is on the way.
#[inline(always)]
fn walk<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    let [high, low] = halves(bits);
    // Of the address, what the nodes below decide.
    let mut rest = high;
    let (mut target, mut node) = root.follow(guard)?;
    let mut depth = 0;
    let mut best = F::of(node, 0);
    loop {
        let value = match SKIPS {
            true => byte_at([high, low], depth),
            false => (rest >> (u64::BITS - u32::from(STRIDE))) as u8,
        };
        rest <<= STRIDE;
        // What a node has for the address is chosen without a branch: which ones have something is hard to predict.
        let child = if target.is_flat() {
            let step = node.step_flat(value);
            best = best.or(F::of(node, step.hop));
            step.child
        } else {
            best = best.or(F::of(node, node.hop_of(value)));
            if !target.has_children() {
                break;
            }
            node.child_of(value)
        };
        let Some((next, child)) = child.and_then(|child| child.follow(guard)) else {
            break;
        };
        depth += 1;
        if SKIPS && next.skips() {
            if !child.is_on_way_of([high, low]) {
                break;
            }
            depth = child.depth();
        }
        (target, node) = (next, child);
    }
    (best.hop() != 0).then_some(best)
}

/// [`walk`] with the processor's own instruction for counting bits.
///
/// # Safety
///
/// The processor has it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn walk_popcnt<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    walk::<F, SKIPS>(root, bits, guard)
}

/// [`walk`] for other processors; not inlined, so that it takes no registers from the callers of the other.
#[cold]
#[inline(never)]
fn walk_portably<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    walk::<F, SKIPS>(root, bits, guard)
}

/// How lookup counts bits on this machine.
///
/// # Invariants
///
/// `has_popcnt` only if the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Lookup {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    has_popcnt: bool,
}

impl Lookup {
    /// Finds out what the processor can do.
    pub(in super::super) fn new() -> Self {
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
    pub(in super::super) fn find<'g, F: Finding<'g>, const SKIPS: bool>(
        self,
        root: &'g Link,
        bits: u128,
        guard: &'g Guard,
    ) -> Option<F> {
        #[cfg(target_arch = "x86_64")]
        if self.has_popcnt {
            // SAFETY: By the type invariant the processor has the instruction.
            return unsafe { walk_popcnt::<F, SKIPS>(root, bits, guard) };
        }
        walk_portably::<F, SKIPS>(root, bits, guard)
    }
}
