// SPDX-License-Identifier: GPL-2.0

//! Lookup: the read side of the table.

use super::{
    fib::{Best, Record, Roots},
    hop_objects::flow_hash,
    prefix::{left_aligned, Family, Prefix},
    table::Table,
    Guard, NextHop, Route,
};
use core::net::IpAddr;

/// The next hop that a lookup found. It is read from memory only on request.
#[derive(Clone, Copy)]
pub struct NextHopRef<'g>(pub(super) &'g Record);

impl NextHopRef<'_> {
    /// Reads the next hop. If it is [`NextHop::Object`], [`Snapshot::resolve`] returns the next hop
    /// of the object.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get(self) -> NextHop {
        self.0.next_hop()
    }

    /// Reads the low bits of the gateway's address, or 0. This costs one access to the next hop.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn digest(self) -> u64 {
        self.0.digest()
    }
}

/// A view of the table for one read-side critical section.
///
/// Every lookup in one snapshot sees a transaction or a reload whole or not at all. A single change
/// may become visible between two lookups, even one that was made after a transaction that the
/// snapshot does not see.
///
/// Context: any; never waits.
#[derive(Clone, Copy)]
pub struct Snapshot<'g> {
    table: &'g Table,
    roots: &'g Roots,
    guard: &'g Guard,
}

impl<'g> Snapshot<'g> {
    #[inline(always)]
    fn find<const LEN: bool>(&self, address: IpAddr) -> Best {
        let (lookup, bits) = (self.table.lookup, left_aligned(address));
        match address {
            IpAddr::V4(_) => lookup.find::<false, LEN>(self.roots, bits),
            IpAddr::V6(_) => lookup.find::<true, LEN>(self.roots, bits),
        }
    }

    /// Returns the next hop for packets to `address`. Of several legs it returns the one that
    /// [`flow_hash`] selects.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn next_hop(&self, address: IpAddr) -> Option<NextHop> {
        self.resolved(self.next_hop_ref(address)?.0, address)
    }

    /// Returns the next hop of a flow with the hash `hash`, for which [`Self::next_hop_ref`] or
    /// [`Self::next_hops`] of this snapshot has found `found`. It is not [`NextHop::Object`].
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn resolve(&self, found: NextHopRef<'g>, hash: u32) -> Option<NextHop> {
        match found.get() {
            NextHop::Object(_) => self.object_hop(found.0, hash),
            next_hop => Some(next_hop),
        }
    }

    /// Returns the next hop of a record for packets to `address`.
    #[inline(always)]
    fn resolved(&self, record: &Record, address: IpAddr) -> Option<NextHop> {
        match record.next_hop() {
            NextHop::Object(_) => self.object_hop(record, flow_hash(address)),
            next_hop => Some(next_hop),
        }
    }

    /// Returns the next hop of the object that a record of this critical section names.
    #[cold]
    #[inline(never)]
    fn object_hop(&self, record: &Record, hash: u32) -> Option<NextHop> {
        self.table.objects.resolve(record.slot(), hash, self.guard)
    }

    /// Finds the next hop for packets to `address` without reading it from memory.
    ///
    /// Context: any; never waits.
    #[inline(always)]
    pub fn next_hop_ref(&self, address: IpAddr) -> Option<NextHopRef<'g>> {
        self.record(self.find::<false>(address)).map(NextHopRef)
    }

    /// Returns the route that serves `address`: the longest prefix and, among its routes, the
    /// lowest metric. Its next hop is that of packets to `address`, never [`NextHop::Object`].
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        self.route(address, self.find::<true>(address))
    }

    /// Returns the route that serves a flow to `address`, as [`Self::lookup`] does. Of several legs
    /// `hash` selects the next hop.
    ///
    /// Context: any; never waits.
    pub fn lookup_flow(&self, address: IpAddr, hash: u32) -> Option<Route> {
        let best = self.find::<true>(address);
        let record = self.record(best)?;
        Some(Route {
            prefix: Prefix::network(address, best.len()),
            metric: record.metric(),
            next_hop: self.resolve(NextHopRef(record), hash)?,
        })
    }

    #[inline(always)]
    fn record(&self, best: Best) -> Option<&'g Record> {
        self.table.records.find(best.number(), self.guard)
    }

    /// Returns the route that a walk has found.
    #[inline]
    pub(super) fn route(&self, address: IpAddr, best: Best) -> Option<Route> {
        let record = self.record(best)?;
        Some(Route {
            prefix: Prefix::network(address, best.len()),
            metric: record.metric(),
            next_hop: self.resolved(record, address)?,
        })
    }

    pub(super) fn roots(&self) -> &'g Roots {
        self.roots
    }

    /// Finds the next hops for packets to many addresses of one family, faster than one by one:
    /// while one address waits for memory, others advance. `answers` gets one for each address;
    /// both have the same length.
    ///
    /// Context: any; never waits.
    pub fn next_hops<A: BulkAddress>(
        &self,
        addresses: &[A],
        answers: &mut [Option<NextHopRef<'g>>],
    ) {
        let lookup = self.table.lookup;
        lookup.find_many::<A, false>(self.roots, addresses, |at, best| {
            if let Some(answer) = answers.get_mut(at) {
                *answer = self.record(best).map(NextHopRef);
            }
        });
    }

    /// Passes to `found`, in order, the routes that serve addresses of one family. It is faster
    /// than [`Self::lookup`] one by one, as [`Self::next_hops`] is.
    ///
    /// Context: any; never waits.
    pub fn routes<A: BulkAddress>(&self, addresses: &[A], mut found: impl FnMut(Option<Route>)) {
        let lookup = self.table.lookup;
        lookup.find_many::<A, true>(self.roots, addresses, |at, best| {
            found(self.route(addresses[at].into(), best));
        });
    }
}

