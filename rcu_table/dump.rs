// SPDX-License-Identifier: GPL-2.0

//! Dumping the table: in order, in pieces, resumable from the last route's key.
//!
//! Between two pieces no lock is held and no critical section is open; the key, not a pointer, says
//! where to go on. So a route that is present throughout appears exactly once, one that comes or
//! goes meanwhile at most once.

use super::{
    node::{decided_by, depth_of, nibble, slot_of, Node, MAX_DEPTH, STRIDE},
    prefix::{mask, Family, Prefix},
    table::Table,
    trie::Trie,
    Guard, Route,
};
use crate::rcu::read_lock;
use kernel::prelude::*;

/// What identifies a route, and the order of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The prefix.
    pub prefix: Prefix,
    /// The metric.
    pub metric: u32,
}

impl From<&Route> for Key {
    fn from(route: &Route) -> Self {
        Self {
            prefix: route.prefix,
            metric: route.metric,
        }
    }
}

/// Which routes a dump has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All, IPv4 before IPv6.
    All,
    /// Those of one family.
    Family(Family),
    /// Those with exactly this prefix.
    Prefix(Prefix),
}

impl Selector {
    fn has(&self, family: Family) -> bool {
        match self {
            Selector::All => true,
            Selector::Family(wanted) => *wanted == family,
            Selector::Prefix(prefix) => prefix.family() == family,
        }
    }
}

/// Children, numbered behind the slots.
const CHILD: u8 = 32;
const ITEMS: usize = 31 + 16;

/// The slots and children of a node by ascending prefix: before each child, the prefixes that start
/// where it starts, shortest first.
const ORDER: [u8; ITEMS] = {
    let mut order = [0; ITEMS];
    let mut at = 0;
    let mut value: u8 = 0;
    while value < 16 {
        let mut bits = 0;
        while bits <= STRIDE {
            if value % (1 << (STRIDE - bits)) == 0 {
                order[at] = (1 << bits) | (value >> (STRIDE - bits));
                at += 1;
            }
            bits += 1;
        }
        order[at] = CHILD + value;
        at += 1;
        value += 1;
    }
    order
};

/// Where an item stands in [`ORDER`].
const POSITION: [u8; CHILD as usize + 16] = {
    let mut position = [0; CHILD as usize + 16];
    let mut at = 0;
    while at < ITEMS {
        position[ORDER[at] as usize] = at as u8;
        at += 1;
    }
    position
};

/// A depth-first walk, in the order of the dump.
struct Walk<'g> {
    family: Family,
    guard: &'g Guard,
    path: [Option<(&'g Node, u8)>; MAX_DEPTH],
    depth: usize,
    /// The path's part of the address; what lies below `depth` is left over.
    bits: u128,
    /// The key to go on behind.
    after: Option<Key>,
}

impl<'g> Walk<'g> {
    fn new(trie: &'g Trie, after: Option<Key>, guard: &'g Guard) -> Self {
        let mut walk = Self {
            family: trie.family,
            guard,
            path: [None; MAX_DEPTH],
            depth: 0,
            bits: 0,
            after,
        };
        walk.path[0] = trie.root.dereference(guard).map(|root| (root, 0));
        if let Some(key) = after {
            walk.seek(&key.prefix);
        }
        walk
    }

    /// Goes down towards the prefix as far as there are nodes, and stands at it or behind.
    fn seek(&mut self, prefix: &Prefix) {
        let bottom = depth_of(prefix.len());
        while let Some((node, at)) = &mut self.path[self.depth] {
            if self.depth == bottom {
                *at = POSITION[usize::from(slot_of(prefix.bits(), prefix.len()))];
                return;
            }
            let value = nibble(prefix.bits(), self.depth);
            *at = POSITION[usize::from(CHILD) + value] + 1;
            let Some(child) = node.children[value].dereference(self.guard) else {
                return;
            };
            self.enter(value as u8, child);
        }
    }

    fn enter(&mut self, value: u8, child: &'g Node) {
        self.bits = self.bits_with(value, STRIDE);
        self.depth += 1;
        self.path[self.depth] = Some((child, 0));
    }

    /// The address of the path with the top `decided` bits of the next four.
    fn bits_with(&self, value: u8, decided: u8) -> u128 {
        let len = self.depth as u8 * STRIDE;
        let above = self.bits & mask(len);
        // For the default route, of which nothing is decided, the value is 0 and the shift 128.
        let below = u128::from(value).checked_shl(128 - u32::from(len) - u32::from(decided));
        above | below.unwrap_or(0)
    }

    /// Appends routes to `out` up to its capacity; says whether more may follow.
    fn collect(&mut self, out: &mut KVec<Route>) -> bool {
        while let Some((node, at)) = self.path[self.depth] {
            let Some(&item) = ORDER.get(usize::from(at)) else {
                let Some(parent) = self.depth.checked_sub(1) else {
                    return false;
                };
                self.depth = parent;
                continue;
            };
            if item < CHILD && !self.collect_slot(node, item, out) {
                return true;
            }
            self.path[self.depth] = Some((node, at + 1));
            if item >= CHILD {
                let value = item - CHILD;
                if let Some(child) = node.children[usize::from(value)].dereference(self.guard) {
                    self.enter(value, child);
                }
            }
        }
        false
    }

    /// Appends the routes of one prefix; says whether all of them fitted.
    fn collect_slot(&self, node: &Node, slot: u8, out: &mut KVec<Route>) -> bool {
        let Some(routes) = node.routes.dereference(self.guard) else {
            return true;
        };
        let decided = decided_by(slot);
        let bits = self.bits_with(slot - (1 << decided), decided);
        let prefix = Prefix::covering(self.family, bits, self.depth as u8 * STRIDE + decided);
        for entry in routes.of_slot(slot).1 {
            let route = Route {
                prefix,
                metric: entry.metric,
                next_hop: *entry.next_hop,
            };
            if self.after.is_some_and(|after| Key::from(&route) <= after) {
                continue;
            }
            if out.push_within_capacity(route).is_err() {
                return false;
            }
        }
        true
    }
}

impl Table {
    /// Appends to `out`, up to the capacity it has, the routes that `selector` names and that come
    /// behind `after`, in order. Fewer than fit means that there are no more.
    ///
    /// Context: any; allocates nothing.
    pub fn dump(&self, selector: Selector, after: Option<Key>, out: &mut KVec<Route>) {
        let guard = read_lock();
        if let Selector::Prefix(prefix) = selector {
            self.dump_prefix(&prefix, after, &guard, out);
            return;
        }
        for trie in [&self.inet, &self.inet6] {
            let behind = after.is_some_and(|key| key.prefix.family() > trie.family);
            if !selector.has(trie.family) || behind {
                continue;
            }
            let after = after.filter(|key| key.prefix.family() == trie.family);
            if Walk::new(trie, after, &guard).collect(out) {
                return;
            }
        }
    }

    fn dump_prefix(
        &self,
        prefix: &Prefix,
        after: Option<Key>,
        guard: &Guard,
        out: &mut KVec<Route>,
    ) {
        let mut walk = Walk::new(self.trie(prefix.family()), None, guard);
        walk.after = after;
        walk.seek(prefix);
        let slot = slot_of(prefix.bits(), prefix.len());
        match walk.path[walk.depth] {
            Some((node, _)) if walk.depth == depth_of(prefix.len()) => {
                walk.collect_slot(node, slot, out);
            }
            _ => (),
        }
    }
}
