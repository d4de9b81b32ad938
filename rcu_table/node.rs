// SPDX-License-Identifier: GPL-2.0

//! Nodes of the trie: their layout in memory, how readers step through them and how they are made.
//!
//! A node decides eight bits of the address, one *value* out of 256. A prefix lives in exactly one
//! node, the one where its last one to eight bits are decided (the default route in the root). What
//! lookup needs of a node's prefixes is expanded into *runs*: stretches of values that the same next
//! hop serves. Nothing is expanded into nodes below, so that a change stays in one node.
//!
//! ```text
//!    0   16  rcu_head
//!   16    8  depth, shape, how many routes (and a mark) and runs
//!   24   16  the address bits that lead here
//!   40   24  what there is of routes, if it fits
//!   ──── a cache line ────
//!       ┌ packed ──────────────────────────────────┬ flat ──────────────────────────────┐
//!   64  │ 32  bits where runs begin                │ 32  unused                         │
//!       │  4  how many before each 64 values       │  4  unused                         │
//!       │  4  where children are, and how many     │  4  the same                       │
//!  104  │  4  × run: next hop, 0 for none          │  4  × 256: the value's next hop    │
//!       │  8  up to 8 values that have children,   │                                    │
//!       │     or 40: bits of those that have, and  │                                    │
//!       │     how many are before each 64 of them  │                                    │
//!       │  8  × child: link                        │  8  × 256: link, null without child│
//!       └──────────────────────────────────────────┴────────────────────────────────────┘
//!        4  × route: next hop
//!        4  × route: metric, if there is one that is not 0
//!        2  × route: first value, and how many of the eight bits are decided; ascending
//! ```
//!
//! The second cache line answers for nodes of up to six runs, and says where to look in all others; routes are for updates,
//! dumps and exact answers only. A node of six runs and four routes takes 128 bytes.
//!
//! A link says of its node what a reader has to know before anything of the node has come out of memory: whether it
//! is flat, has children, and comes right below. Which node a random address meets next cannot be predicted, and a
//! branch that waits for memory and then goes the other way costs as much as two misses.
//!
//! Once published, a node does not change, but for the pointers to its children: those are
//! exchanged in place, each by one store. Every other change copies the node. Only a node in
//! [`Quarantined`] gets a mark, in a field that lookup does not read.
//!
//! All `unsafe` of the table is in this file and its folder. Their functions are safe for the rest of the
//! table, which keeps to what [`Exclusive`] says.

use super::stats::Footprint;
use crate::rcu::{Reclaim, Softirq, UniqueRcuBox};
use core::{
    mem::{offset_of, size_of, MaybeUninit},
    sync::atomic::{AtomicU16, Ordering},
};

mod build;
mod bytes;
mod link;
mod lookup;
mod owned;
mod quarantine;
mod reading;
mod runs;

pub(super) use build::Blueprint;
pub(super) use link::Link;
pub(super) use lookup::{Finding, Found, Lookup};
pub(super) use owned::{Condemned, Doomed, NewChain, NewNode, Replaced, Roots, Tree, Unlinked};
pub(super) use quarantine::Quarantined;
pub(super) use reading::NodeRef;
pub(super) use runs::Runs;

use reading::{count, Entries};

/// Bits that a node decides.
pub(super) const STRIDE: u8 = 8;
/// Values that a node tells apart.
pub(super) const FANOUT: usize = 1 << STRIDE;
/// Nodes on the longest path: a prefix of 1 to 8 bits is in the first.
pub(super) const MAX_DEPTH: usize = (128 / STRIDE) as usize;

/// How deep the node is where a prefix of `len` bits lives.
pub(super) const fn depth_of(len: u8) -> u8 {
    len.saturating_sub(1) / STRIDE
}

/// The value of `bits` that a node at `depth` decides.
pub(super) const fn value_at(bits: u128, depth: u8) -> u8 {
    ((bits << (depth * STRIDE)) >> (128 - STRIDE as u32)) as u8
}

/// The address bits as two words, which are faster to work with.
#[inline(always)]
const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

/// [`value_at`] for lookup, which is seldom in the second half.
#[inline(always)]
const fn byte_at([high, low]: [u64; 2], depth: u8) -> u8 {
    let half = if depth < 8 { high } else { low };
    ((half << (depth % 8 * STRIDE)) >> (u64::BITS - STRIDE as u32)) as u8
}

/// How many leading bytes two addresses have in common.
pub(super) const fn common_depth(one: u128, other: u128) -> u8 {
    ((one ^ other).leading_zeros() / STRIDE as u32) as u8
}

/// Where a prefix stands in its node: by its first value, and by length among those with the same.
///
/// # Invariants
///
/// The low four bits are at most [`STRIDE`], the upper eight a value with no bit set beyond so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u16);

impl Slot {
    /// That of the prefix of `len` bits that covers `bits`.
    pub(super) const fn of(bits: u128, len: u8) -> Self {
        let depth = depth_of(len);
        Self::deciding(value_at(bits, depth), len - depth * STRIDE)
    }

    /// That of the prefix that covers `value` and decides so many of the eight bits.
    pub(super) const fn deciding(value: u8, bits: u8) -> Self {
        let kept = (value as u16) & !(0xff >> bits);
        // INVARIANT: The bits beyond were just cut.
        Self((kept << 4) | bits as u16)
    }

    /// The first value.
    pub(super) const fn first(self) -> u8 {
        (self.0 >> 4) as u8
    }

    /// How many of the eight bits are decided.
    pub(super) const fn bits(self) -> u8 {
        (self.0 & 0xf) as u8
    }

