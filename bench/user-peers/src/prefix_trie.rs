// SPDX-License-Identifier: GPL-2.0

//! The crate `prefix-trie`: a tree bitmap of five bits per level, without concurrent readers and
//! writers.
//!
//! It is the faster of two maintained crates. A lookup in `iptrie`, the oracle of the table's
//! tests, takes about four times as long; its compressed form is nearly as fast, but cannot be
//! changed.

use ::prefix_trie::{Prefix, PrefixMap};
use anyhow::{ensure, Result};

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::{sum, LookupMode, Peer};
use crate::ticks;

/// An address that the crate supports.
pub trait Key: Address {
    type Prefix: Prefix + Sync;

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

pub struct PrefixTrie<A: Key>(PrefixMap<A::Prefix, u32>);

impl<A: Key> PrefixTrie<A> {
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

impl<A: Key> Peer<A> for PrefixTrie<A>
where
    PrefixMap<A::Prefix, u32>: Sync,
{
    fn name(&self) -> &'static str {
        "prefix-trie"
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let before = self.0.insert(entry.address.prefix(entry.len), entry.hop);
        ensure!(before.is_none(), "adding {entry}: prefix exists");
        Ok(())
    }

    fn change(&mut self, entry: &Entry<A>) -> Result<()> {
        let before = self.0.insert(entry.address.prefix(entry.len), entry.hop);
        ensure!(before.is_some(), "changing {entry}: no such prefix");
        Ok(())
    }

    fn delete(&mut self, entry: &Entry<A>) -> Result<()> {
        let before = self.0.remove(&entry.address.prefix(entry.len));
        ensure!(before.is_some(), "deleting {entry}: no such prefix");
        Ok(())
    }

    fn next_hops(&self, addresses: &[A], hops: &mut [u32]) {
        for (hop, address) in hops.iter_mut().zip(addresses) {
            *hop = self.hop(*address) as u32;
        }
    }

    fn pass(&self, mode: LookupMode, addresses: &[A]) -> u64 {
        sum(mode, addresses, |address| self.hop(address))
    }

    fn ticks(&self, addresses: &[A], ticks: &mut [u32]) {
        ticks::time(addresses, ticks, |address| self.hop(address));
    }
}
