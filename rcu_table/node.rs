// SPDX-License-Identifier: GPL-2.0

//! Nodes of the trie: their layout in memory, how readers step through them, and how they are
//! built.
//!
//! A node decides eight bits of the address: one *value* of 256. A prefix is in exactly one node,
//! the node that decides its last one to eight bits. (The default route is in the root.) For
//! lookup, a node's prefixes are expanded into *runs*: ranges of values with the same next hop. No
//! prefix is expanded into the nodes below, so a change stays in one node.
//!
//! ```text
//!    0   16  rcu_head
//!   16    8  depth, shape, number of routes (and the poison mark), number of runs
//!   24   16  the address bits that lead to the node
//!   40   24  the parts of the routes that fit here
//!   ──── a cache line ────
//!       ┌ packed ──────────────────────────────────┬ flat ──────────────────────────────┐
//!   64  │ 32  a bit for each value: a run begins   │ 32  unused                         │
//!       │  4  runs before each group of 64 values  │  4  unused                         │
//!       │  4  offset and number of children        │  4  the same                       │
//!  104  │  4  × run: next hop, 0 for none          │  4  × 256: the value's next hop    │
//!       │  8  up to 8 children: their values; or   │                                    │
//!       │ 40  more children: a bit for each value, │                                    │
//!       │     and children before each group       │                                    │
//!       │  8  × child: link                        │  8  × 256: link, null without child│
//!       └──────────────────────────────────────────┴────────────────────────────────────┘
//!        4  × route: next hop
//!        4  × route: metric, unless all are 0
//!        2  × route: first value and number of decided bits, ascending
//! ```
//!
//! With up to six runs, the cache line at offset 64 suffices to find a value's next hop. With more
//! runs or with children, it gives the place of the rest. Only updates, dumps and exact queries
//! read routes. A node with six runs and four routes takes 128 bytes.
//!
//! Tag bits in a link describe the node: whether it is flat, has children, and has left-out nodes
//! above it. So a reader branches before the node's cache line arrives. The next node of a random
//! address is unpredictable. A mispredicted branch that waits for memory costs as much as two cache
//! misses.
//!
//! A published node does not change, except for the links to its children: each is replaced in
//! place by one store. Every other change copies the node. A node in [`Quarantined`] also gets a
//! mark, in a field that lookup does not read.
//!
//! All `unsafe` code of the table is in this file and its folder. It relies on the rest of the
//! table to obey the rules of [`Exclusive`].

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
pub(super) use owned::{
    CopiedNodes, NewChain, NewNode, Replaced, Roots, Tree, Unlinked, UnlinkedNodes,
};
pub(super) use quarantine::Quarantined;
pub(super) use reading::NodeRef;
pub(super) use runs::Runs;

use reading::{count, Entries};

/// Bits that a node decides.
pub(super) const STRIDE: u8 = 8;
/// Values that a node distinguishes.
pub(super) const FANOUT: usize = 1 << STRIDE;
/// Nodes on the longest path. Prefixes of up to 8 bits are in the first node.
pub(super) const MAX_DEPTH: usize = (128 / STRIDE) as usize;

/// Returns the depth of the node for a prefix of `len` bits: the number of bytes that lead to it.
pub(super) const fn depth_of(len: u8) -> u8 {
    len.saturating_sub(1) / STRIDE
}

/// Returns the value of `bits` that a node at `depth` decides.
pub(super) const fn value_at(bits: u128, depth: u8) -> u8 {
    ((bits << (depth * STRIDE)) >> (128 - STRIDE as u32)) as u8
}

/// Returns the address bits as two words, whose operations are faster.
#[inline(always)]
const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

/// [`value_at`] for lookup, which rarely reaches the second half.
#[inline(always)]
const fn byte_at([high, low]: [u64; 2], depth: u8) -> u8 {
    let half = if depth < 8 { high } else { low };
    ((half << (depth % 8 * STRIDE)) >> (u64::BITS - STRIDE as u32)) as u8
}

/// Returns the number of leading bytes that two addresses have in common.
pub(super) const fn common_depth(one: u128, other: u128) -> u8 {
    ((one ^ other).leading_zeros() / STRIDE as u32) as u8
}

/// The position of a prefix in its node: ordered by the first value, then by the length.
///
/// # Invariants
///
/// The low four bits are a number of bits, at most [`STRIDE`]. The next eight bits are a value in
/// which only that many leading bits can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u16);

impl Slot {
    /// Returns the slot of the prefix of `len` bits that covers `bits`.
    pub(super) const fn of(bits: u128, len: u8) -> Self {
        let depth = depth_of(len);
        Self::deciding(value_at(bits, depth), len - depth * STRIDE)
    }

    /// Returns the slot of the prefix that covers `value` and decides `bits` of the eight bits.
    pub(super) const fn deciding(value: u8, bits: u8) -> Self {
        let kept = (value as u16) & !(0xff >> bits);
        // INVARIANT: The mask has cleared all bits beyond the first `bits`.
        Self((kept << 4) | bits as u16)
    }

