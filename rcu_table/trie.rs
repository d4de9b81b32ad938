// SPDX-License-Identifier: GPL-2.0

//! The trie of one family: lookup for readers, insert and remove for the one updater.

use super::{
    node::{self, decided_by, depth_of, nibble, retire, slot_of, Entry, Node, Routes, STRIDE},
    prefix::{Family, Prefix},
    route::Route,
    stats::Footprint,
    NextHop,
};
use crate::{
    rcu::{read_lock, Guard, Rcu, RcuBox},
    sched,
};
use kernel::prelude::*;

/// A multibit trie with a stride of four bits.
pub(super) struct Trie {
    pub(super) family: Family,
    pub(super) root: Rcu<Node>,
}

/// What an insert has to allocate, found before it changes anything.
pub(super) struct InsertPlan {
    /// Nodes between the trie and the prefix's node, that one included, that are not there yet.
    missing: usize,
    /// Routes in the prefix's node.
    entries: usize,
    /// The next hop of the route with the same key.
    pub(super) replaced: Option<NextHop>,
}

/// What an insert publishes with its one store.
enum Prepared {
    /// A new list for a node that is there.
    Routes(RcuBox<Routes>),
    /// The missing nodes, with the new route in the last.
    Nodes(RcuBox<Node>),
}

/// What a remove has to allocate, found before it changes anything.
pub(super) struct RemovePlan {
    /// The route's index among its node's.
    index: usize,
    /// Routes in the prefix's node.
    entries: usize,
    /// Whether the node is left without a purpose.
    prune: bool,
    /// The route's next hop.
    pub(super) removed: NextHop,
}

/// How much memory came into use and went out of it.
#[derive(Default)]
pub(super) struct Change {
    pub(super) added: Footprint,
    pub(super) retired: Footprint,
}

/// Where the prefix of a removal lives.
struct Place<'g> {
    node: &'g Node,
    /// The topmost pointer below which only this prefix's node hangs.
    cut: &'g Rcu<Node>,
}

/// Routes freed in one go before other tasks get their turn.
const BATCH: usize = 512;

impl Trie {
    pub(super) const fn new(family: Family) -> Self {
        Self {
            family,
            root: Rcu::null(),
        }
    }

    /// The route with the longest prefix that covers the address `bits`.
    pub(super) fn lookup(&self, bits: u128, guard: &Guard) -> Option<Route> {
        let mut best = None;
        let mut slot = &self.root;
        let mut depth = 0;
        while let Some(node) = slot.dereference(guard) {
            let value = nibble(bits, depth);
            let routes = node.routes.dereference(guard);
            if let Some(entry) = routes.and_then(|routes| routes.longest(value)) {
                best = Some((depth, entry));
            }
            match node.children.get(value) {
                Some(child) => slot = child,
                None => break,
            }
            depth += 1;
        }
        let (depth, entry) = best?;
        let len = depth as u8 * STRIDE + decided_by(entry.slot);
        Some(Route {
            prefix: Prefix::covering(self.family, bits, len),
            metric: entry.metric,
            next_hop: *entry.next_hop,
        })
    }

