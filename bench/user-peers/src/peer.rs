// SPDX-License-Identifier: GPL-2.0

//! What a table must do to be measured.

use anyhow::Result;

use crate::input::Entry;

/// How addresses are handed to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One address a call.
    One,
    /// One address a call, which has to wait for the answer to the last one.
    Chained,
    /// 32 addresses a call.
    Bulk,
}

/// Whose memory a table takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heap {
    /// `malloc()`'s.
    Malloc,
    /// DPDK's own.
    Dpdk,
}

/// A table of one family.
///
/// Its functions work on many addresses at once, so that calling them costs nothing that counts.
pub trait Peer<A>: Sync {
    /// Its name in rows.
    fn name(&self) -> &'static str;

    /// Whether it can be asked about several addresses in one call.
    fn has_bulk(&self) -> bool {
        false
    }

    /// Whether it is measured with several readers too.
    fn has_crowds(&self) -> bool {
        false
    }

    /// Adds a prefix.
    fn add(&mut self, entry: &Entry<A>) -> Result<()>;

    /// Deletes a prefix.
    fn delete(&mut self, entry: &Entry<A>) -> Result<()>;

    /// Waits until what was deleted is freed.
    fn settle(&self) {}

    /// Writes down the number of each address's next hop, or 0.
    fn answers(&self, addresses: &[A], hops: &mut [u32]);

    /// Looks all addresses up; the sum of the answers, of whatever kind.
    fn pass(&self, way: Way, addresses: &[A]) -> u64;

    /// Writes down by how much the time stamp counter goes on during each lookup.
    fn ticks(&self, addresses: &[A], ticks: &mut [u32]);
}

/// The sum of the answers to addresses that do not wait for each other, or do.
#[inline(always)]
pub fn sum<A: Copy>(way: Way, addresses: &[A], answer: impl Fn(A) -> u64) -> u64 {
    if way != Way::Chained {
        let add = |sum: u64, address: &A| sum.wrapping_add(answer(*address));
        return addresses.iter().fold(0, add);
    }
    // Which the compiler does not know.
    let no_bits: usize = std::hint::black_box(0);
    let (mut sum, mut last) = (0_u64, 0);
    for index in 0..addresses.len() {
        last = answer(addresses[index + (last as usize & no_bits)]);
        sum = sum.wrapping_add(last);
    }
    sum
}
