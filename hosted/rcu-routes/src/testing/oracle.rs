// SPDX-License-Identifier: GPL-2.0

//! The test oracle: a slow and simple table that shares no code with the table under test.

use crate::rcu_table::{Family, Mode, NextHop, Operation, Prefix, Route, Selector};
use core::net::IpAddr;
use kernel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A dump's sort key: IPv4 before IPv6, then the bytes of the address, the length and the metric.
type Position = (bool, [u8; 16], u8, u32);

/// A sorted list of routes. Lookup scans all of it.
#[derive(Clone, Default)]
pub struct Oracle {
    routes: BTreeMap<Position, Route>,
}

/// Returns the bytes of an address; an IPv4 address is padded with zeros.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn position(prefix: &Prefix, metric: u32) -> Position {
    let address = prefix.address();
    (address.is_ipv6(), octets(address), prefix.len(), metric)
}

fn covers(prefix: &Prefix, address: IpAddr) -> bool {
    let same_family = prefix.address().is_ipv6() == address.is_ipv6();
    let (network, address) = (octets(prefix.address()), octets(address));
    let whole = usize::from(prefix.len() / 8);
    let rest = prefix.len() % 8;
    same_family
        && network[..whole] == address[..whole]
        && (rest == 0 || (network[whole] ^ address[whole]) >> (8 - rest) == 0)
}

impl Oracle {
    /// Applies a change as the table must.
    pub fn apply(&mut self, operation: &Operation) -> Result {
        match operation {
            Operation::Insert(route, mode) => self.insert(route, *mode),
            Operation::Remove(prefix, metric, next_hop) => {
                self.remove(prefix, *metric, next_hop.as_ref())
            }
            Operation::Flush(family) => {
                self.routes.retain(|_, route| {
                    family.is_some_and(|family| family != Family::of(route.prefix.address()))
                });
                Ok(())
            }
        }
    }

    fn insert(&mut self, route: &Route, mode: Mode) -> Result {
        let position = position(&route.prefix, route.metric);
        match (mode, self.routes.contains_key(&position)) {
            (Mode::Add, true) => Err(EEXIST),
            (Mode::Change, false) => Err(ENOENT),
            _ => {
                self.routes.insert(position, *route);
                Ok(())
            }
        }
    }

    fn remove(
        &mut self,
        prefix: &Prefix,
        metric: Option<u32>,
        next_hop: Option<&NextHop>,
    ) -> Result {
        let mut found = self.routes.iter().filter(|(_, route)| {
            route.prefix == *prefix
                && metric.is_none_or(|metric| route.metric == metric)
                && next_hop.is_none_or(|named| names(named, &route.next_hop))
        });
        let position = *found.next().ok_or(ESRCH)?.0;
        self.routes.remove(&position);
        Ok(())
    }

    /// Returns the route that serves an address.
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        let covering = self
            .routes
            .values()
            .filter(|route| covers(&route.prefix, address));
        let best = covering.max_by_key(|route| (route.prefix.len(), u32::MAX - route.metric));
        best.copied()
    }

    /// Returns the routes in the order of a dump.
    pub fn dump(&self, selector: Selector) -> Vec<Route> {
        let named = |route: &&Route| match selector {
            Selector::All => true,
            Selector::Family(family) => Family::of(route.prefix.address()) == family,
            Selector::Prefix(prefix) => route.prefix == prefix,
        };
        self.routes.values().filter(named).copied().collect()
    }

    /// Returns the number of routes of one family.
    pub fn len(&self, family: Family) -> usize {
        self.dump(Selector::Family(family)).len()
    }

    /// Returns whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Returns the number of distinct pairs of next hop and metric.
    pub fn next_hops(&self) -> usize {
        let pairs = self
            .routes
            .values()
            .map(|route| (route.next_hop, route.metric));
        let different: BTreeSet<_> = pairs.collect();
        different.len()
    }
}

/// Returns whether a next hop given to `del` matches the route's, in whole or in the parts given.
fn names(named: &NextHop, next_hop: &NextHop) -> bool {
    let (gateway, dev) = match *named {
        NextHop::Via(gateway, dev) => (Some(gateway), dev),
        NextHop::Dev(dev) => (None, Some(dev)),
        discard => return discard == *next_hop,
    };
    let (has_gateway, has_dev) = match *next_hop {
        NextHop::Via(gateway, dev) => (Some(gateway), dev),
        NextHop::Dev(dev) => (None, Some(dev)),
        _ => return false,
    };
    (gateway.is_none() || gateway == has_gateway) && (dev.is_none() || dev == has_dev)
}
