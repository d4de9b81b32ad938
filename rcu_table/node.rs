// SPDX-License-Identifier: GPL-2.0

//! Nodes of the trie. A node decides four bits of the address:
//!
//! ```text
//!   Node                                 Routes: prefixes that end in this node, published as one
//!   ┌──────────────────────────┐         ┌──────────────────────────────────────────────┐
//!   │ routes ──────────────────┼────────►│ present: bit per slot                        │
//!   │ children[0] ─────► Node  │         │ entries: slot, metric, next hop; sorted      │
//!   │    …                     │         └──────────────────────────────────────────────┘
//!   │ children[15] ────► Node  │
//!   └──────────────────────────┘
//! ```
//!
//! A prefix lives in exactly one node: the one where its last one to four bits are decided, or the
//! root for the default route. Its *slot* there is 1 followed by those bits, so that halving a slot
//! gives the next shorter prefix: the numbering of a binary heap, as in Knuth's allotment routing
//! table (ART).
//!
//! Children are exchanged in place, each by one store. Routes are copied, changed and published.

use super::{
    next_hop::NextHop,
    stats::{self, Footprint},
};
use crate::rcu::{Guard, Rcu, RcuBox, Reclaim, Retired, Softirq};
use core::mem::size_of;
use kernel::{prelude::*, sync::Arc};

/// Bits that a node decides.
pub(super) const STRIDE: u8 = 4;
const FANOUT: usize = 1 << STRIDE;
/// Nodes on the longest path: a prefix of 1 to 4 bits is in the first.
pub(super) const MAX_DEPTH: usize = (128 / STRIDE) as usize;

/// The four bits of `bits` that a node at `depth` decides.
pub(super) fn nibble(bits: u128, depth: usize) -> usize {
    ((bits << (depth * STRIDE as usize)) >> (128 - STRIDE)) as usize
}

/// How deep the node is where a prefix of `len` bits lives.
pub(super) fn depth_of(len: u8) -> usize {
    usize::from(len.saturating_sub(1) / STRIDE)
}

/// The slot of a prefix in its node.
pub(super) fn slot_of(bits: u128, len: u8) -> u8 {
    let depth = depth_of(len);
    let decided = len - depth as u8 * STRIDE;
    (1 << decided) | (nibble(bits, depth) >> (STRIDE - decided)) as u8
}

/// How many of its node's four bits the prefix of a slot decides.
pub(super) fn decided_by(slot: u8) -> u8 {
    // `ilog2()` would panic for 0, in a function that objtool does not know to be one that never
    // returns.
    slot.checked_ilog2().unwrap_or(0) as u8
}

/// For each value of the four bits, the slots of the prefixes that cover it.
const COVERING: [u32; FANOUT] = {
    let mut covering = [0; FANOUT];
    let mut value = 0;
    while value < FANOUT {
        let mut slot = FANOUT | value;
        while slot > 0 {
            covering[value] |= 1 << slot;
            slot /= 2;
        }
        value += 1;
    }
    covering
};

/// One route of a node.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) slot: u8,
    pub(super) metric: u32,
    pub(super) next_hop: Arc<NextHop>,
}

/// The routes of one node. Not changed once published.
///
/// # Invariants
///
/// `entries` is sorted by slot and metric, without equal pairs; `present` has the bits of exactly
/// the slots that occur.
pub(super) struct Routes {
    present: u32,
    entries: KVec<Entry>,
}

impl Routes {
    /// An empty list with room for `capacity` entries.
    pub(super) fn with_capacity(capacity: usize) -> Result<RcuBox<Self>> {
        let entries = KVec::with_capacity(capacity, GFP_KERNEL)?;
        Ok(RcuBox::new(
            Self {
                present: 0,
                entries,
            },
            GFP_KERNEL,
        )?)
    }

    /// Appends an entry that sorts behind those present; the room was allocated before.
    pub(super) fn append(&mut self, entry: Entry) {
        self.present |= 1 << entry.slot;
        // The capacity was counted under the same mutex, so this cannot fail.
        let pushed = self.entries.push_within_capacity(entry);
        debug_assert!(pushed.is_ok());
    }

    /// Appends a copy of `old` in which `entry` is added or takes the place of an equal key.
    pub(super) fn append_with(&mut self, old: &[Entry], entry: Entry) {
        let key = (entry.slot, entry.metric);
        let at = old.partition_point(|other| (other.slot, other.metric) < key);
        let equal = old
            .get(at)
            .is_some_and(|other| (other.slot, other.metric) == key);
        self.append_all(&old[..at]);
        self.append(entry);
        self.append_all(&old[at + usize::from(equal)..]);
    }

