// SPDX-License-Identifier: GPL-2.0

//! The way of a lookup, kept for a second look within the same critical section.
//!
//! For torture: what a reader found must stay as it is for as long as the reader stays, and none of the
//! nodes on the way may have been [poisoned](super::Quarantine).

use super::{
    node::{value_at, NodeRef, MAX_DEPTH},
    prefix::{left_aligned, Family},
    table::Snapshot,
    Route,
};
use core::net::IpAddr;

/// The nodes that a lookup passes, and what serves the address.
#[derive(Clone, Copy)]
pub struct LookupPath<'g> {
    snapshot: Snapshot<'g>,
    address: IpAddr,
    nodes: [Option<NodeRef<'g>>; MAX_DEPTH],
    /// The node with the serving route.
    serving: Option<NodeRef<'g>>,
}

impl<'g> Snapshot<'g> {
    /// Walks to the longest prefix that covers `address`, as [`Snapshot::lookup`] does.
    ///
    /// Context: any; never waits.
    pub fn lookup_path(&self, address: IpAddr) -> LookupPath<'g> {
        let mut path = LookupPath {
            snapshot: *self,
            address,
            nodes: [None; MAX_DEPTH],
            serving: None,
        };
        if let Some(roots) = self.roots() {
            let root = roots.of(Family::of(address)).get(self.guard());
            path.walk(root);
        }
        path
    }
}

impl<'g> LookupPath<'g> {
    fn walk(&mut self, root: Option<NodeRef<'g>>) {
        let bits = left_aligned(self.address);
        let mut next = root;
        for place in &mut self.nodes {
            let Some(node) = next.filter(|node| node.is_above(bits)) else {
                return;
            };
            *place = Some(node);
            let step = node.step(value_at(bits, node.depth()));
            if step.hop != 0 {
                self.serving = Some(node);
            }
            next = step
                .child
                .and_then(|child| child.get(self.snapshot.guard()));
        }
    }

    /// The route that serves the address, as its node and its next hop's place have it now.
    ///
    /// Context: any; never waits.
    pub fn route(&self) -> Option<Route> {
        self.snapshot.route(self.address, self.serving?)
    }

    /// How many nodes there are on the way.
    ///
    /// Context: any.
    pub fn len(&self) -> usize {
        self.nodes.iter().flatten().count()
    }

    /// Whether there are no nodes: the family has no routes.
    ///
    /// Context: any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first of the nodes, counted from 0, that is marked by now.
    ///
    /// Context: any.
    pub fn first_poisoned(&self) -> Option<usize> {
        let mut nodes = self.nodes.iter().flatten();
        nodes.position(|node| node.is_poisoned())
    }
}
