// SPDX-License-Identifier: GPL-2.0

//! A table whose next hops are numbers, as test suites that others wrote have them.

use super::{dump, table_with_settings};
use crate::rcu_table::{
    read_lock, Family, Mode, NextHop, Operation, Prefix, Route, Selector, Settings, Table,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::{prelude::*, sync::Arc};

/// A table of routes of one family with metric 0, each with a number for a next hop.
pub struct NumberedTable {
    /// The table itself.
    pub table: Arc<Table>,
    family: Family,
}

/// The next hop that stands for a number: a gateway.
fn next_hop(number: u32) -> NextHop {
    NextHop::Via(Ipv4Addr::from_bits(number).into(), None)
}

/// What [`next_hop`] was given.
fn number(route: &Route) -> u32 {
    match route.next_hop {
        NextHop::Via(IpAddr::V4(gateway), None) => gateway.to_bits(),
        other => panic!("{other:?} is no number"),
    }
}

impl NumberedTable {
    /// An empty table.
    pub fn new(family: Family) -> Self {
        static SETTINGS: Settings = Settings::new();
        Self::with_settings(family, &SETTINGS)
    }

    /// An empty table that heeds `settings`.
    pub fn with_settings(family: Family, settings: &'static Settings) -> Self {
        let table = table_with_settings(settings);
        Self { table, family }
    }

    /// An address of the table's family, from the topmost bits.
    pub fn top(&self, bits: u128) -> IpAddr {
        match self.family {
            Family::Inet => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
            Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
        }
    }

    /// An address of the table's family that starts with four bytes; zeros follow.
    pub fn at(&self, bytes: [u8; 4]) -> IpAddr {
        self.top(u128::from(u32::from_be_bytes(bytes)) << 96)
    }

    /// The prefix of `len` bits that covers an address: the suites' tables cut what lies beyond, this
    /// one refuses it.
    pub fn prefix(&self, address: impl Into<IpAddr>, len: u8) -> Prefix {
        let bits = match address.into() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        Prefix::new(self.top(bits & mask), len).expect("a length that fits")
    }

    /// The insert of a route, for a transaction.
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

    /// The removal of a route, for a transaction.
    pub fn removal(&self, address: impl Into<IpAddr>, len: u8) -> Operation {
        Operation::Remove(self.prefix(address, len), None, None)
    }

    /// Makes a change.
    pub fn apply(&self, operation: Operation) -> Result {
        operation.apply(&self.table)
    }

    /// Puts a number under a prefix, whether or not there is one.
    pub fn add(&self, address: impl Into<IpAddr>, len: u8, number: u32) -> Result {
        self.apply(self.insertion(Mode::Replace, address, len, number))
    }

    /// Removes what is under a prefix.
    pub fn delete(&self, address: impl Into<IpAddr>, len: u8) -> Result {
        self.apply(self.removal(address, len))
    }

    /// The number that serves an address.
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Option<u32> {
        let route = self.table.lookup(address.into(), &read_lock());
        route.as_ref().map(number)
    }

    /// The number under exactly that prefix.
    pub fn get(&self, prefix: Prefix) -> Option<u32> {
        dump(&self.table, Selector::Prefix(prefix), 2)
            .first()
            .map(number)
    }

    /// All prefixes and their numbers, in the order of a dump.
    pub fn contents(&self) -> Vec<(Prefix, u32)> {
        let routes = dump(&self.table, Selector::All, 64);
        routes
            .iter()
            .map(|route| (route.prefix, number(route)))
            .collect()
    }
}
