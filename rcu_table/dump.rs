// SPDX-License-Identifier: GPL-2.0

//! Dumps of the table: in order and in pieces, resumed after the key of the last route.
//!
//! Between two pieces no lock is held and no critical section is open, because the dump resumes at
//! a key, not at a pointer. A route that is present throughout appears exactly once. A route that
//! is added or removed meanwhile appears at most once.

use super::{
    node::{depth_of, value_at, Entry, Link, NodeRef, Slot, MAX_DEPTH, STRIDE},
    prefix::{Family, Prefix},
    table::Table,
    trie::place_of,
    Guard, Route,
};
use crate::rcu::read_lock;
use kernel::prelude::*;

/// The key of a route. A dump is sorted by it.
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

/// The routes that a dump contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All routes, IPv4 before IPv6.
    All,
    /// The routes of one family.
    Family(Family),
    /// The routes with exactly this prefix.
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

/// A node on the path of a walk, with the position of the walk in it.
#[derive(Clone, Copy)]
struct Level<'g> {
    node: NodeRef<'g>,
    /// The number of the next route.
    route: usize,
    /// The lowest value of the next child; `None` after the last child.
    child: Option<u8>,
}

impl<'g> Level<'g> {
    fn new(node: NodeRef<'g>) -> Self {
        Self {
            node,
            route: 0,
            child: Some(0),
        }
    }

    /// Returns the next child and its value.
    fn next_child(&self) -> Option<(u8, &'g Link)> {
        self.node.child_from(self.child?)
    }
}

/// A depth-first walk, in the order of the dump.
struct Walk<'g> {
    table: &'g Table,
    family: Family,
    guard: &'g Guard,
    path: [Option<Level<'g>>; MAX_DEPTH + 1],
    depth: usize,
    /// The walk skips this key and all before it.
    after: Option<Key>,
}

impl<'g> Walk<'g> {
    fn new(
        table: &'g Table,
        root: &'g Link,
        family: Family,
        after: Option<Key>,
        guard: &'g Guard,
    ) -> Self {
        let mut walk = Self {
            table,
            family,
            guard,
            path: [None; MAX_DEPTH + 1],
            depth: 0,
            after,
        };
        walk.path[0] = root.get(guard).map(Level::new);
        if let Some(key) = after {
            walk.seek(&key.prefix);
        }
        walk
    }

    /// Descends towards the prefix as far as nodes exist, and skips everything before it.
    fn seek(&mut self, prefix: &Prefix) {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        while let Some(level) = &mut self.path[self.depth] {
            let node = level.node;
            if node.depth() >= target {
                let slot = Slot::of(bits, prefix.len());
                // A node that is not above the prefix is walked from its start.
                if node.depth() == target && node.is_above(bits) {
                    level.route = node.position(slot);
                    level.child = Some(slot.first());
                }
                return;
            }
            let value = value_at(bits, node.depth());
            level.route = node.position(Slot::deciding(value, STRIDE));
            level.child = Some(value);
            let child = node
                .step(value)
                .child
                .and_then(|child| child.get(self.guard));
            let Some(child) = child.filter(|child| child.is_above(bits)) else {
                return;
            };
            if child.depth() > target {
                return;
            }
            level.child = value.checked_add(1);
            self.enter(child);
        }
    }

    fn enter(&mut self, child: NodeRef<'g>) {
        self.depth += 1;
        self.path[self.depth] = Some(Level::new(child));
    }

    /// Appends routes to `out` up to its capacity. Returns whether more may follow.
    fn collect(&mut self, out: &mut KVec<Route>) -> bool {
        while let Some(level) = self.path[self.depth] {
            let child = level.next_child();
            let route = level.node.route(level.route);
            // A prefix whose first value is the child's comes before every prefix in the child.
            let last = child.map_or(u8::MAX, |(value, _)| value);
            let route = route.filter(|entry| entry.slot.first() <= last);
            if let Some(entry) = route {
                if !self.collect_one(level.node, &entry, out) {
                    return true;
                }
                self.path[self.depth] = Some(Level {
                    route: level.route + 1,
                    ..level
                });
            } else if let Some((value, child)) = child {
                self.path[self.depth] = Some(Level {
                    child: value.checked_add(1),
                    ..level
                });
                if let Some(child) = child.get(self.guard) {
                    self.enter(child);
                }
            } else {
                let Some(above) = self.depth.checked_sub(1) else {
                    return false;
                };
                self.depth = above;
            }
        }
        false
    }

    /// Appends a route that comes after [`Self::after`]. Returns false if `out` is full.
    fn collect_one(&self, node: NodeRef<'g>, entry: &Entry, out: &mut KVec<Route>) -> bool {
        let within = u128::from(entry.slot.first()) << (120 - u32::from(node.depth() * STRIDE));
        let len = node.depth() * STRIDE + entry.slot.bits();
        let prefix = Prefix::covering(self.family, node.key() | within, len);
        let key = Key {
            prefix,
            metric: entry.metric,
        };
        if self.after.is_some_and(|after| key <= after) {
            return true;
        }
        let Some(next_hop) = self.table.next_hops.get(entry.hop, self.guard) else {
            return true;
        };
        out.push_within_capacity(Route {
            prefix,
            metric: entry.metric,
            next_hop,
        })
        .is_ok()
    }
}

impl Table {
    /// Appends the routes of `selector` after the key `after`, in order, up to the capacity of
    /// `out`. If room is left, no routes follow.
    ///
    /// Context: any; allocates nothing.
    pub fn dump(&self, selector: Selector, after: Option<Key>, out: &mut KVec<Route>) {
        let guard = read_lock();
        let Some(roots) = self.snapshot(&guard).roots() else {
            return;
        };
        if let Selector::Prefix(prefix) = selector {
            let root = roots.of(prefix.family());
            self.dump_prefix(root, &prefix, after, &guard, out);
            return;
        }
        for family in Family::ALL {
            let is_past = after.is_some_and(|key| key.prefix.family() > family);
            if !selector.has(family) || is_past {
                continue;
            }
            let after = after.filter(|key| key.prefix.family() == family);
            if Walk::new(self, roots.of(family), family, after, &guard).collect(out) {
                return;
            }
        }
    }

    fn dump_prefix<'g>(
        &'g self,
        root: &'g Link,
        prefix: &Prefix,
        after: Option<Key>,
        guard: &'g Guard,
        out: &mut KVec<Route>,
    ) {
        let Some((node, slot)) = place_of(root, prefix, |link| link.get(guard)) else {
            return;
        };
        let mut walk = Walk::new(self, root, prefix.family(), None, guard);
        walk.after = after;
        for entry in node
            .routes_from(node.position(slot))
            .take_while(|entry| entry.slot == slot)
        {
            if !walk.collect_one(node, &entry, out) {
                return;
            }
        }
    }
}
