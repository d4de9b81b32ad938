// SPDX-License-Identifier: GPL-2.0

//! Nodes of the trie: their layout in memory, how readers step through them and how they are made.
//!
//! A node decides eight bits of the address, one *value* out of 256. A prefix lives in exactly one
//! node, the one where its last one to eight bits are decided (the default route in the root). What
//! lookup needs of a node's prefixes is expanded into *runs*: stretches of values that the same next
//! hop serves. Nothing is expanded into nodes below, so that a change stays in one node.
//!
//! ```text
//!   16  rcu_head
//!    8  depth, shape, how many routes (and a mark), children and runs
//!       ┌ packed ──────────────────────────────────────────────────────────┬ flat: the top ─┐
//!       │  8  runs and children before each of the four groups of 64 values │                │
//!       │ 32  bits where runs begin                                         │                │
//!       └───────────────────────────────────────────────────────────────────┴────────────────┘
//!   16  the address bits that lead here
//!    4  × run: next hop, 0 for none                                      flat: × 256, the value's next hop
//!   32  bits of the values that have children, if there are children     flat: none
//!    8  × child: pointer                                                 flat: × 256, null without a child
//!   ---- what follows is for updates, dumps and exact answers ----
//!    4  × route: next hop
//!    4  × route: metric, if there is one that is not 0
//!    2  × route: first value, and how many of the eight bits are decided; ascending
//! ```
//!
//! The 64 bytes in front say where to look, so a step touches two cache lines of a node, or three if it
//! has children. A step is made without a branch but for which form the node has and whether the value has a child: which node a
//! random address meets next cannot be predicted, and a wrong guess costs as much as a miss.
//!
//! Once published, a node does not change, but for the pointers to its children: those are
//! exchanged in place, each by one store. Every other change copies the node. Only a node in
//! [`Quarantined`] gets a mark, in a field that lookup does not read.
//!
//! All `unsafe` of the table is in this file and its folder. Their functions are safe for the rest of the
//! table, which keeps to what [`Exclusive`] says.

use super::stats::Footprint;
use crate::rcu::{Guard, RcuBox, Reclaim, Softirq};
use core::{
    mem::size_of,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU16, Ordering},
};

mod build;
mod lookup;
mod owned;
mod quarantine;
mod reading;
mod runs;

pub(super) use build::Blueprint;
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

/// Values in a group of a packed node.
const GROUP: usize = 64;
/// How many groups there are.
const GROUPS: usize = FANOUT / GROUP;

/// The part that every node has. The rest lies behind it in the same object.
///
/// # Invariants
///
/// The object is as large as [`Shape::size`] says of these numbers, and initialised. The first run begins at 0.
#[repr(C)]
pub(super) struct Node {
    depth: u8,
    shape: u8,
    routes: AtomicU16,
    children: u16,
    runs: u16,
}

impl Reclaim for Node {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        super::stats::reclaimed(this.footprint());
    }
}

/// Where what lies in a node, in bytes from its beginning.
#[derive(Clone, Copy)]
struct Shape {
    key: usize,
    runs: usize,
    links: usize,
    hops: usize,
    metrics: usize,
    slots: usize,
    size: usize,
}

const BEFORE: usize = size_of::<Node>();
const STARTS: usize = BEFORE + 2 * GROUPS;
const PACKED_KEY: usize = STARTS + BITS;
const PACKED_RUNS: usize = PACKED_KEY + KEY;
const FLAT_KEY: usize = size_of::<Node>();
const FLAT_RUNS: usize = FLAT_KEY + KEY;
const FLAT_LINKS: usize = FLAT_RUNS + FANOUT * size_of::<u32>();
/// A bit for each value.
const BITS: usize = GROUPS * size_of::<u64>();
const KEY: usize = size_of::<[u64; 2]>();

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

    #[inline(always)]
    const fn key_at(&self) -> usize {
        match self.is_flat() {
            true => FLAT_KEY,
            false => PACKED_KEY,
        }
    }

    #[inline(always)]
    const fn bits_at(&self) -> usize {
        let runs = PACKED_RUNS + self.runs as usize * size_of::<u32>();
        // `next_multiple_of()` makes a branch of it.
        (runs + size_of::<u64>() - 1) & !(size_of::<u64>() - 1)
    }

    #[inline(always)]
    const fn links_at(&self) -> usize {
        match (self.is_flat(), self.children) {
            (true, _) => FLAT_LINKS,
            (false, 0) => self.bits_at(),
            (false, _) => self.bits_at() + BITS,
        }
    }

    fn shape(&self) -> Shape {
        let links = match self.is_flat() {
            true => FANOUT,
            false => self.children as usize,
        };
        let routes = self.routes();
        let key = self.key_at();
        let links_at = self.links_at();
        let hops_at = links_at + links * size_of::<Link>();
        let metrics_at = hops_at + routes * size_of::<u32>();
        let slots_at = match self.shape & METRICS {
            0 => metrics_at,
            _ => metrics_at + routes * size_of::<u32>(),
        };
        Shape {
            key,
            runs: key + KEY,
            links: links_at,
            hops: hops_at,
            metrics: metrics_at,
            slots: slots_at,
            size: slots_at + routes * size_of::<Slot>(),
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

/// A pointer to a node that readers follow, or to nothing.
///
/// # Invariants
///
/// Null, or the address of a [`Node`] that is not freed before a grace period has ended since it was
/// last stored here. Among the nodes of a trie, each is pointed to by one link.
#[repr(transparent)]
pub(super) struct Link(AtomicPtr<Node>);

impl Link {
    /// To nothing.
    pub(super) const fn null() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// To the same node as `other`.
    pub(super) fn copy_of(other: &Link) -> Self {
        // ORDERING: Whoever publishes the copy publishes the node with it.
        Self(AtomicPtr::new(other.0.load(Ordering::Relaxed)))
    }

    /// What readers see.
    #[inline(always)]
    pub(super) fn get<'g>(&'g self, _guard: &'g Guard) -> Option<NodeRef<'g>> {
        // ORDERING: Pairs with the release in `put()`: the node's contents are seen.
        NodeRef::from_raw(self.0.load(Ordering::Acquire))
    }

    /// What the updater sees.
    pub(super) fn peek<'w>(&self, _exclusive: &'w Exclusive) -> Option<NodeRef<'w>> {
        // ORDERING: Whoever stored it had the right that this thread has now.
        NodeRef::from_raw(self.0.load(Ordering::Relaxed))
    }

    /// Publishes a new node in the place of what is there.
    pub(super) fn put(&self, new: NewNode, _exclusive: &Exclusive) {
        // ORDERING: Release publishes the node's contents: `rcu_assign_pointer()`.
        self.0.store(new.into_raw().as_ptr(), Ordering::Release);
    }

    /// Publishes a node that hangs elsewhere, for that place to go.
    pub(super) fn put_again(&self, node: NodeRef<'_>, _exclusive: &Exclusive) {
        // ORDERING: As in `put()`; readers may come here who have not seen the node published.
        self.0.store(node.node.as_ptr(), Ordering::Release);
    }

    /// Unpublishes what is there.
    pub(super) fn cut(&self, _exclusive: &Exclusive) {
        // ORDERING: Null has no contents.
        self.0.store(ptr::null_mut(), Ordering::Relaxed);
    }
}
