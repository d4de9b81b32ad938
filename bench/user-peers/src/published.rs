// SPDX-License-Identifier: GPL-2.0

//! The crate `prefix-trie`: a tree bitmap of five bits a level. One thread may change it, or several may read.
//!
//! Of the two published tries that are well kept it is the faster one: with `iptrie`, the oracle of the table's
//! tests, a lookup takes some four times as long; its compressed form comes near, but cannot be changed.

use anyhow::{ensure, Result};
use prefix_trie::{Prefix, PrefixMap};

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::{sum, Peer, Way};
use crate::ticks;

/// What the crate takes as an address.
pub trait Key: Address {
    /// Bits and a length.
    type Prefix: Prefix + Sync;

    /// A prefix.
    fn prefix(self, len: u8) -> Self::Prefix;
}

impl Key for u32 {
    type Prefix = (u32, u8);

    #[inline(always)]
    fn prefix(self, len: u8) -> Self::Prefix {
        (self, len)
    }
}

impl Key for [u8; 16] {
    type Prefix = (u128, u8);

    #[inline(always)]
    fn prefix(self, len: u8) -> Self::Prefix {
        (u128::from_be_bytes(self), len)
    }
}

/// The table.
pub struct PublishedTrie<A: Key>(PrefixMap<A::Prefix, u32>);

impl<A: Key> PublishedTrie<A> {
    /// One with these prefixes.
    pub fn new(input: &Input<A>) -> Result<Self> {
        let mut trie = Self(PrefixMap::new());
        for entry in &input.entries {
            trie.add(entry)?;
        }
        Ok(trie)
    }

    #[inline(always)]
    fn hop(&self, address: A) -> u64 {
        let found = self.0.get_lpm(&address.prefix(A::BITS));
        found.map_or(0, |(_, hop)| u64::from(*hop))
    }
}

impl<A: Key> Peer<A> for PublishedTrie<A>
where
    PrefixMap<A::Prefix, u32>: Sync,
{
    fn name(&self) -> &'static str {
        "prefix-trie"
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let before = self.0.insert(entry.address.prefix(entry.len), entry.hop);
        ensure!(before.is_none(), "adding {entry}, which is there");
        Ok(())
    }

    fn delete(&mut self, entry: &Entry<A>) -> Result<()> {
        let before = self.0.remove(&entry.address.prefix(entry.len));
        ensure!(before.is_some(), "deleting {entry}, which is not there");
        Ok(())
    }

    fn answers(&self, addresses: &[A], hops: &mut [u32]) {
        for (hop, address) in hops.iter_mut().zip(addresses) {
            *hop = self.hop(*address) as u32;
        }
    }

    fn pass(&self, way: Way, addresses: &[A]) -> u64 {
        sum(way, addresses, |address| self.hop(address))
    }

    fn ticks(&self, addresses: &[A], ticks: &mut [u32]) {
        ticks::time(addresses, ticks, |address| self.hop(address));
    }
}
