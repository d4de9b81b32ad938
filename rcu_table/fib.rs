// SPDX-License-Identifier: GPL-2.0

//! The forwarding information base (FIB): the memory that lookups read. It holds all routes, so
//! updaters, dumps and exact queries read the same memory.
//!
//! # Layout
//!
//! ```text
//!  Roots                      page                        node, narrow
//!  ┌ IPv4 ─ 256 slots ┐  ┌──► ┌ 256 slots ┐  ┌── slots of children, 16 × child, the first one last
//!  │ link ────────────┼──┘    │ link ─────┼──┴►┌ a cache line ─────────────────────────────┐
//!  │ best, 4 bytes    │       │ best      │    │ 32  a bit for each value: a run starts    │
//!  ├ IPv6 ─ 256 slots ┤       │           │    │  4  the runs before each 64 values        │
//!  │ …                │       └───────────┘    │  2  × run: number, or CHILD and its index │
//!  └──────────────────┘                        ├ the same line if there are up to 8 runs ──┤
//!                                              │  1  × run: length of the route's prefix   │
//!  A wide node has runs of 4 bytes.            │  1  mark of a node in quarantine          │
//!                                              │  2  number of hidden routes               │
//!                                              │ 16  IPv6: the address bits of the node    │
//!                                              │  6  × hidden route: prefix, number        │
//!                                              └───────────────────────────────────────────┘
//! ```
//!
//! Each level decides eight bits of the address: the root the first byte, a page the second, nodes
//! all others. A slot or a run holds the *number* of an [answer](super::answers): the next hop and
//! the metric. A value is in one run: a range of values with the same route, or with one child.
//!
//! A slot's `best` names the route that serves its addresses unless something below it does. So a
//! prefix is stored only at the level that decides its last bit, and readers keep the last number
//! that is not 0. The default route is stored in those slots of the root that no other route of up
//! to eight bits covers.
//!
//! # Where the routes are
//!
//! There is no second structure of routes. The best route of a value and its length name a prefix:
//! the prefix of that length around the value. Two kinds of routes are the best route of no value.
//! Longer prefixes of the same level cover the whole prefix of the first kind. The second kind has
//! another route of its prefix with a lower metric. Both kinds are the [hidden](hidden) routes of
//! the level. A node has its hidden routes at its end. A page or root has a list, whose address is
//! in the `mark`s of the slots.
//!
//! Most changes [copy](splice) a node with up to three new runs. All other changes read one level
//! into a [blueprint] and change it there. Then they [publish](edit) the new node, or the changed
//! words of a page. So a change loads the lines of a lookup, and the rest of one node.
//!
//! # A lookup, with its loads
//!
//! ```text
//!  1  Table::roots                        hot
//!  2  root slot: link, best               4 KiB a family: hot
//!  3  page slot: link, best               one line
//!  4  node: starts, count, run            one line; two, at once, for a run after the 14th
//!  5  child slot: link, best              only for prefixes longer than 24 bits, one line each
//!  6  child node: starts, count, run      one line
//!  7  answer: next hop                    one line, at base + 40 × number
//! ```
//!
//! A slot without child links to a node without routes, so no branch depends on whether a child
//! exists. The only unpredictable branch is "child?", after load 4. IPv6 repeats loads 5 and 6. It
//! leaves out each node that has no routes and one child. The four lowest bits of a link count the
//! nodes left out. If there are any, the reader compares the address with the next node's bits.
//!
//! # Changes
//!
//! | change | stores that readers see | allocates |
//! |---|---|---|
//! | prefix of up to 16 bits | `best` of at most 256 slots, each one store | its page if it is the first; hidden routes if they change |
//! | longer prefix | one link, to a copy of the node | the node |
//! | first, last or branching prefix | one link, to the new part or to what remains | the new nodes |
//! | transaction, batch, reload, flush | the pointer to the roots | roots, and the path to each change |
//!
//! Each address depends on one word of each change, so every reader sees the old route or the new
//! one. The updater builds all memory before its first store; without memory readers and updaters
//! see nothing of the change.
//!
//! A transaction owns the copies that it has made. It marks their links with a bit, and clears that
//! bit before it publishes the roots. It changes a copy in place if the copy's memory suffices, and
//! frees a copy that it replaces again.
//!
//! Of a published node only the slots of its children and its mark change. Replaced nodes wait for
//! a grace period in a [batch](retired), so they have no `rcu_head`.
//!
//! # Bounds
//!
//! A node has at most 256 runs and 256 children: 4.8 KiB narrow, 5.3 KiB wide, and six bytes for
//! each hidden route. A change copies one node, and builds at most a page, a leaf and the branch
//! above it (IPv4: two nodes). A removal can unlink a leaf, the node above it and their page.
//!
//! All `unsafe` code of the table is in this folder. It relies on the rest of the table to retire
//! only unlinked nodes, and to change the FIB only under the table's mutex.

