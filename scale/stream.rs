// SPDX-License-Identifier: GPL-2.0

//! Streams of addresses, derived from a seed and from the prefixes of a table.
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | those of b; each lookup depends on the previous answer |
//! | d | one address of b, repeatedly |
//!
//! A table and a seed determine all addresses, here and in every other implementation of the scheme
//! below. Two tables can thus be compared without a file of addresses. If the hashes of their
//! addresses are equal, their input was the same. If the hashes of their answers are equal, they
//! agree.
//!
//! ```text
//!   random   SplitMix64; its initial state is the seed for a, the seed + 1 for b
//!   bits     IPv4: the upper half of a number;  IPv6: two numbers, the upper half first
//!   a        bits
//!   b        a prefix, with bits as host bits; its index is
//!            (upper half of a number) × (number of prefixes) / 2^32
//!   hash     FNV-1a over words of 64 bits. Words of an address: the upper and the lower half of its
//!            128 leading bits. Word of an answer: the lowest 64 bits of the gateway, 1 without
//!            gateway, 0 without route
//! ```

use super::rendezvous::BATCH;
use crate::{
    kernel_ext::sched,
    rcu_table::{Family, Key, Route, Selector, Table},
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::prelude::*;

/// Steele, Lea and Flood's SplitMix64.
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`, which is at most 2^32.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let high = self.next() >> 32;
        ((high * end as u64) >> 32) as usize
    }
}

/// Fowler, Noll and Vo's hash over words instead of bytes.
pub(super) struct Hash(pub(super) u64);

impl Hash {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// An address of one family. Its size is minimal, so that reading a stream costs little.
pub(super) trait Address: Copy + Into<IpAddr> + Send + Sync + 'static {
    const FAMILY: Family;

    /// Returns the address that consists of the leading bits of `bits`.
    fn from_leading(bits: u128) -> Self;

    /// Returns the address as leading bits.
    fn leading(self) -> u128;

    /// Returns random leading bits, as many as an address has.
    fn random(random: &mut SplitMix) -> u128;

    /// Returns the address if it is of this family.
    fn from_ip(address: IpAddr) -> Option<Self>;
}

impl Address for Ipv4Addr {
    const FAMILY: Family = Family::Inet;

    fn from_leading(bits: u128) -> Self {
        Self::from((bits >> 96) as u32)
    }

    fn leading(self) -> u128 {
        u128::from(u32::from(self)) << 96
    }

    fn random(random: &mut SplitMix) -> u128 {
        u128::from(random.next() >> 32) << 96
    }

    fn from_ip(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    }
}

impl Address for Ipv6Addr {
    const FAMILY: Family = Family::Inet6;

    fn from_leading(bits: u128) -> Self {
        Self::from(bits)
    }

    fn leading(self) -> u128 {
        u128::from(self)
    }

    fn random(random: &mut SplitMix) -> u128 {
        let high = u128::from(random.next()) << 64;
        high | u128::from(random.next())
    }

    fn from_ip(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        }
    }
}

/// Routes that one dump returns.
const CHUNK: usize = 512;

/// Calls `work` for the routes of one family in the order of a dump, until it returns false.
///
/// Errors: `ENOMEM`, and those of `work`. Context: may sleep.
pub(super) fn for_each_route(
    table: &Table,
    family: Family,
    mut work: impl FnMut(&Route) -> Result<bool>,
) -> Result {
    let mut chunk = KVec::with_capacity(CHUNK, GFP_KERNEL)?;
    let mut after: Option<Key> = None;
    loop {
        chunk.clear();
        table.dump(Selector::Family(family), after, &mut chunk)?;
        for route in &chunk {
            if !work(route)? {
                return Ok(());
            }
        }
        after = chunk.last().map(Key::from);
        if chunk.len() < CHUNK {
            return Ok(());
        }
        sched::yield_now();
    }
}

/// Logs that the table has no routes to measure, and returns the error.
pub(super) fn no_routes() -> Error {
    pr_err!("parameter scale: the table has no routes of scale_family; load some first\n");
    ENOENT
}

/// The prefixes of a table.
pub(super) struct Prefixes<A>(KVVec<(A, u8)>);

impl<A: Address> Prefixes<A> {
    /// Collects the prefixes of one family, each once.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn of(table: &Table) -> Result<Self> {
        let mut prefixes = KVVec::new();
        let mut last = None;
        for_each_route(table, A::FAMILY, |route| {
            let prefix = route.prefix;
            if last != Some(prefix) {
                if let Some(address) = A::from_ip(prefix.address()) {
                    prefixes.push((address, prefix.len()), GFP_KERNEL)?;
                }
            }
            last = Some(prefix);
            Ok(true)
        })?;
        Ok(Self(prefixes))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn inside(&self, random: &mut SplitMix) -> Option<A> {
        let (address, len) = *self.0.get(random.below(self.len()))?;
        let host_bits = u128::MAX.checked_shr(len.into()).unwrap_or(0);
        let rest = A::random(random) & host_bits;
        Some(A::from_leading(address.leading() | rest))
    }
}

/// The addresses of a whole number of batches.
pub(super) struct Stream<A>(KVVec<A>);

impl<A: Address> Stream<A> {
    /// Collects at least `count` addresses.
    fn collect(count: usize, mut address: impl FnMut() -> Option<A>) -> Result<Self> {
        let count = count.div_ceil(BATCH).max(1) * BATCH;
        let mut addresses = KVVec::with_capacity(count, GFP_KERNEL)?;
        for number in 0..count {
            addresses.push(address().ok_or(ENOENT)?, GFP_KERNEL)?;
            if number % BATCH == 0 {
                sched::yield_now();
            }
        }
        Ok(Self(addresses))
    }

    /// Makes stream a.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn anywhere(count: usize, seed: u64) -> Result<Self> {
        let mut random = SplitMix::new(seed);
        Self::collect(count, || Some(A::from_leading(A::random(&mut random))))
    }

    /// Makes stream b, which is also c.
    ///
    /// Errors: `ENOMEM`, `ENOENT` without prefixes. Context: may sleep.
    pub(super) fn inside(prefixes: &Prefixes<A>, count: usize, seed: u64) -> Result<Self> {
        let mut random = SplitMix::new(seed + 1);
        Self::collect(count, || prefixes.inside(&mut random))
    }

    /// Makes stream d from the first address of another stream.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn same(other: &Self) -> Result<Self> {
        Self::collect(1, || other.0.first().copied())
    }

    pub(super) fn addresses(&self) -> &[A] {
        &self.0
    }

    /// Returns the batch of that number, modulo the number of batches.
    pub(super) fn batch(&self, number: usize) -> &[A] {
        let batches = self.0.len() / BATCH;
        let start = number.checked_rem(batches).unwrap_or(0) * BATCH;
        self.0.get(start..start + BATCH).unwrap_or(&[])
    }

    /// Returns the hash of all addresses.
    pub(super) fn hash(&self) -> u64 {
        let mut hash = Hash::new();
        for address in &self.0 {
            let bits = address.leading();
            hash.add((bits >> 64) as u64);
            hash.add(bits as u64);
        }
        hash.0
    }
}
