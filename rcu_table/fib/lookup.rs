// SPDX-License-Identifier: GPL-2.0

//! Lookup: the walk from a root to the longest prefix that covers an address.

use super::{
    bulk::prefetch,
    node::{key, len_of, rank, run, slot, split, NodeRef, Run, SKIPPED},
    Roots, Slot, MAX_DEPTH, MAX_NUMBER, STRIDE,
};
use crate::rcu_table::Family;
use core::marker::PhantomData;

/// The number of an answer, and above it the length of the prefix; 0 for none.
///
/// The number of each route is at least 1, so even a default route differs from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(in super::super) struct Best(pub(super) u32);

impl Best {
    pub(in super::super) const NONE: Self = Self(0);

    pub(in super::super) const fn new(number: u32, len: u8) -> Self {
        Self(((len as u32) << 24) | number)
    }

    #[inline(always)]
    pub(in super::super) const fn number(self) -> u32 {
        self.0 & MAX_NUMBER
    }

    #[inline(always)]
    pub(in super::super) const fn len(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Returns `better` if it is a route, without a branch.
    #[inline(always)]
    pub(super) const fn or(self, better: Self) -> Self {
        match better.0 {
            0 => self,
            _ => better,
        }
    }
}

/// The bits of an address as two words.
#[inline(always)]
pub(super) const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

/// Returns the byte of an address that the level at `depth` decides.
#[inline(always)]
pub(super) fn byte_at([high, low]: [u64; 2], depth: u32) -> u8 {
    let word = if depth < 8 { high } else { low };
    ((word << (8 * (depth & 7))) >> 56) as u8
}

/// Returns whether a node at `depth` with that key is on the path of an address.
#[inline(always)]
pub(super) fn is_on_path([high, low]: [u64; 2], [key_high, key_low]: [u64; 2], depth: u32) -> bool {
    // `depth` is from 1 to 15. Almost all nodes are in the first half of the address.
    if depth <= 8 {
        return (high ^ key_high) >> (64 - 8 * depth) == 0;
    }
    high == key_high && (low ^ key_low) >> (128 - 8 * depth) == 0
}

/// An observer of the pages and nodes that a walk passes.
pub(super) trait Visitor<'a> {
    fn pass(&mut self, node: NodeRef<'a>);
}

/// Observes nothing.
impl<'a> Visitor<'a> for () {
    #[inline(always)]
    fn pass(&mut self, _node: NodeRef<'a>) {}
}

/// The pages and nodes of a path.
pub(in super::super) struct Path<'a> {
    pub(in super::super) nodes: [Option<NodeRef<'a>>; MAX_DEPTH],
    len: usize,
}

impl<'a> Visitor<'a> for Path<'a> {
    fn pass(&mut self, node: NodeRef<'a>) {
        if node.is_nothing() {
            return;
        }
        if let Some(place) = self.nodes.get_mut(self.len) {
            *place = Some(node);
            self.len += 1;
        }
    }
}

/// Prefetches the lines of a node beside its first one. The walk waits for the first line before it
/// has the addresses of the run and of the child's slot, which are mostly in these lines.
#[inline(always)]
pub(super) fn prefetch_node(node: *mut u8, skips: bool) {
    prefetch(node.wrapping_byte_add(64));
    if skips {
        // Most nodes of IPv6 that a lookup passes have a child on its path.
        prefetch(node.wrapping_byte_sub(64));
    }
}

/// Walks from a root to the longest prefix that covers an address. `SKIPS`: nodes can be left out.
/// `LEN`: the answer includes the length of the prefix.
///
/// # Safety
///
/// During `'a` the caller is in a read-side critical section, or holds the table's mutex.
#[inline(always)]
unsafe fn walk<'a, const SKIPS: bool, const LEN: bool>(
    root: &'a Slot,
    address: [u64; 2],
    visitor: &mut impl Visitor<'a>,
) -> Best {
    let [high, _] = address;
    let page = root.link();
    visitor.pass(NodeRef {
        link: page,
        is_page: true,
        // INVARIANT: By this function's requirement the page stays live.
        _live: PhantomData,
    });
    // SAFETY: A root's link leads to a page, which has a slot for each value.
    let at = unsafe { &*page.cast::<Slot>().add((high >> 48) as usize & 0xff) };
    // SAFETY: The caller keeps the nodes live, as `walk_from()` requires.
    unsafe { walk_from::<SKIPS, LEN>(at, address, PAGE_DEPTH + 1, root.best(), visitor) }
}

/// The depth of pages: the root decides byte 0 of an address, a page byte 1.
const PAGE_DEPTH: u32 = 1;

