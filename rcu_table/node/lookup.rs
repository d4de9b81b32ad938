// SPDX-License-Identifier: GPL-2.0

//! Lookup: the walk from the root to the longest prefix that covers an address.

use super::{byte_at, bytes::select, halves, Link, NodeRef, STRIDE};
use crate::rcu::Guard;

/// The next hop that serves an address, and the node in which it was found.
#[derive(Clone, Copy)]
pub(in super::super) struct Found<'g> {
    pub(in super::super) node: NodeRef<'g>,
    pub(in super::super) hop: u32,
}

/// The result of a lookup. The walk updates it at each node, so each part of it costs time.
pub(in super::super) trait Finding<'g>: Copy {
    fn of(node: NodeRef<'g>, hop: u32) -> Self;
    fn hop(self) -> u32;
    /// Returns `better` if it has a next hop, else `self`, without a branch.
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

/// Walks from the root to the longest prefix that covers the address `bits`. `SKIPS`: the trie
/// leaves out nodes, so the walk checks whether a node is on the path of the address.
#[inline(always)]
fn walk<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    let [high, low] = halves(bits);
    // The bits that the nodes below decide, from the highest bit on.
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
        // `or()` has no branch, because it is hard to predict which nodes have a next hop.
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
            if !child.is_on_path_of([high, low]) {
                break;
            }
            depth = child.depth();
        }
        (target, node) = (next, child);
    }
    (best.hop() != 0).then_some(best)
}

/// [`walk`] with the processor's instruction that counts bits.
///
/// # Safety
///
/// The processor has the instruction `popcnt`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn walk_popcnt<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    walk::<F, SKIPS>(root, bits, guard)
}

/// [`walk`] for other processors. It is not inlined, so that [`walk_popcnt`]'s callers keep their
/// registers.
#[cold]
#[inline(never)]
fn walk_portably<'g, F: Finding<'g>, const SKIPS: bool>(
    root: &'g Link,
    bits: u128,
    guard: &'g Guard,
) -> Option<F> {
    walk::<F, SKIPS>(root, bits, guard)
}

/// The variant of lookup for this processor.
///
/// # Invariants
///
/// If `has_popcnt` is set, the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Lookup {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    has_popcnt: bool,
}

impl Lookup {
    /// Selects the variant by the processor's features.
    pub(in super::super) fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            const POPCNT: u32 = 1 << 23;
            #[allow(unused_unsafe, reason = "a newer core declares `__cpuid` safe")]
            // SAFETY: Every x86-64 processor has the instruction `cpuid`.
            let features = unsafe { core::arch::x86_64::__cpuid(1) };
            // INVARIANT: `cpuid` reports the instruction.
            Self {
                has_popcnt: features.ecx & POPCNT != 0,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self { has_popcnt: false }
    }

    /// Finds the longest prefix below `root` that covers the address `bits`; see [`walk`].
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
