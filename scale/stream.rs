// SPDX-License-Identifier: GPL-2.0

//! Streams of addresses, made of a table's own prefixes and a seed.
//!
//! | stream | addresses |
//! |---|---|
//! | a | uniformly random |
//! | b | random, in a random prefix of the table |
//! | c | those of b, but which one comes next depends on the last answer |
//! | d | the same one of b, again and again |
//!
//! The same table and seed give the same addresses, here and in whatever else makes them in the same way; a hash of
//! all addresses in their order tells whether it does, one of all answers whether those agree too. So two tables
//! can be asked the same without a file of addresses:
//!
//! ```text
//!   random   SplitMix64, its state being the seed at the beginning of a, the seed + 1 at that of b
//!   bits     IPv4: the upper half of a number;  IPv6: two numbers, the first one upper
//!   a        bits
//!   b        number a prefix by the upper half of a number × prefixes / 2^32; its address, and bits for the rest
//!   hash     FNV-1a over words of 64 bits: of addresses the upper and the lower half of 128 bits from the left,
//!            of answers the number of the gateway's lowest 64 bits, 1 for others, 0 for no route
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

    /// A number below `end`, which is at most 2^32.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let high = self.next() >> 32;
        ((high * end as u64) >> 32) as usize
    }
}

/// Fowler, Noll and Vo's hash, by words instead of bytes.
pub(super) struct Hash(pub(super) u64);

impl Hash {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// An address of one family, as small as can be, so that reading a stream costs little.
pub(super) trait Address: Copy + Into<IpAddr> + Send + Sync + 'static {
    /// Which family.
    const FAMILY: Family;

    /// The address whose leading bits are those of `bits`.
    fn from_leading(bits: u128) -> Self;

    /// The address as leading bits.
    fn leading(self) -> u128;

    /// As many random bits as it has, leading.
    fn random(random: &mut SplitMix) -> u128;

    /// The address of a prefix, if that is of this family.
    fn of(address: IpAddr) -> Option<Self>;
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

    fn of(address: IpAddr) -> Option<Self> {
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

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        }
    }
}

/// Routes that are fetched at once.
const PIECE: usize = 512;

/// Shows `each` the routes of one family, in the order of a dump, until it returns false.
///
/// Errors: `ENOMEM`, and those of `each`. Context: may sleep.
pub(super) fn walk(
    table: &Table,
    family: Family,
    mut each: impl FnMut(&Route) -> Result<bool>,
) -> Result {
    let mut piece = KVec::with_capacity(PIECE, GFP_KERNEL)?;
    let mut after: Option<Key> = None;
    loop {
        piece.clear();
        table.dump(Selector::Family(family), after, &mut piece);
        for route in &piece {
            if !each(route)? {
                return Ok(());
            }
        }
        after = piece.last().map(Key::from);
        if piece.len() < PIECE {
            return Ok(());
        }
        sched::yield_now();
    }
}

/// The prefixes of a table.
pub(super) struct Prefixes<A>(KVVec<(A, u8)>);

impl<A: Address> Prefixes<A> {
    /// Those of one family, each once.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn of(table: &Table) -> Result<Self> {
        let mut prefixes = KVVec::new();
        let mut last = None;
        walk(table, A::FAMILY, |route| {
            let prefix = route.prefix;
            if last != Some(prefix) {
                if let Some(address) = A::of(prefix.address()) {
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

/// Addresses, as many as some number of batches has.
pub(super) struct Stream<A>(KVVec<A>);

impl<A: Address> Stream<A> {
    /// As many batches as hold so many addresses.
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

    /// Stream a.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn anywhere(count: usize, seed: u64) -> Result<Self> {
        let mut random = SplitMix::new(seed);
        Self::collect(count, || Some(A::from_leading(A::random(&mut random))))
    }

    /// Stream b, and c.
    ///
    /// Errors: `ENOMEM`, `ENOENT` without prefixes. Context: may sleep.
    pub(super) fn inside(prefixes: &Prefixes<A>, count: usize, seed: u64) -> Result<Self> {
        let mut random = SplitMix::new(seed + 1);
        Self::collect(count, || prefixes.inside(&mut random))
    }

    /// Stream d: the first of another one.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn same(other: &Self) -> Result<Self> {
        Self::collect(1, || other.0.first().copied())
    }

    /// All of them.
    pub(super) fn addresses(&self) -> &[A] {
        &self.0
    }

    /// The batch with that number, counted on from the beginning behind the end.
    pub(super) fn batch(&self, number: usize) -> &[A] {
        let batches = self.0.len() / BATCH;
        let start = number.checked_rem(batches).unwrap_or(0) * BATCH;
        self.0.get(start..start + BATCH).unwrap_or(&[])
    }

    /// The hash of all addresses.
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