    /// The value behind the last.
    pub(super) const fn end(self) -> u16 {
        self.first() as u16 + (FANOUT as u16 >> self.bits())
    }
}

/// A route as its node has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) slot: Slot,
    pub(super) metric: u32,
    /// Number of the next hop; not 0.
    pub(super) hop: u32,
}

impl Entry {
    /// What entries are sorted by.
    pub(super) const fn key(&self) -> (Slot, u32) {
        (self.slot, self.metric)
    }
}

/// In [`Node::shape`]: each value has its place.
const FLAT: u8 = 1 << 0;
/// Metrics are stored.
const METRICS: u8 = 1 << 1;
/// Made by a transaction that has not been committed.
const FRESH: u8 = 1 << 2;

/// In [`Node::routes`], beside the number: no reader should reach the node any more.
const POISON: u16 = 1 << 15;
/// The most routes of a node; 64 for each of its prefixes are fewer.
const MAX_ROUTES: usize = POISON as usize - 1;

/// The part that every node has. The rest lies behind it in the same object.
///
/// # Invariants
///
/// The object is as large as [`Shape::size`] says of these numbers, and initialised. The first run begins at 0.
#[repr(C, align(8))]
pub(super) struct Node {
    depth: u8,
    shape: u8,
    routes: AtomicU16,
    runs: u16,
    /// The address bits that lead here; the rest is 0.
    key: [u64; 2],
    /// For what there is of routes.
    spare: MaybeUninit<[u64; SPARE / size_of::<u64>()]>,
    /// Of a packed node, where runs begin, by groups of values.
    starts: [u64; GROUPS],
    /// Of a packed node, the runs before each group of values.
    before: [u8; GROUPS],
    /// Where what there is of children begins.
    index: u16,
    children: u16,
}

impl Reclaim for Node {
    type Context = Softirq;

    fn reclaim(this: UniqueRcuBox<Self>) {
        super::stats::reclaimed(this.footprint());
    }
}

/// Where what lies in a node, in bytes from its beginning.
#[derive(Clone, Copy)]
struct Shape {
    links: usize,
    hops: usize,
    metrics: usize,
    slots: usize,
    size: usize,
}

/// Values that share a word of bits, and the words.
const GROUP: usize = 64;
const GROUPS: usize = FANOUT / GROUP;
/// A bit for each value.
const BITS: usize = GROUPS * size_of::<u64>();
/// The most children whose values are listed.
const FEW: usize = size_of::<u64>();
/// Bytes for routes in front of the cache line that lookup reads.
const SPARE: usize = 24;

const HOPS: usize = size_of::<Node>();
const FLAT_LINKS: usize = HOPS + FANOUT * size_of::<u32>();
const _: () = assert!(2 * size_of::<usize>() + offset_of!(Node, starts) == 64);

impl Node {
    #[inline(always)]
    const fn is_flat(&self) -> bool {
        self.shape & FLAT != 0
    }

    // ORDERING: The number does not change, and the mark stands for itself: nothing is published through
    // it.
    #[inline(always)]
    fn routes(&self) -> usize {
        (self.routes.load(Ordering::Relaxed) & !POISON).into()
    }

    /// Marks the node; says whether it was marked before.
    fn poison(&self) -> bool {
        self.routes.fetch_or(POISON, Ordering::Relaxed) & POISON != 0
    }

    fn is_poisoned(&self) -> bool {
        self.routes.load(Ordering::Relaxed) & POISON != 0
    }

    /// Whether the values of the children are listed.
    #[inline(always)]
    const fn has_few_children(&self) -> bool {
        self.children as usize <= FEW
    }

    /// Where the index of the children of a packed node with so many runs is.
    const fn index_behind(runs: usize) -> usize {
        (HOPS + runs * size_of::<u32>()).next_multiple_of(size_of::<u64>())
    }

    /// Where the links to children are.
    const fn links_at(&self) -> usize {
        let index = self.index as usize;
        match (self.is_flat(), self.children) {
            (true, _) | (_, 0) => index,
            _ if self.has_few_children() => index + FEW,
            _ => index + BITS + size_of::<u64>(),
        }
    }

    fn shape(&self) -> Shape {
        let links = match self.is_flat() {
            true => FANOUT,
            false => self.children as usize,
        };
        let routes = self.routes();
        let metrics = match self.shape & METRICS {
            0 => 0,
            _ => routes,
        };
        let links_at = self.links_at();
        let spare_at = offset_of!(Node, spare);
        let mut spare = spare_at..spare_at + SPARE;
        let mut behind = links_at + links * size_of::<Link>()..usize::MAX;
        // In front if it fits, else behind everything.
        let mut place = |bytes: usize| {
            let room = match bytes <= spare.len() {
                true => &mut spare,
                false => &mut behind,
            };
            room.start += bytes;
            room.start - bytes
        };
        Shape {
            links: links_at,
            hops: place(routes * size_of::<u32>()),
            metrics: place(metrics * size_of::<u32>()),
            slots: place(routes * size_of::<Slot>()),
            size: behind.start,
        }
    }

    /// The memory of the whole object.
    pub(super) fn footprint(&self) -> Footprint {
        Footprint::of_object(self.shape().size)
    }
}

/// The right to change a trie: whoever has it is the only one who does. A table has one, behind its
/// updaters' mutex, and a table that is being built aside is changed under it too.
///
/// With a shared borrow of it nodes can be looked at without a read-side critical section, because
/// nothing that was reachable is freed before [`Doomed`] is settled, which takes `&mut`.
pub(super) struct Exclusive(());

impl Exclusive {
    /// For a new table.
    pub(super) const fn new() -> Self {
        Self(())
    }
}