    /// Returns the first value that the prefix covers.
    pub(super) const fn first(self) -> u8 {
        (self.0 >> 4) as u8
    }

    /// Returns how many of the eight bits the prefix decides.
    pub(super) const fn bits(self) -> u8 {
        (self.0 & 0xf) as u8
    }

    /// Returns the value after the last one that the prefix covers.
    pub(super) const fn end(self) -> u16 {
        self.first() as u16 + (FANOUT as u16 >> self.bits())
    }
}

/// A route as its node stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) slot: Slot,
    pub(super) metric: u32,
    /// The number of the next hop; not 0.
    pub(super) hop: u32,
}

impl Entry {
    /// Returns the sort key of entries.
    pub(super) const fn key(&self) -> (Slot, u32) {
        (self.slot, self.metric)
    }
}

/// In [`Node::shape`]: the node is flat.
const FLAT: u8 = 1 << 0;
/// In [`Node::shape`]: metrics are stored.
const METRICS: u8 = 1 << 1;
/// In [`Node::shape`]: a transaction that has not been committed has built the node.
const FRESH: u8 = 1 << 2;

/// In [`Node::routes`], beside the number: no reader must reach the node any more.
const POISON: u16 = 1 << 15;
/// The maximum number of routes in a node. Its 511 prefixes with 64 routes each are fewer.
const MAX_ROUTES: usize = POISON as usize - 1;

/// The fixed part of a node. The variable part follows in the same object.
///
/// # Invariants
///
/// The object has the parts and the size that [`Shape`] computes from these fields. All parts are
/// initialised. The first run begins at 0.
#[repr(C, align(8))]
pub(super) struct Node {
    depth: u8,
    shape: u8,
    routes: AtomicU16,
    runs: u16,
    /// The address bits that lead to the node; the other bits are 0.
    key: [u64; 2],
    /// Room for parts of the routes.
    spare: MaybeUninit<[u64; SPARE / size_of::<u64>()]>,
    /// In a packed node: a bit for each value where a run begins.
    starts: [u64; GROUPS],
    /// In a packed node: the number of runs before each group of values.
    before: [u8; GROUPS],
    /// The offset of the children's index, or of the links of a node without index.
    index: u16,
    children: u16,
}

impl Reclaim for Node {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Node {
    fn reclaim(this: UniqueRcuBox<Self>) {
        super::stats::reclaimed(this.footprint());
    }
}

/// The offsets of a node's parts, in bytes from its beginning.
#[derive(Clone, Copy)]
struct Shape {
    links: usize,
    hops: usize,
    metrics: usize,
    slots: usize,
    size: usize,
}

/// The values of a group, which share a word of bits, and the number of groups.
const GROUP: usize = 64;
const GROUPS: usize = FANOUT / GROUP;
/// The bytes of a bitmap with a bit for each value.
const BITS: usize = GROUPS * size_of::<u64>();
/// The maximum number of children whose values are listed instead of marked in a bitmap.
const FEW: usize = size_of::<u64>();
/// Bytes for parts of the routes before the cache line that lookup reads.
const SPARE: usize = 24;

const HOPS: usize = size_of::<Node>();
const FLAT_LINKS: usize = HOPS + FANOUT * size_of::<u32>();
const _: () = assert!(2 * size_of::<usize>() + offset_of!(Node, starts) == 64);

impl Node {
    #[inline(always)]
    const fn is_flat(&self) -> bool {
        self.shape & FLAT != 0
    }

    // ORDERING: The number does not change, and the mark publishes no memory.
    #[inline(always)]
    fn routes(&self) -> usize {
        (self.routes.load(Ordering::Relaxed) & !POISON).into()
    }

    /// Marks the node. Returns whether it was marked before.
    fn poison(&self) -> bool {
        self.routes.fetch_or(POISON, Ordering::Relaxed) & POISON != 0
    }

    fn is_poisoned(&self) -> bool {
        self.routes.load(Ordering::Relaxed) & POISON != 0
    }

    /// Returns whether the children's values are listed.
    #[inline(always)]
    const fn has_few_children(&self) -> bool {
        self.children as usize <= FEW
    }

    /// Returns the offset of the children's index in a packed node with `runs` runs.
    const fn index_behind(runs: usize) -> usize {
        (HOPS + runs * size_of::<u32>()).next_multiple_of(size_of::<u64>())
    }

    /// Returns the offset of the links to children.
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
        // Places a part in the spare room if it fits there, else at the end.
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

    /// Returns the memory of the whole object.
    pub(super) fn footprint(&self) -> Footprint {
        Footprint::of_object(self.shape().size)
    }
}

/// The exclusive right to change a table's tries. A table has one, inside its updaters' mutex. A
/// reload needs it too, to build the new contents.
///
/// With a shared borrow, an updater reads nodes without a read-side critical section. No node that
/// it can reach is freed during the borrow: [`UnlinkedNodes`] is emptied with `&mut`, and a
/// [`Tree`] is dismantled after the borrow in which it was cut.
pub(super) struct Exclusive(());

impl Exclusive {
    /// Creates the right to change a new table.
    pub(super) const fn new() -> Self {
        Self(())
    }
}