mod blueprint;
mod bulk;
mod edit;
mod grow;
mod hidden;
mod level;
mod lookup;
mod node;
mod node_at;
mod object;
mod record;
mod retired;
mod roots;
mod splice;
mod word;

pub(super) use blueprint::{Blueprint, Edit};
pub(super) use edit::{Editor, Growth, Owner, MAX_UNLINKED};
pub(super) use hidden::Position;
pub(super) use level::{Level, Prefixes};
pub(super) use lookup::{Best, Lookup};
pub(super) use node::NodeRef;
pub(super) use object::{gfp, Fib};
pub(super) use record::{Record, Records, NO_NUMBER};
pub use retired::QuarantinedBatch;
pub(super) use retired::{poison, Account, Fate, Retirees};
pub(super) use roots::{RootsBox, RootsPointer};
pub(super) use word::ChangeCount;

use core::sync::atomic::AtomicU32;
use word::{NumberWord, PointerWord};

/// The bits that one level decides.
pub(super) const STRIDE: u8 = 8;

/// The most levels on a path.
pub(super) const MAX_DEPTH: usize = 16;

/// The values that a level distinguishes.
pub(super) const VALUES: usize = 256;

/// The largest number of an answer. The other bits of a `best` hold the prefix's length.
pub(super) const MAX_NUMBER: u32 = (1 << 24) - 1;

/// Returns the depth of the level that decides the last bit of a prefix.
pub(super) const fn depth_of(len: u8) -> u8 {
    len.saturating_sub(1) / STRIDE
}

/// Returns the value of `bits` that the level at `depth` decides.
#[inline(always)]
pub(super) const fn value_at(bits: u128, depth: u8) -> u8 {
    ((bits << (depth * STRIDE)) >> (128 - STRIDE as u32)) as u8
}

/// Returns the number of leading bytes that two addresses have in common.
pub(super) const fn common_depth(one: u128, other: u128) -> u8 {
    ((one ^ other).leading_zeros() / STRIDE as u32) as u8
}

/// The place of a child and of the route that covers the child's addresses.
#[repr(C)]
struct Slot {
    link: PointerWord<u8>,
    best: NumberWord,
    /// A word that no lookup reads. The marks of all slots of a page or root together hold data of
    /// the updater and of torture; `object.rs` assigns them.
    mark: AtomicU32,
}

impl Slot {
    #[inline(always)]
    fn link(&self) -> *mut u8 {
        self.link.load()
    }

    #[inline(always)]
    fn best(&self) -> Best {
        Best(self.best.load())
    }

    fn set_link(&self, link: *mut u8) {
        self.link.store(link);
    }

    fn set_best(&self, best: Best) {
        self.best.store(best.0);
    }
}

/// The slots of a page, or of one family's root.
#[repr(C, align(64))]
pub(super) struct Slots([Slot; VALUES]);

/// The roots of both families.
#[repr(C)]
pub(super) struct Roots([Slots; 2]);

/// A node without routes. Its only run has the number 0.
#[repr(C, align(64))]
struct NoNode {
    starts: [u64; 4],
    before: [u8; 4],
    rest: [u8; 28],
}

static NO_NODE: NoNode = NoNode {
    starts: [1, 0, 0, 0],
    before: [0, 1, 1, 1],
    rest: [0; 28],
};

/// A page without routes and without children.
static NO_PAGE: Slots = Slots(
    [const {
        Slot {
            link: PointerWord::new((&raw const NO_NODE).cast_mut().cast()),
            best: NumberWord::new(0),
            mark: AtomicU32::new(0),
        }
    }; VALUES],
);