    /// The pointer to the prefix's node, or the null pointer where the way to it ends, and its depth.
    fn slot_for<'g>(&'g self, prefix: &Prefix, guard: &'g Guard) -> (&'g Rcu<Node>, usize) {
        let mut slot = &self.root;
        for depth in 0..depth_of(prefix.len()) {
            match slot.dereference(guard) {
                Some(node) => slot = &node.children[nibble(prefix.bits(), depth)],
                None => return (slot, depth),
            }
        }
        (slot, depth_of(prefix.len()))
    }

    pub(super) fn plan_insert(&self, prefix: &Prefix, metric: u32, guard: &Guard) -> InsertPlan {
        let (slot, depth) = self.slot_for(prefix, guard);
        let Some(node) = slot.dereference(guard) else {
            return InsertPlan {
                missing: depth_of(prefix.len()) - depth + 1,
                entries: 0,
                replaced: None,
            };
        };
        let key = (slot_of(prefix.bits(), prefix.len()), metric);
        let entries = node.entries(guard);
        let same = entries
            .iter()
            .find(|entry| (entry.slot, entry.metric) == key);
        InsertPlan {
            missing: 0,
            entries: entries.len(),
            replaced: same.map(|entry| *entry.next_hop),
        }
    }

    /// Adds the route, or exchanges the one with the same key. The caller holds the updaters' mutex
    /// since it made `plan`. Fails with `ENOMEM` only, and then nothing has changed.
    pub(super) fn insert(
        &self,
        plan: &InsertPlan,
        prefix: &Prefix,
        metric: u32,
        next_hop: kernel::sync::Arc<NextHop>,
    ) -> Result<Change> {
        let slot = slot_of(prefix.bits(), prefix.len());
        let entry = Entry {
            slot,
            metric,
            next_hop,
        };
        let mut change = Change::default();
        let prepared = if plan.missing == 0 {
            let more = usize::from(plan.replaced.is_none());
            Prepared::Routes(Routes::with_capacity(plan.entries + more)?)
        } else {
            let (nodes, footprint) = nodes_down_to(prefix, plan.missing, &entry)?;
            change.added = footprint;
            Prepared::Nodes(nodes)
        };

        let guard = read_lock();
        let (slot, _) = self.slot_for(prefix, &guard);
        match (prepared, slot.dereference(&guard)) {
            (Prepared::Routes(mut routes), Some(node)) => {
                routes.append_with(node.entries(&guard), entry);
                change.added = routes.footprint();
                change.retired = publish_routes(node, Some(routes), &guard);
            }
            (Prepared::Nodes(nodes), _) => drop(slot.replace(Some(nodes))),
            // The mutex keeps the node where the plan saw it.
            (Prepared::Routes(_), None) => debug_assert!(false),
        }
        Ok(change)
    }

    fn place_of<'g>(&'g self, prefix: &Prefix, guard: &'g Guard) -> Option<Place<'g>> {
        let mut cut = &self.root;
        let mut node = self.root.dereference(guard)?;
        for depth in 0..depth_of(prefix.len()) {
            let value = nibble(prefix.bits(), depth);
            let child = &node.children[value];
            if !node.entries(guard).is_empty() || node.has_other_child(value, guard) {
                cut = child;
            }
            node = child.dereference(guard)?;
        }
        Some(Place { node, cut })
    }

    /// The route with the prefix that has the lowest metric of those that `wanted` accepts.
    pub(super) fn plan_remove(
        &self,
        prefix: &Prefix,
        wanted: impl Fn(&Entry) -> bool,
        guard: &Guard,
    ) -> Option<RemovePlan> {
        let node = self.place_of(prefix, guard)?.node;
        let routes = node.routes.dereference(guard)?;
        let (start, candidates) = routes.of_slot(slot_of(prefix.bits(), prefix.len()));
        let at = candidates.iter().position(wanted)?;
        let entries = routes.entries().len();
        Some(RemovePlan {
            index: start + at,
            entries,
            prune: entries == 1 && !node.has_child(guard),
            removed: *candidates[at].next_hop,
        })
    }

    /// Removes the route. The caller holds the updaters' mutex since it made `plan`. Fails with
    /// `ENOMEM` only, and then nothing has changed.
    pub(super) fn remove(&self, plan: &RemovePlan, prefix: &Prefix) -> Result<Change> {
        let mut rest = match plan.entries {
            1 => None,
            entries => Some(Routes::with_capacity(entries - 1)?),
        };
        let mut change = Change::default();
        let guard = read_lock();
        let Some(place) = self.place_of(prefix, &guard) else {
            // The mutex keeps the route where the plan saw it.
            debug_assert!(false);
            return Ok(change);
        };
        if plan.prune {
            change.retired = chain_footprint(place.cut, &guard);
            if let Some(chain) = place.cut.replace(None) {
                retire(chain, change.retired);
            }
        } else {
            if let Some(rest) = &mut rest {
                rest.append_without(place.node.entries(&guard), plan.index);
                change.added = rest.footprint();
            }
            change.retired = publish_routes(place.node, rest, &guard);
        }
        Ok(change)
    }

    /// Removes all routes with one store, waits for the readers and frees them; calls `visit` with
    /// each route's next hop.
    ///
    /// Context: may sleep.
    pub(super) fn clear(&self, mut visit: impl FnMut(&NextHop)) -> Footprint {
        let Some(tree) = self.root.replace(None) else {
            return Footprint::default();
        };
        dismantle_politely(tree.synchronize(), |routes| {
            routes
                .entries()
                .iter()
                .for_each(|entry| visit(&entry.next_hop));
        })
    }
}

impl Drop for Trie {
    fn drop(&mut self) {
        if let Some(tree) = self.root.take() {
            dismantle_politely(tree, |_| ());
        }
    }
}

/// Frees a whole tree without keeping a CPU to itself.
fn dismantle_politely(tree: RcuBox<Node>, mut visit: impl FnMut(&Routes)) -> Footprint {
    let mut freed = 0;
    node::dismantle(tree, |routes| {
        visit(routes);
        freed += 1;
        if freed % BATCH == 0 {
            sched::yield_now();
        }
    })
}

/// Exchanges a node's list of routes and retires the old one; says how much memory that was.
fn publish_routes(node: &Node, new: Option<RcuBox<Routes>>, guard: &Guard) -> Footprint {
    let old = node
        .routes
        .dereference(guard)
        .map(Routes::footprint)
        .unwrap_or_default();
    if let Some(retired) = node.routes.replace(new) {
        retire(retired, old);
    }
    old
}

/// The `count` lowest nodes on the way to the prefix, unpublished, with its route in the last.
fn nodes_down_to(
    prefix: &Prefix,
    count: usize,
    entry: &Entry,
) -> Result<(RcuBox<Node>, Footprint)> {
    let mut routes = Routes::with_capacity(1)?;
    routes.append(entry.clone());
    let mut footprint = routes.footprint();
    let mut top = Node::new()?;
    top.routes = Rcu::new(routes);
    footprint.add(Node::FOOTPRINT);

    let bottom = depth_of(prefix.len());
    for depth in (bottom + 1 - count..bottom).rev() {
        let mut parent = match Node::new() {
            Ok(parent) => parent,
            Err(error) => {
                node::dismantle(top, |_| ());
                return Err(error);
            }
        };
        parent.children[nibble(prefix.bits(), depth)] = Rcu::new(top);
        footprint.add(Node::FOOTPRINT);
        top = parent;
    }
    Ok((top, footprint))
}

/// The memory of a chain: nodes with one child each, and the last one's routes.
fn chain_footprint<'g>(mut slot: &'g Rcu<Node>, guard: &'g Guard) -> Footprint {
    let mut sum = Footprint::default();
    while let Some(node) = slot.dereference(guard) {
        sum.add(Node::FOOTPRINT);
        if let Some(routes) = node.routes.dereference(guard) {
            sum.add(routes.footprint());
        }
        match node
            .children
            .iter()
            .find(|child| child.dereference(guard).is_some())
        {
            Some(child) => slot = child,
            None => break,
        }
    }
    sum
}
