// SPDX-License-Identifier: GPL-2.0

//! The route table's own types of routes, in the module's sources (by path), for
//! [`grammar`](crate::device::grammar), which is the device's own too. The table itself stays in the kernel.

#![expect(dead_code, reason = "the table needs more of them than this program")]

#[path = "../../../rcu_table"]
mod sources {
    mod next_hop;
    mod prefix;
    mod route;

    pub use next_hop::{DevName, NextHop};
    pub use prefix::{Family, Prefix, PrefixError};
    pub use route::Route;
}

pub use sources::{DevName, Family, NextHop, Prefix, PrefixError, Route};

/// What an insert expects to find under the route's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Add,
    Change,
    Replace,
}

/// Which routes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    All,
    Family(Family),
    Prefix(Prefix),
}
