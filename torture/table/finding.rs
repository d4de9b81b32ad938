// SPDX-License-Identifier: GPL-2.0

//! What can be wrong, in words that say exactly what.

use super::versions::Window;
use crate::rcu_table::{Key, Prefix, Route};
use core::{fmt, net::IpAddr};
use kernel::error::Error;

/// Something that is wrong with the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The version of a prefix that a lookup gave was not valid.
    LookupVersion {
        address: IpAddr,
        prefix: Prefix,
        version: u32,
        valid: Window,
    },
    /// A lookup passed over a route that was there throughout.
    LookupMissed { address: IpAddr, prefix: Prefix },
    /// A lookup gave a route that does not cover the address, or that nobody made.
    LookupForeign { address: IpAddr, route: Route },
    /// The same of a lookup of the next hop alone.
    NextHopForeign { address: IpAddr },
    /// A reader came to a node that was marked as reclaimed.
    ReachedReclaimed { address: IpAddr, depth: usize },
    /// What a reader had found became something else while it stayed.
    ChangedUnderReader { address: IpAddr, before: Route },
    /// One snapshot shows a transaction in part; `None` is absent.
    Torn {
        address: IpAddr,
        version: Option<u32>,
        others: Option<u32>,
    },
    /// The version that a snapshot shows was not valid; `None` is absent.
    SnapshotVersion {
        address: IpAddr,
        version: Option<u32>,
        valid: Window,
    },
    /// The version of a prefix that a dump has was not valid.
    DumpVersion {
        prefix: Prefix,
        version: u32,
        valid: Window,
    },
    /// A dump does not have a route that was there throughout.
    DumpMissed { prefix: Prefix },
    /// A dump has a route that nobody made.
    DumpForeign { route: Route },
    /// A dump is out of order or has a route twice.
    DumpOrder { before: Key, after: Key },
    /// A change failed that must not fail.
    ChangeFailed { prefix: Prefix, error: Error },
    /// The same of several changes at once.
    TransactionFailed { index: usize, error: Error },
    /// The same of a reload.
    ReloadFailed { error: Error },
    /// The same of a flush.
    FlushFailed { error: Error },
    /// A transaction was made that cannot be made.
    NotRefused,
    /// The table was emptied, and something is left.
    NotEmpty {
        routes: usize,
        next_hops: usize,
        objects: usize,
        bytes: usize,
    },
    /// Nodes were retired and did not come back.
    NotReclaimed { objects: usize },
}

/// A version in words.
struct Shown(Option<u32>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(version) => write!(f, "version {version}"),
            None => f.write_str("absent"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookupVersion { address, prefix, version, valid } => {
                write!(f, "lookup of {address} gave version {version} of {prefix}, valid were {valid}")
            }
            Self::LookupMissed { address, prefix } => {
                write!(f, "lookup of {address} missed {prefix}, which was there throughout")
            }
            Self::LookupForeign { address, route } => {
                write!(f, "lookup of {address} gave {route}, which was never there for it")
            }
            Self::NextHopForeign { address } => {
                write!(f, "lookup of {address} gave a next hop that was never there for it")
            }
            Self::ReachedReclaimed { address, depth } => {
                write!(f, "reader reached a reclaimed node at depth {depth} on the way to {address}")
            }
            Self::ChangedUnderReader { address, before } => {
                write!(f, "what serves {address} changed under a reader who had found {before}")
            }
            Self::Torn { address, version, others } => write!(
                f,
                "one snapshot shows half a transaction: {address} {}, the others {}",
                Shown(*version),
                Shown(*others)
            ),
            Self::SnapshotVersion { address, version, valid } => {
                write!(f, "a snapshot shows {address} {}, valid were {valid}", Shown(*version))
            }
            Self::DumpVersion { prefix, version, valid } => {
                write!(f, "a dump has version {version} of {prefix}, valid were {valid}")
            }
            Self::DumpMissed { prefix } => {
                write!(f, "a dump misses {prefix}, which was there throughout")
            }
            Self::DumpForeign { route } => {
                write!(f, "a dump has {route}, which was never there")
            }
            Self::DumpOrder { before, after } => {
                write!(f, "a dump has {} behind {}", after.prefix, before.prefix)
            }
            Self::ChangeFailed { prefix, error } => {
                write!(f, "a change of {prefix} failed that must not: {error:?}")
            }
            Self::TransactionFailed { index, error } => {
                write!(f, "operation {index} of a transaction failed as it must not: {error:?}")
            }
            Self::ReloadFailed { error } => write!(f, "a reload failed that must not: {error:?}"),
            Self::FlushFailed { error } => write!(f, "a flush failed: {error:?}"),
            Self::NotRefused => f.write_str("a transaction was made that cannot be made"),
            Self::NotEmpty { routes, next_hops, objects, bytes } => write!(
                f,
                "an emptied table has {routes} routes, {next_hops} next hops, {objects} nodes in {bytes} bytes"
            ),
            Self::NotReclaimed { objects } => {
                write!(f, "nodes were retired and never reclaimed: {objects}")
            }
        }
    }
}