    /// Appends a copy of `old` without the entry at index `at`.
    pub(super) fn append_without(&mut self, old: &[Entry], at: usize) {
        self.append_all(&old[..at]);
        self.append_all(&old[at + 1..]);
    }

    fn append_all(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.append(entry.clone());
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of one slot, lowest metric first, and the index of the first.
    pub(super) fn of_slot(&self, slot: u8) -> (usize, &[Entry]) {
        if self.present & (1 << slot) == 0 {
            return (0, &[]);
        }
        let start = self.entries.partition_point(|entry| entry.slot < slot);
        let rest = &self.entries[start..];
        let len = rest.iter().take_while(|entry| entry.slot == slot).count();
        (start, &rest[..len])
    }

    /// The route of the longest prefix that covers `value` of the node's four bits.
    pub(super) fn longest(&self, value: usize) -> Option<&Entry> {
        let slot = (self.present & COVERING[value]).checked_ilog2()?;
        self.of_slot(slot as u8).1.first()
    }

    pub(super) fn footprint(&self) -> Footprint {
        // The list's own head is counted as `rcu_head` plus fields; the allocator's rounding is not.
        Footprint {
            objects: 1,
            bytes: RCU_HEAD + size_of::<Self>() + self.entries.capacity() * size_of::<Entry>(),
        }
    }
}

const RCU_HEAD: usize = 2 * size_of::<usize>();

impl Reclaim for Routes {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        stats::reclaimed(this.footprint());
    }
}

/// A node of the trie.
pub(super) struct Node {
    pub(super) routes: Rcu<Routes>,
    pub(super) children: [Rcu<Node>; FANOUT],
}

impl Node {
    /// A node without routes and children.
    pub(super) fn new() -> Result<RcuBox<Self>> {
        let node = Self {
            routes: Rcu::null(),
            children: [const { Rcu::null() }; FANOUT],
        };
        Ok(RcuBox::new(node, GFP_KERNEL)?)
    }

    /// The node's own memory.
    pub(super) const FOOTPRINT: Footprint = Footprint {
        objects: 1,
        bytes: RCU_HEAD + size_of::<Self>(),
    };

    /// The routes that end in this node.
    pub(super) fn entries<'g>(&'g self, guard: &'g Guard) -> &'g [Entry] {
        self.routes.dereference(guard).map_or(&[], Routes::entries)
    }

    pub(super) fn has_child(&self, guard: &Guard) -> bool {
        self.children
            .iter()
            .any(|child| child.dereference(guard).is_some())
    }

    /// Whether a child other than number `but` is there.
    pub(super) fn has_other_child(&self, but: usize, guard: &Guard) -> bool {
        let mut children = self.children.iter().enumerate();
        children.any(|(number, child)| number != but && child.dereference(guard).is_some())
    }
}

impl Reclaim for Node {
    type Context = Softirq;

    /// Only chains come here, so that the callback is short; see `Trie::remove`.
    fn reclaim(this: RcuBox<Self>) {
        stats::reclaimed(dismantle(this, |_| ()));
    }
}

/// Frees a tree of nodes that no reader can reach, with a fixed amount of stack, and says how much
/// memory it was. `visit` is called with each list of routes before it goes.
pub(super) fn dismantle(top: RcuBox<Node>, mut visit: impl FnMut(&Routes)) -> Footprint {
    let mut path: [Option<RcuBox<Node>>; MAX_DEPTH] = [const { None }; MAX_DEPTH];
    let mut freed = Footprint::default();
    let mut depth = 0;
    path[0] = Some(top);
    while let Some(node) = path[depth].as_mut() {
        if let Some(routes) = node.routes.take() {
            visit(&routes);
            freed.add(routes.footprint());
        }
        if let Some(child) = node.children.iter_mut().find_map(Rcu::take) {
            depth += 1;
            path[depth] = Some(child);
        } else {
            path[depth] = None;
            freed.add(Node::FOOTPRINT);
            depth = depth.saturating_sub(1);
        }
    }
    freed
}

/// Leaves unpublished objects to be reclaimed after a grace period.
pub(super) fn retire<T: Reclaim<Context = Softirq>>(old: Retired<T>, footprint: Footprint) {
    stats::retired(footprint);
    old.call_rcu();
}
