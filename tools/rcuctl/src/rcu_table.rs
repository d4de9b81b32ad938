// SPDX-License-Identifier: GPL-2.0

//! The table's types of routes, included from the module's sources for the device's parser in
//! [`grammar`](crate::device::grammar).

#![expect(dead_code, reason = "only the table uses all of these types")]

#[path = "../../../rcu_table"]
mod sources {
    mod next_hop;
    mod prefix;
    mod route;

    pub use next_hop::{DevName, HopId, NextHop, MAX_LEGS};
    pub use prefix::{Family, Prefix, PrefixError};
    pub use route::{ObjectRoute, Route};
}

pub use sources::{
    DevName, Family, HopId, NextHop, ObjectRoute, Prefix, PrefixError, Route, MAX_LEGS,
};

/// Whether an insert requires that the route's key is absent, is present, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Add,
    Change,
    Replace,
}

/// The routes that `show` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    All,
    Family(Family),
    Prefix(Prefix),
}
