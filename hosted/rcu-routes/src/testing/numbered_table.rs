// SPDX-License-Identifier: GPL-2.0

//! A table whose next hops are numbers, as in the ported test suites.

use super::{dump, table_with_settings};
use crate::rcu_table::{
    read_lock, Family, Mode, NextHop, Operation, Prefix, Route, Selector, Settings, Table,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::{prelude::*, sync::Arc};

/// A table of routes of one family with metric 0, each with a number for a next hop.
pub struct NumberedTable {
    /// The table.
    pub table: Arc<Table>,
    family: Family,
}

/// Encodes a number as a gateway.
fn next_hop(number: u32) -> NextHop {
    NextHop::Via(Ipv4Addr::from_bits(number).into(), None)
}

/// Decodes the number of [`next_hop`].
fn number(route: &Route) -> u32 {
    match route.next_hop {
        NextHop::Via(IpAddr::V4(gateway), None) => gateway.to_bits(),
        other => panic!("{other:?} is no number"),
    }
}

impl NumberedTable {
    /// Creates an empty table.
    pub fn new(family: Family) -> Self {
        static SETTINGS: Settings = Settings::new();
        Self::with_settings(family, &SETTINGS)
    }

    /// Creates an empty table with settings.
    pub fn with_settings(family: Family, settings: &'static Settings) -> Self {
        let table = table_with_settings(settings);
        Self { table, family }
    }

    /// Returns an address of the table's family, made of the topmost bits.
    pub fn top(&self, bits: u128) -> IpAddr {
        match self.family {
            Family::Inet => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
            Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
        }
    }

    /// Returns an address of the table's family: four bytes, followed by zeros.
    pub fn at(&self, bytes: [u8; 4]) -> IpAddr {
        self.top(u128::from(u32::from_be_bytes(bytes)) << 96)
    }

    /// Returns the prefix of `len` bits that covers an address. The ported tables clear host bits;
    /// this table rejects them.
    pub fn prefix(&self, address: impl Into<IpAddr>, len: u8) -> Prefix {
        Prefix::network(address.into(), len)
    }

    /// Returns an operation that inserts a route.
    pub fn insertion(
        &self,
        mode: Mode,
        address: impl Into<IpAddr>,
        len: u8,
        number: u32,
    ) -> Operation {
        let route = Route {
            prefix: self.prefix(address, len),
            metric: 0,
            next_hop: next_hop(number),
        };
        Operation::Insert(route, mode)
    }

    /// Returns an operation that removes a route.
    pub fn removal(&self, address: impl Into<IpAddr>, len: u8) -> Operation {
        Operation::Remove(self.prefix(address, len), None, None)
    }

    /// Applies a change.
    pub fn apply(&self, operation: Operation) -> Result {
        operation.apply(&self.table)
    }

    /// Inserts a number under a prefix, replacing one with the same prefix.
    pub fn add(&self, address: impl Into<IpAddr>, len: u8, number: u32) -> Result {
        self.apply(self.insertion(Mode::Replace, address, len, number))
    }

    /// Removes the number under a prefix.
    pub fn delete(&self, address: impl Into<IpAddr>, len: u8) -> Result {
        self.apply(self.removal(address, len))
    }

    /// Returns the number that serves an address.
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Option<u32> {
        let route = self.table.lookup(address.into(), &read_lock());
        route.as_ref().map(number)
    }

    /// Returns the number under exactly that prefix.
    pub fn get(&self, prefix: Prefix) -> Option<u32> {
        dump(&self.table, Selector::Prefix(prefix), 2)
            .first()
            .map(number)
    }

    /// Returns all prefixes and their numbers, in the order of a dump.
    pub fn contents(&self) -> Vec<(Prefix, u32)> {
        let routes = dump(&self.table, Selector::All, 64);
        routes
            .iter()
            .map(|route| (route.prefix, number(route)))
            .collect()
    }
}
