// SPDX-License-Identifier: GPL-2.0

//! Dumping the table: in order, in pieces, resumable from the last route's key.
//!
//! Between two pieces no lock is held and no critical section is open; the key, not a pointer, says
//! where to go on. So a route that is present throughout appears exactly once, one that comes or
//! goes meanwhile at most once.

use super::{
    node::{depth_of, value_at, Entry, Link, NodeRef, Slot, MAX_DEPTH, STRIDE},
    prefix::{Family, Prefix},
    table::Table,
    trie::place_of,
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

/// A node on the way of a walk, and what of it comes next.
#[derive(Clone, Copy)]
struct Level<'g> {
    node: NodeRef<'g>,
    /// Number of the next route.
    route: usize,
    /// Value from which to look for the next child; `None` behind the last.
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

    /// The next child, and its value.
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
    /// The key to go on behind.
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

    /// Goes down towards the prefix as far as there are nodes, and skips what comes before it.
    fn seek(&mut self, prefix: &Prefix) {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        while let Some(level) = &mut self.path[self.depth] {
            let node = level.node;
            if node.depth() >= target {
                let slot = Slot::of(bits, prefix.len());
                // A node that is not on the way to the prefix is walked from its beginning.
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

    /// Appends routes to `out` up to its capacity; says whether more may follow.
    fn collect(&mut self, out: &mut KVec<Route>) -> bool {
        while let Some(level) = self.path[self.depth] {
            let child = level.next_child();
            let route = level.node.route(level.route);
            // Prefixes that begin where a child does come before all that is in it.
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

    /// Appends a route, unless it comes before those that are wanted; says whether it fitted.
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
    /// Appends to `out`, up to the capacity it has, the routes that `selector` names and that come
    /// behind `after`, in order. Fewer than fit means that there are no more.
    ///
    /// Context: any; allocates nothing.
    pub fn dump(&self, selector: Selector, after: Option<Key>, out: &mut KVec<Route>) {
        let guard = read_lock();
        let Some(roots) = self.published_to_readers(&guard) else {
            return;
        };
        if let Selector::Prefix(prefix) = selector {
            let root = roots.of(prefix.family());
            self.dump_prefix(root, &prefix, after, &guard, out);
            return;
        }
        for family in Family::ALL {
            let behind = after.is_some_and(|key| key.prefix.family() > family);
            if !selector.has(family) || behind {
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
