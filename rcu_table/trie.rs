// SPDX-License-Identifier: GPL-2.0

//! The trie: how updates change it.
//!
//! IPv4 has a node for each byte on the path to a prefix. IPv6 leaves out nodes without routes and
//! with one child. A node stores the address bits that lead to it, so an isolated /128 costs one
//! node.
//!
//! Each change publishes its new nodes by one store. The store replaces the changed node, or the
//! topmost node that the change makes superfluous.

use super::{
    node::{
        common_depth, depth_of, value_at, Blueprint, CopiedNodes, Entry, Exclusive, Link, NewChain,
        NewNode, NodeRef, Runs, Slot, UnlinkedNodes, MAX_DEPTH,
    },
    stats::Footprint,
    Family, Prefix,
};
use kernel::prelude::*;

/// The maximum number of routes of one prefix, with different metrics. It bounds a node's size.
pub(super) const MAX_METRICS: usize = 64;

/// Returns whether a node is flat. Nodes at the top are, because all lookups visit them and they
/// are few. Nodes below are flat if they have many children.
const fn is_flat(family: Family, depth: u8, runs: usize, children: usize) -> bool {
    match (family, depth) {
        (_, 0) => true,
        (Family::Inet, 1) | (Family::Inet6, 1 | 2) => runs + children >= 48,
        (Family::Inet, _) => children >= 96,
        (Family::Inet6, _) => false,
    }
}

/// Returns whether a trie leaves out nodes without routes and with one child.
pub(super) const fn skips(family: Family) -> bool {
    matches!(family, Family::Inet6)
}

/// A change of one trie, in progress.
pub(super) struct Edit<'u> {
    pub(super) family: Family,
    pub(super) exclusive: &'u Exclusive,
    pub(super) runs: &'u mut Runs,
    /// The nodes that the change makes superfluous.
    pub(super) unlinked_nodes: &'u mut UnlinkedNodes,
    /// In a transaction, the published nodes that it has copied.
    pub(super) copied_nodes: Option<&'u mut CopiedNodes>,
    pub(super) balance: Balance,
}

/// The memory that a change adds and removes.
#[derive(Clone, Copy, Default)]
pub(super) struct Balance {
    pub(super) added: Footprint,
    pub(super) removed: Footprint,
}

/// Returns the node of a prefix, if present, and the prefix's slot in it. `follow` loads a link.
pub(super) fn place_of<'a>(
    root: &'a Link,
    prefix: &Prefix,
    follow: impl Fn(&'a Link) -> Option<NodeRef<'a>>,
) -> Option<(NodeRef<'a>, Slot)> {
    let target = depth_of(prefix.len());
    let mut node = follow(root)?;
    while node.depth() < target {
        node = follow(node.step(value_at(prefix.bits(), node.depth())).child?)?;
    }
    let slot = Slot::of(prefix.bits(), prefix.len());
    (node.depth() == target && node.is_above(prefix.bits())).then_some((node, slot))
}

/// Returns the route of a prefix that `wanted` accepts, the lowest metric first, and its number in
/// its node.
pub(super) fn find_route(
    root: &Link,
    prefix: &Prefix,
    exclusive: &Exclusive,
    wanted: impl Fn(&Entry) -> bool,
) -> Option<(usize, Entry)> {
    let (node, slot) = place_of(root, prefix, |link| link.peek(exclusive))?;
    let first = node.position(slot);
    node.routes_from(first)
        .take_while(|entry| entry.slot == slot)
        .enumerate()
        .find(|(_, entry)| wanted(entry))
        .map(|(number, entry)| (first + number, entry))
}

impl<'u> Edit<'u> {
    fn build(&mut self, blueprint: &Blueprint<'_>) -> Result<NewNode> {
        let is_flat = |runs, children| is_flat(self.family, blueprint.depth, runs, children);
        let fresh = self.copied_nodes.is_some();
        let node = blueprint.build(self.runs, is_flat, fresh, self.exclusive)?;
        self.balance.added.add(node.footprint());
        Ok(node)
    }

