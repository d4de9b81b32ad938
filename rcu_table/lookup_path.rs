// SPDX-License-Identifier: GPL-2.0

//! The pages and nodes that a lookup visits, kept for a second inspection in the same critical
//! section.
//!
//! Torture uses a path to check that the answer stays unchanged, and its nodes stay unpoisoned,
//! until the reader leaves its critical section.

use super::{
    fib::{Best, NodeRef, MAX_DEPTH},
    lookup::Snapshot,
    prefix::{left_aligned, Family},
    Route,
};
use core::net::IpAddr;

/// The pages and nodes that a lookup visits, and its answer.
#[derive(Clone, Copy)]
pub struct LookupPath<'g> {
    snapshot: Snapshot<'g>,
    address: IpAddr,
    nodes: [Option<NodeRef<'g>>; MAX_DEPTH],
    best: Best,
}

impl<'g> Snapshot<'g> {
    /// Walks to the longest prefix that covers `address`, as [`Snapshot::lookup`] does.
    ///
    /// Context: any; never waits.
    pub fn lookup_path(&self, address: IpAddr) -> LookupPath<'g> {
        let bits = left_aligned(address);
        let (path, best) = self.roots().path(Family::of(address), bits);
        LookupPath {
            snapshot: *self,
            address,
            nodes: path.nodes,
            best,
        }
    }
}

impl LookupPath<'_> {
    /// Reads the serving route again by the number that the walk has found.
    ///
    /// Context: any; never waits.
    pub fn route(&self) -> Option<Route> {
        self.snapshot.route(self.address, self.best)
    }

    /// Returns the number of pages and nodes below the root.
    ///
    /// Context: any.
    pub fn len(&self) -> usize {
        self.nodes.iter().flatten().count()
    }

    /// Returns whether there are no pages and nodes below the root.
    ///
    /// Context: any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the index of the first poisoned page or node.
    ///
    /// Context: any.
    pub fn first_poisoned(&self) -> Option<usize> {
        let mut nodes = self.nodes.iter().flatten();
        nodes.position(|node| node.is_poisoned())
    }
}
