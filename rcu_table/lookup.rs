// SPDX-License-Identifier: GPL-2.0

//! Lookup: the read side of the table.

use super::{
    next_hops::NextHopRef,
    node::{value_at, Finding, Found, NodeRef, Roots, STRIDE},
    prefix::{left_aligned, Family, Prefix},
    table::Table,
    Guard, NextHop, Route,
};
use core::net::IpAddr;

/// A view of the table for one read-side critical section.
///
/// Every lookup in one snapshot sees a transaction whole or not at all. A single change or a flush
/// may become visible between two lookups.
///
/// Context: any; never waits.
#[derive(Clone, Copy)]
pub struct Snapshot<'g> {
    table: &'g Table,
    roots: Option<&'g Roots>,
    guard: &'g Guard,
}

impl<'g> Snapshot<'g> {
    #[inline(always)]
    fn find<F: Finding<'g>>(&self, address: IpAddr) -> Option<F> {
        let (lookup, roots) = (self.table.lookup, self.roots?);
        match address {
            IpAddr::V4(_) => {
                let root = roots.of(Family::Inet);
                lookup.find::<F, false>(root, left_aligned(address), self.guard)
            }
            IpAddr::V6(_) => {
                let root = roots.of(Family::Inet6);
                lookup.find::<F, true>(root, left_aligned(address), self.guard)
            }
        }
    }

    /// Returns the next hop for packets to `address`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn next_hop(&self, address: IpAddr) -> Option<NextHop> {
        Some(self.next_hop_ref(address)?.get())
    }

    /// Finds the next hop for packets to `address` without reading it from memory.
    ///
    /// Context: any; never waits.
    #[inline(always)]
    pub fn next_hop_ref(&self, address: IpAddr) -> Option<NextHopRef<'g>> {
        let number = self.find(address)?;
        self.table.next_hops.find(number, self.guard)
    }

    /// Returns the route that serves `address`: the longest prefix and, among its routes, the
    /// lowest metric.
    ///
    /// Context: any; never waits.
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        self.route(address, self.find::<Found<'g>>(address)?.node)
    }

    /// Returns the route in `node` that serves `address`.
    pub(super) fn route(&self, address: IpAddr, node: NodeRef<'g>) -> Option<Route> {
        let bits = left_aligned(address);
        let entry = node.serving(value_at(bits, node.depth()))?;
        let len = node.depth() * STRIDE + entry.slot.bits();
        Some(Route {
            prefix: Prefix::covering(Family::of(address), bits, len),
            metric: entry.metric,
            next_hop: self.table.next_hops.get(entry.hop, self.guard)?,
        })
    }

    pub(super) fn roots(&self) -> Option<&'g Roots> {
        self.roots
    }

    pub(super) fn guard(&self) -> &'g Guard {
        self.guard
    }
}

impl Table {
    /// Returns a snapshot of the table.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn snapshot<'g>(&'g self, guard: &'g Guard) -> Snapshot<'g> {
        Snapshot {
            table: self,
            roots: self.tries.for_readers(guard),
            guard,
        }
    }

    /// Returns the route that serves `address`: the longest prefix and, among its routes, the
    /// lowest metric.
    ///
    /// Context: any; never waits.
    pub fn lookup(&self, address: IpAddr, guard: &Guard) -> Option<Route> {
        self.snapshot(guard).lookup(address)
    }

    /// Returns the next hop for packets to `address`. It costs less than [`Self::lookup`].
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn next_hop(&self, address: IpAddr, guard: &Guard) -> Option<NextHop> {
        self.snapshot(guard).next_hop(address)
    }
}
