// SPDX-License-Identifier: GPL-2.0

//! Next-hop objects: next hops with an identity of their own, which routes share.
//!
//! ```text
//!   record of a route: slot ──► chunk ──► pointer of the slot ──► contents: legs
//!                                         ▲ one store replaces the next hop of all its routes
//! ```
//!
//! A route's record names the slot of its object. Chunks stay until the table ends, and a slot is
//! used again only after a grace period. So a reader that has the record of a deleted route still
//! finds the contents of the object.

use super::{
    fib::{gfp, Account},
    next_hop::{HopId, NextHop},
    stats::Footprint,
};
use crate::rcu::{read_lock, Flexible, Guard, Rcu, Retired, UniqueRcuBox};
use core::{mem::size_of, net::IpAddr};
use kernel::{prelude::*, sync::Arc};

/// The slots of a chunk.
const CHUNK: usize = 1024;
/// The chunks. Deleted objects occupy their slots for a grace period, so there are more slots than
/// objects.
const CHUNKS: usize = 80;
/// The maximum number of slots.
pub(super) const MAX_SLOTS: u32 = (CHUNK * CHUNKS) as u32;

/// The next hop of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A next hop that only this object has.
    Hop(NextHop),
    /// Another object, with its slot, which has one leg.
    Member(HopId, u32),
}

/// One of the ways of an object.
pub(super) struct Leg {
    /// The highest flow hash that selects this leg. The last leg has the highest hash.
    bound: u32,
    pub(super) weight: u16,
    pub(super) target: Target,
}

/// The part of an object before its legs.
pub(super) struct Header {
    /// Whether the object is a group, possibly of one member.
    pub(super) is_group: bool,
    pub(super) footprint: Footprint,
    account: Arc<Account>,
}

impl Drop for Header {
    fn drop(&mut self) {
        self.account.reclaimed(self.footprint);
    }
}

/// The contents of an object. They do not change after they are published.
pub(super) type Contents = Flexible<Header, Leg>;

/// Creates the contents of an object. `legs` has a weight and a target for each leg.
///
/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn contents(
    account: &Arc<Account>,
    is_group: bool,
    legs: &[(u16, Target)],
) -> Result<UniqueRcuBox<Contents>> {
    let weights = legs.iter().map(|(weight, _)| u64::from(*weight));
    // objtool of 6.18 does not know that a division by zero never returns.
    let total = weights.sum::<u64>().max(1);
    let header = Header {
        is_group,
        footprint: Footprint::of_object(size_of::<Header>() + legs.len() * size_of::<Leg>() + 32),
        account: account.clone(),
    };
    // Contents count as retired until they are published, because their drop counts them as
    // reclaimed.
    account.retired(header.footprint);
    let mut sum = 0;
    let leg = |at: usize| {
        let (weight, target) = legs[at];
        sum += u64::from(weight);
        let end = ((sum << 32) + total / 2) / total;
        Leg {
            bound: end.saturating_sub(1) as u32,
            weight,
            target,
        }
    };
    Ok(UniqueRcuBox::from_fn(header, legs.len(), leg, gfp())?)
}