    fn record_unlinked(&mut self, node: NodeRef<'_>) {
        self.balance.removed.add(node.footprint());
        self.unlinked_nodes.add(node);
    }

    /// Returns the node at a link; in a transaction, the transaction's own copy. `due` is the depth
    /// of a node in this place if the trie leaves out none above it.
    fn enter(&mut self, link: &Link, due: u8) -> Result<Option<NodeRef<'u>>> {
        let Some(node) = link.peek(self.exclusive) else {
            return Ok(None);
        };
        if self.copied_nodes.is_none() || node.is_fresh() {
            return Ok(Some(node));
        }
        let copy = self.build(&Blueprint::copy_of(node))?;
        self.balance.removed.add(node.footprint());
        if let Some(copied_nodes) = &mut self.copied_nodes {
            copied_nodes.add(node);
        }
        link.put(copy, due, self.exclusive);
        Ok(link.peek(self.exclusive))
    }

    /// Builds the nodes from `depth` down to a prefix without a node, with its first route.
    fn chain(&mut self, prefix: &Prefix, depth: u8, entry: Entry) -> Result<NewChain> {
        let target = depth_of(prefix.len());
        let leaf = Blueprint::new(prefix.bits(), target).with_route(0, entry, false);
        let mut top = self.build(&leaf)?.into_chain();
        if skips(self.family) {
            return Ok(top);
        }
        for depth in (depth..target).rev() {
            let value = value_at(prefix.bits(), depth);
            let above = Blueprint::new(prefix.bits(), depth).with_child(value, top.link());
            let above = self.build(&above)?;
            top.keep();
            top = above.into_chain();
        }
        Ok(top)
    }

    /// Inserts a route, replacing one with the same key.
    ///
    /// Errors: `ENOMEM`; `ENOSPC` if the prefix has too many routes. After an error readers see no
    /// change.
    pub(super) fn insert(
        &mut self,
        root: &'u Link,
        prefix: &Prefix,
        metric: u32,
        hop: u32,
    ) -> Result {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        let slot = Slot::of(bits, prefix.len());
        let entry = Entry { slot, metric, hop };
        let (mut link, mut due) = (root, 0);
        loop {
            let Some(node) = self.enter(link, due)? else {
                return self.insert_first(root, prefix, entry);
            };
            if node.depth() == target {
                return self.insert_into(link, due, node, entry);
            }
            let value = value_at(bits, node.depth());
            let child = node.step(value).child;
            let Some((below, child)) =
                child.and_then(|link| Some((link, link.peek(self.exclusive)?)))
            else {
                let chain = self.chain(prefix, node.depth() + 1, entry)?;
                let copy = Blueprint::copy_of(node).with_child(value, chain.link());
                let copy = self.build(&copy)?;
                link.put(copy, due, self.exclusive);
                chain.keep();
                self.record_unlinked(node);
                return Ok(());
            };
            (link, due) = (below, node.depth() + 1);
            let common = common_depth(child.key(), bits).min(target);
            if child.depth() > common {
                return self.branch((link, due), child, common, prefix, entry);
            }
        }
    }

    fn insert_first(&mut self, root: &Link, prefix: &Prefix, entry: Entry) -> Result {
        let empty = Blueprint::new(0, 0);
        if depth_of(prefix.len()) == 0 {
            let new = self.build(&empty.with_route(0, entry, false))?;
            root.put(new, 0, self.exclusive);
            return Ok(());
        }
        let chain = self.chain(prefix, 1, entry)?;
        let value = value_at(prefix.bits(), 0);
        let new = self.build(&empty.with_child(value, chain.link()))?;
        root.put(new, 0, self.exclusive);
        chain.keep();
        Ok(())
    }

    fn insert_into(&mut self, link: &Link, due: u8, node: NodeRef<'_>, entry: Entry) -> Result {
        let first = node.position(entry.slot);
        let same = node
            .routes_from(first)
            .take_while(|other| other.slot == entry.slot);
        let (mut before, mut all, mut replaces) = (0, 0, false);
        for other in same {
            before += usize::from(other.key() < entry.key());
            replaces |= other.key() == entry.key();
            all += 1;
        }
        if all == MAX_METRICS && !replaces {
            return Err(ENOSPC);
        }
        let copy = Blueprint::copy_of(node).with_route(first + before, entry, replaces);
        let copy = self.build(&copy)?;
        link.put(copy, due, self.exclusive);
        self.record_unlinked(node);
        Ok(())
    }

    /// Inserts a node above `child`, where the path to the prefix leaves the path to `child`, or
    /// ends.
    fn branch(
        &mut self,
        (link, due): (&Link, u8),
        child: NodeRef<'_>,
        depth: u8,
        prefix: &Prefix,
        entry: Entry,
    ) -> Result {
        let branch =
            Blueprint::new(prefix.bits(), depth).with_child(value_at(child.key(), depth), link);
        if depth == depth_of(prefix.len()) {
            let branch = self.build(&branch.with_route(0, entry, false))?;
            link.put(branch, due, self.exclusive);
            return Ok(());
        }
        let chain = self.chain(prefix, depth + 1, entry)?;
        let branch = branch.with_child(value_at(prefix.bits(), depth), chain.link());
        let branch = self.build(&branch)?;
        link.put(branch, due, self.exclusive);
        chain.keep();
        Ok(())
    }

    /// Removes route number `number` of the prefix's node, which exists.
    ///
    /// Errors: `ENOMEM`. After an error readers see no change.
    pub(super) fn remove(&mut self, root: &'u Link, prefix: &Prefix, number: usize) -> Result {
        let (bits, target) = (prefix.bits(), depth_of(prefix.len()));
        // The path to the prefix: each link, its `due` as in `enter()`, and its node.
        let mut path: [Option<(&'u Link, u8, NodeRef<'u>)>; MAX_DEPTH] = [None; MAX_DEPTH];
        let mut len = 0;
        let (mut link, mut due) = (root, 0);
        loop {
            let node = self.enter(link, due)?.ok_or(ESRCH)?;
            path[len] = Some((link, due, node));
            len += 1;
            if node.depth() >= target {
                break;
            }
            let child = node.step(value_at(bits, node.depth())).child;
            (link, due) = (child.ok_or(ESRCH)?, node.depth() + 1);
        }

        // Finds the lowest node that is not superfluous, and replaces it without the lost route or
        // child.
        let mut at = len - 1;
        let mut lost_child = false;
        while let Some((link, due, node)) = path[at] {
            let routes = node.routes() - usize::from(!lost_child);
            let children = node.children() - usize::from(lost_child);
            let value = value_at(bits, node.depth());
            match (routes, children) {
                (0, 0) if at == 0 => link.cut(self.exclusive),
                (0, 0) => {
                    at -= 1;
                    lost_child = true;
                    continue;
                }
                (0, 1) if skips(self.family) && at > 0 => {
                    let only = node
                        .each_child()
                        .find(|(other, _)| !(lost_child && *other == value))
                        .and_then(|(_, child)| child.peek(self.exclusive));
                    if let Some(only) = only {
                        link.put_again(only, due, self.exclusive);
                    }
                }
                _ => {
                    let copy = Blueprint::copy_of(node);
                    let copy = self.build(&match lost_child {
                        true => copy.without_child(value),
                        false => copy.without_route(number),
                    })?;
                    link.put(copy, due, self.exclusive);
                }
            }
            break;
        }
        for (_, _, node) in path[at..len].iter().flatten() {
            self.record_unlinked(*node);
        }
        Ok(())
    }
}
