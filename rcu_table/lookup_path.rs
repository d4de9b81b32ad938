// SPDX-License-Identifier: GPL-2.0

//! The nodes that a lookup visits, kept for a second inspection in the same critical section.
//!
//! Torture uses a path to check that a route stays unchanged, and its nodes stay unpoisoned, until
//! the reader leaves its critical section.

use super::{
    lookup::Snapshot,
    node::{value_at, NodeRef, MAX_DEPTH},
    prefix::{left_aligned, Family},
    Route,
};
use core::net::IpAddr;

/// The nodes that a lookup visits, and the node of the serving route.
#[derive(Clone, Copy)]
pub struct LookupPath<'g> {
    snapshot: Snapshot<'g>,
    address: IpAddr,
    nodes: [Option<NodeRef<'g>>; MAX_DEPTH],
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

    /// Reads the serving route again from the node and the next hop found by the walk.
    ///
    /// Context: any; never waits.
    pub fn route(&self) -> Option<Route> {
        self.snapshot.route(self.address, self.serving?)
    }

    /// Returns the number of nodes.
    ///
    /// Context: any.
    pub fn len(&self) -> usize {
        self.nodes.iter().flatten().count()
    }

    /// Returns whether there are no nodes: the family has no routes.
    ///
    /// Context: any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the index of the first poisoned node.
    ///
    /// Context: any.
    pub fn first_poisoned(&self) -> Option<usize> {
        let mut nodes = self.nodes.iter().flatten();
        nodes.position(|node| node.is_poisoned())
    }
}