impl Snapshot<'_> {
    /// Passes to `found`, in order, the numbers of the answers that serve addresses of one family;
    /// 0 without a route. It reads no next hop. [`Table::answers`] returns the answer of a number.
    ///
    /// Context: any; never waits.
    pub fn numbers<A: BulkAddress>(&self, addresses: &[A], mut found: impl FnMut(u32)) {
        let lookup = self.table.lookup;
        lookup.find_many::<A, false>(self.roots, addresses, |_, best| found(best.number()));
    }

    /// Returns the numbering of the table. While it stays the same, each number that
    /// [`Self::numbers`] has returned before this call keeps its answer.
    ///
    /// Context: any; never waits.
    pub fn numbering(&self) -> u64 {
        self.table.records.reuses()
    }
}

/// An address of a family that is known when the code is compiled.
pub trait BulkAddress: Copy + Into<IpAddr> {
    /// The family.
    const FAMILY: Family;

    /// Returns the address as a bit string whose first bit is the topmost.
    fn left_aligned(self) -> u128;
}

impl BulkAddress for core::net::Ipv4Addr {
    const FAMILY: Family = Family::Inet;

    #[inline(always)]
    fn left_aligned(self) -> u128 {
        u128::from(u32::from(self)) << 96
    }
}

impl BulkAddress for core::net::Ipv6Addr {
    const FAMILY: Family = Family::Inet6;

    #[inline(always)]
    fn left_aligned(self) -> u128 {
        u128::from(self)
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
            roots: self.roots.dereference(guard),
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

    /// Returns the next hops for packets to many addresses; `None` without route. Both slices have
    /// the same length.
    ///
    /// Context: any; never waits.
    pub fn lookup_bulk<A: BulkAddress>(
        &self,
        guard: &Guard,
        addresses: &[A],
        next_hops: &mut [Option<NextHop>],
    ) {
        let snapshot = self.snapshot(guard);
        self.lookup
            .find_many::<A, false>(snapshot.roots, addresses, |at, best| {
                if let Some(next_hop) = next_hops.get_mut(at) {
                    let record = snapshot.record(best);
                    *next_hop =
                        record.and_then(|record| snapshot.resolved(record, addresses[at].into()));
                }
            });
    }
}