impl Contents {
    /// Returns whether both have the same legs in the same order.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        let parts = |leg: &Leg| (leg.weight, leg.target);
        self.header.is_group == other.header.is_group
            && self
                .elements
                .iter()
                .map(parts)
                .eq(other.elements.iter().map(parts))
    }

    /// Returns a number that equal contents share.
    pub(super) fn digest(&self) -> u64 {
        let mix = |digest: u64, word: u64| {
            (digest.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        self.elements.iter().fold(0, |digest, leg| {
            let words = match leg.target {
                Target::Hop(next_hop) => next_hop.to_words(0),
                Target::Member(_, slot) => [slot.into(), 0, 0, 0],
            };
            words.into_iter().fold(mix(digest, leg.weight.into()), mix)
        })
    }

    /// Selects a leg by hash threshold, as in RFC 2992, with weights.
    fn select(&self, hash: u32) -> Option<&Leg> {
        let legs = &self.elements;
        legs.get(legs.partition_point(|leg| leg.bound < hash))
    }
}

type Chunk = Flexible<(), Rcu<Contents>>;

/// The objects by slot. Only the holder of the table's mutex changes them.
pub(super) struct HopObjects {
    chunks: [Rcu<Chunk>; CHUNKS],
}

impl HopObjects {
    pub(super) const fn new() -> Self {
        Self {
            chunks: [const { Rcu::null() }; CHUNKS],
        }
    }

    fn pointer<'g>(&'g self, slot: u32, guard: &'g Guard) -> Option<&'g Rcu<Contents>> {
        let chunk = self.chunks.get(slot as usize / CHUNK)?.dereference(guard)?;
        chunk.elements.get(slot as usize % CHUNK)
    }

    /// Returns the contents of an object.
    ///
    /// Context: any; never waits.
    pub(super) fn get<'g>(&'g self, slot: u32, guard: &'g Guard) -> Option<&'g Contents> {
        self.pointer(slot, guard)?.dereference(guard)
    }

    /// Returns the next hop of a flow with that hash. The caller has found the slot in a record in
    /// the same critical section.
    ///
    /// Context: any; never waits.
    pub(super) fn resolve(&self, slot: u32, hash: u32, guard: &Guard) -> Option<NextHop> {
        match self.get(slot, guard)?.select(hash)?.target {
            Target::Hop(next_hop) => Some(next_hop),
            Target::Member(_, member) => match self.get(member, guard)?.elements.first()?.target {
                Target::Hop(next_hop) => Some(next_hop),
                Target::Member(..) => None,
            },
        }
    }

    /// Allocates the memory for a slot.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` beyond [`MAX_SLOTS`]. Context: may sleep.
    pub(super) fn reserve(&self, slot: u32) -> Result {
        let chunk = self.chunks.get(slot as usize / CHUNK).ok_or(ENOSPC)?;
        if chunk.is_null() {
            let new = UniqueRcuBox::from_fn((), CHUNK, |_| Rcu::null(), gfp())?;
            let old = chunk.replace(Some(new));
            // The mutex excludes other updaters, so the pointer was null.
            drop(old);
        }
        Ok(())
    }

    /// Publishes the contents of a slot by one store. Returns the previous contents, which count as
    /// retired.
    ///
    /// Context: any.
    pub(super) fn replace(
        &self,
        slot: u32,
        new: UniqueRcuBox<Contents>,
    ) -> Option<Retired<Contents>> {
        let guard = read_lock();
        let pointer = self.pointer(slot, &guard)?;
        new.header.account.published(new.header.footprint);
        let old = pointer.dereference(&guard);
        if let Some(old) = old {
            old.header.account.retired(old.header.footprint);
        }
        pointer.replace(Some(new))
    }

    /// Empties the slot of a deleted object. Returns its contents, which counted as retired before.
    ///
    /// Context: any.
    pub(super) fn clear(&self, slot: u32) -> Option<Retired<Contents>> {
        let guard = read_lock();
        self.pointer(slot, &guard)?.replace(None)
    }
}

impl Drop for HopObjects {
    fn drop(&mut self) {
        for chunk in self.chunks.iter_mut().filter_map(Rcu::take) {
            for pointer in &chunk.elements {
                // The drop of the contents counts them as reclaimed. Those of deleted objects count
                // as retired twice, but nothing reads the account of a table that ends.
                if let Some(contents) = pointer.dereference(&read_lock()) {
                    contents.header.account.retired(contents.header.footprint);
                }
            }
        }
    }
}

/// Returns the default flow hash of packets to `address`.
///
/// Context: any.
pub fn flow_hash(address: IpAddr) -> u32 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let mut hash = (bits >> 64) as u64 ^ (bits as u64).rotate_left(32);
    for _ in 0..2 {
        hash = (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (hash >> 32) as u32
}