/// Continues a walk at a slot whose node is at `depth` or below. `best` is the best route so far.
///
/// # Safety
///
/// As for [`walk`].
#[inline(always)]
pub(super) unsafe fn walk_from<'a, const SKIPS: bool, const LEN: bool>(
    mut at: &'a Slot,
    address: [u64; 2],
    mut depth: u32,
    mut best: Best,
    visitor: &mut impl Visitor<'a>,
) -> Best {
    // For IPv4 the depth is at most 3.
    let mut rest = address[0].wrapping_shl(u32::from(STRIDE) * depth);
    loop {
        best = best.or(at.best());
        let link = at.link();
        let (node, tags) = split(link);
        prefetch_node(node, SKIPS);
        visitor.pass(NodeRef {
            link,
            is_page: false,
            // INVARIANT: By this function's requirement the node stays live.
            _live: PhantomData,
        });
        if SKIPS && tags & SKIPPED != 0 {
            depth += (tags & SKIPPED) as u32;
            // SAFETY: A slot leads to a live node. It is of IPv6, so it has a key.
            if !is_on_path(address, unsafe { key(node, tags) }, depth) {
                return best;
            }
        }
        let value = match SKIPS {
            true => byte_at(address, depth),
            false => (rest >> (u64::BITS - u32::from(STRIDE))) as u8,
        };
        rest <<= STRIDE;
        // SAFETY: A slot of a page or node leads to a live node.
        let rank = unsafe { rank(node, value) };
        // SAFETY: The node is live, and has a run for each value.
        match unsafe { run(node, tags, rank) } {
            Run::Number(0) => return best,
            Run::Number(number) if LEN => {
                // SAFETY: The node is live, and has a run for each value.
                return Best::new(number, unsafe { len_of(node, tags, rank) });
            }
            Run::Number(number) => return Best(number),
            // SAFETY: The run names a child of the node.
            Run::Child(child) => at = unsafe { slot(node, child) },
        }
        depth += 1;
    }
}

/// Runs [`walk`] with the processor's instruction that counts bits. The halves of the address are
/// separate, so that they stay in registers.
///
/// # Safety
///
/// As for [`walk`]. The processor has the instruction `popcnt`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn walk_popcnt<const SKIPS: bool, const LEN: bool>(
    root: &Slot,
    high: u64,
    low: u64,
) -> Best {
    // SAFETY: The caller meets the requirement.
    unsafe { walk::<SKIPS, LEN>(root, [high, low], &mut ()) }
}

/// Runs [`walk`] on processors without that instruction. It is not inlined, so that the callers of
/// [`walk_popcnt`] keep their registers.
///
/// # Safety
///
/// As for [`walk`].
#[cold]
#[inline(never)]
unsafe fn walk_portably<const SKIPS: bool, const LEN: bool>(
    root: &Slot,
    high: u64,
    low: u64,
) -> Best {
    // SAFETY: The caller meets the requirement.
    unsafe { walk::<SKIPS, LEN>(root, [high, low], &mut ()) }
}

/// The variant of lookup for this processor.
///
/// # Invariants
///
/// If `has_popcnt` is set, the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Lookup {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    pub(super) has_popcnt: bool,
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

    /// Finds the answer for an address in the published roots.
    #[inline(always)]
    pub(in super::super) fn find<const SKIPS: bool, const LEN: bool>(
        self,
        roots: &Roots,
        bits: u128,
    ) -> Best {
        let [high, low] = halves(bits);
        let family = match SKIPS {
            false => Family::Inet,
            true => Family::Inet6,
        };
        let root = &roots.0[family as usize].0[(high >> 56) as usize];
        // SAFETY: `roots` come from `RootsPointer`: either they borrow the guard of a reader, or
        // their user holds the table's mutex. By the type invariant `has_popcnt` is true.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if self.has_popcnt {
                return walk_popcnt::<SKIPS, LEN>(root, high, low);
            }
            walk_portably::<SKIPS, LEN>(root, high, low)
        }
    }
}

impl Roots {
    /// Returns the path of an address, and its answer.
    pub(in super::super) fn path(&self, family: Family, bits: u128) -> (Path<'_>, Best) {
        let address = halves(bits);
        let root = &self.0[family as usize].0[(address[0] >> 56) as usize];
        let mut path = Path {
            nodes: [None; MAX_DEPTH],
            len: 0,
        };
        // SAFETY: `self` comes from `RootsPointer`: either it borrows the guard of a reader, or its
        // user holds the table's mutex.
        let best = unsafe {
            match family {
                Family::Inet => walk::<false, true>(root, address, &mut path),
                Family::Inet6 => walk::<true, true>(root, address, &mut path),
            }
        };
        (path, best)
    }
}
