// SPDX-License-Identifier: GPL-2.0

//! The interface of a table that can be measured.

use anyhow::Result;

use crate::input::Entry;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupMode {
    /// One address per call.
    Single,
    /// One address per call, which depends on the previous answer.
    Dependent,
    /// 32 addresses per call.
    Bulk,
}

impl LookupMode {
    pub const ALL: [Self; 3] = [Self::Single, Self::Dependent, Self::Bulk];
}

/// The allocator of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heap {
    /// The stand-in for the kernel's allocators: `malloc()`, and memory of its own for nodes.
    StandIn,
    Malloc,
    Dpdk,
}

/// A table of one family.
///
/// Its functions take many addresses, so that the dynamic call does not count.
pub trait Peer<A>: Sync {
    /// Its name in rows.
    fn name(&self) -> &'static str;

    /// Whether it can look up several addresses in one call.
    fn has_bulk(&self) -> bool {
        false
    }

    /// Whether to measure it with several readers.
    fn supports_concurrent_readers(&self) -> bool {
        false
    }

    /// Adds a prefix.
    fn add(&mut self, entry: &Entry<A>) -> Result<()>;

    /// Gives a prefix of the table another next hop. By default an add does so.
    fn change(&mut self, entry: &Entry<A>) -> Result<()> {
        self.add(entry)
    }

    /// Deletes a prefix.
    fn delete(&mut self, entry: &Entry<A>) -> Result<()>;

    /// Waits until all deleted objects are freed.
    fn wait_for_reclaim(&self) {}

    /// Writes the number of each address's next hop, or 0, to `hops`.
    fn next_hops(&self, addresses: &[A], hops: &mut [u32]);

    /// Looks up all addresses. Returns a sum that depends on all answers.
    fn pass(&self, mode: LookupMode, addresses: &[A]) -> u64;

    /// Writes the ticks of the time stamp counter of each lookup to `ticks`.
    fn ticks(&self, addresses: &[A], ticks: &mut [u32]);
}

/// Sums the answers to addresses looked up one by one.
#[inline(always)]
pub fn sum<A: Copy>(mode: LookupMode, addresses: &[A], answer: impl Fn(A) -> u64) -> u64 {
    if mode != LookupMode::Dependent {
        let add = |sum: u64, address: &A| sum.wrapping_add(answer(*address));
        return addresses.iter().fold(0, add);
    }
    // The compiler must not know that this is 0.
    let no_bits: usize = std::hint::black_box(0);
    let (mut sum, mut last) = (0_u64, 0);
    for index in 0..addresses.len() {
        last = answer(addresses[index + (last as usize & no_bits)]);
        sum = sum.wrapping_add(last);
    }
    sum
}
