// SPDX-License-Identifier: GPL-2.0

//! Bulk lookup: many addresses in lockstep, so that their cache misses overlap.
//!
//! Each stage prefetches what the next one loads:
//!
//! ```text
//!   page slots ──► first nodes ──► runs ──► answers; addresses with a child continue one by one
//! ```

use super::{
    lookup::{byte_at, halves, is_on_path, walk_from},
    node::{key, len_of, rank, run, slot, split, Run, RUNS_AT, SKIPPED, WIDE},
    Best, Lookup, Roots, Slot, STRIDE,
};
use crate::rcu_table::{BulkAddress, Family};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use core::arch::asm;

/// The addresses in lockstep.
const LANES: usize = 32;

/// Prefetches a cache line.
#[inline(always)]
pub(super) fn prefetch(at: *const u8) {
    // Kernel code lacks the feature `sse`, so `_mm_prefetch()` would be a call.
    // SAFETY: A prefetch has no effect but on caches, and faults on no address.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("prefetcht0 [{}]", in(reg) at, options(readonly, nostack, preserves_flags));
    }
    // SAFETY: As above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("prfm pldl1keep, [{}]", in(reg) at, options(readonly, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// The state of one address.
#[derive(Clone, Copy)]
struct Lane {
    at: *const Slot,
    node: *mut u8,
    tags: usize,
    rank: usize,
    best: Best,
    depth: u32,
}

/// Looks up at most [`LANES`] addresses. `LEN`: the answers include the lengths of the prefixes.
///
/// # Safety
///
/// The caller is in a read-side critical section, or holds the table's mutex.
#[inline(always)]
unsafe fn look_up<A: BulkAddress, const LEN: bool>(
    roots: &Roots,
    addresses: &[A],
    bests: &mut [Best; LANES],
) {
    let none = Lane {
        at: core::ptr::null(),
        node: core::ptr::null_mut(),
        tags: 0,
        rank: 0,
        best: Best::NONE,
        depth: 2,
    };
    let skips = matches!(A::FAMILY, Family::Inet6);
    let mut lanes = [none; LANES];
    let root = &roots.0[A::FAMILY as usize].0;
    for (lane, address) in lanes.iter_mut().zip(addresses) {
        let [high, _] = halves(address.left_aligned());
        let slot = &root[(high >> 56) as usize];
        lane.best = slot.best();
        // SAFETY: A root's link leads to a page, which has a slot for each value.
        lane.at = unsafe { slot.link().cast::<Slot>().add((high >> 48) as usize & 0xff) };
        prefetch(lane.at.cast());
    }
    for (lane, _) in lanes.iter_mut().zip(addresses) {
        // SAFETY: The root links to a live page, of which this is a slot.
        let slot = unsafe { &*lane.at };
        lane.best = lane.best.or(slot.best());
        (lane.node, lane.tags) = split(slot.link());
        prefetch(lane.node);
    }
    for (lane, address) in lanes.iter_mut().zip(addresses) {
        let address = halves(address.left_aligned());
        if skips && lane.tags & SKIPPED != 0 {
            lane.depth += (lane.tags & SKIPPED) as u32;
            // SAFETY: The page's slot leads to a live node. It is of IPv6, so it has a key.
            if !is_on_path(address, unsafe { key(lane.node, lane.tags) }, lane.depth) {
                continue;
            }
        }
        // SAFETY: A page's slot leads to a live node.
        lane.rank = unsafe { rank(lane.node, byte_at(address, lane.depth)) };
        let size = if lane.tags & WIDE != 0 { 4 } else { 2 };
        prefetch(
            lane.node
                .wrapping_byte_add(RUNS_AT + size * lane.rank - size),
        );
    }
    for ((lane, address), best) in lanes.iter_mut().zip(addresses).zip(bests) {
        *best = lane.best;
        if lane.rank == 0 {
            continue;
        }
        // SAFETY: The node is live and has the run.
        match unsafe { run(lane.node, lane.tags, lane.rank) } {
            Run::Number(0) => (),
            Run::Number(number) if LEN => {
                // SAFETY: The node is live and has the run.
                *best = Best::new(number, unsafe { len_of(lane.node, lane.tags, lane.rank) });
            }
            Run::Number(number) => *best = Best(number),
            Run::Child(child) => {
                // SAFETY: The run names a child of the node.
                let slot = unsafe { slot(lane.node, child) };
                let address = halves(address.left_aligned());
                let (from, depth) = (lane.best, lane.depth + 1);
                // SAFETY: The caller keeps the nodes live.
                *best = unsafe {
                    match A::FAMILY {
                        Family::Inet => {
                            walk_from::<false, LEN>(slot, address, depth, from, &mut ())
                        }
                        Family::Inet6 => {
                            walk_from::<true, LEN>(slot, address, depth, from, &mut ())
                        }
                    }
                };
            }
        }
    }
}

/// Runs [`look_up`] with the processor's instruction that counts bits.
///
/// # Safety
///
/// As for [`look_up`]. The processor has the instruction `popcnt`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
unsafe fn look_up_popcnt<A: BulkAddress, const LEN: bool>(
    roots: &Roots,
    addresses: &[A],
    bests: &mut [Best; LANES],
) {
    // SAFETY: The caller meets the requirement.
    unsafe { look_up::<A, LEN>(roots, addresses, bests) };
}

impl Lookup {
    /// Finds the answers for addresses in the published roots, and passes them to `found` with the
    /// addresses' indices.
    #[inline]
    pub(in super::super) fn find_many<A: BulkAddress, const LEN: bool>(
        self,
        roots: &Roots,
        addresses: &[A],
        mut found: impl FnMut(usize, Best),
    ) {
        let mut bests = [Best::NONE; LANES];
        for (chunk, addresses) in addresses.chunks(LANES).enumerate() {
            self.find_lanes::<A, LEN>(roots, addresses, &mut bests);
            for (lane, best) in bests[..addresses.len()].iter().enumerate() {
                found(chunk * LANES + lane, *best);
            }
        }
    }

    fn find_lanes<A: BulkAddress, const LEN: bool>(
        self,
        roots: &Roots,
        addresses: &[A],
        bests: &mut [Best; LANES],
    ) {
        // SAFETY: `roots` come from `RootsPointer`: either they borrow the guard of a reader, or
        // their user holds the table's mutex. `has_popcnt` is set only if `cpuid` reports it.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if self.has_popcnt {
                return look_up_popcnt::<A, LEN>(roots, addresses, bests);
            }
            look_up::<A, LEN>(roots, addresses, bests);
        }
    }
}

const _: () = assert!(STRIDE == 8);
