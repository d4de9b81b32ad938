// SPDX-License-Identifier: GPL-2.0

//! The findings of a table's torture, with texts that say what was found and what was valid.

use super::versions::Window;
use crate::rcu_table::{Key, Prefix, Route};
use core::{fmt, net::IpAddr};
use kernel::error::Error;

/// An error of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A lookup returned a version of a prefix that was not valid.
    LookupVersion {
        address: IpAddr,
        prefix: Prefix,
        version: u32,
        valid: Window,
    },
    /// A lookup missed a route that was present throughout.
    LookupMissed { address: IpAddr, prefix: Prefix },
    /// A lookup returned a route that does not cover the address, or that no writer made.
    LookupForeign { address: IpAddr, route: Route },
    /// A lookup returned the next hop of a route that does not cover the address, or that no writer
    /// made.
    NextHopForeign { address: IpAddr },
    /// A reader reached a node that was poisoned because it was reclaimed.
    ReachedReclaimed { address: IpAddr, depth: usize },
    /// The route that a reader found changed before the reader's critical section ended.
    ChangedUnderReader { address: IpAddr, before: Route },
    /// One snapshot showed different versions of a group; `None` means absent.
    Torn {
        address: IpAddr,
        version: Option<u32>,
        others: Option<u32>,
    },
    /// A snapshot showed a version of a group that was not valid; `None` means absent.
    SnapshotVersion {
        address: IpAddr,
        version: Option<u32>,
        valid: Window,
    },
    /// A dump had a version of a prefix that was not valid.
    DumpVersion {
        prefix: Prefix,
        version: u32,
        valid: Window,
    },
    /// A dump missed a route that was present throughout.
    DumpMissed { prefix: Prefix },
    /// A dump had a route that no writer made.
    DumpForeign { route: Route },
    /// A dump was out of order or repeated a route.
    DumpOrder { before: Key, after: Key },
    /// A valid change failed.
    ChangeFailed { prefix: Prefix, error: Error },
    /// A valid operation of a transaction failed, or an invalid one failed with the wrong error.
    /// Without an index, the transaction failed as a whole.
    TransactionFailed { index: Option<usize>, error: Error },
    /// A valid reload failed.
    ReloadFailed { error: Error },
    /// A flush failed.
    FlushFailed { error: Error },
    /// An invalid transaction succeeded.
    NotRefused,
    /// A flushed table was not empty.
    NotEmpty {
        routes: usize,
        next_hops: usize,
        objects: usize,
        bytes: usize,
    },
    /// Retired nodes were never reclaimed.
    NotReclaimed { objects: usize },
}

/// Displays the version of a member of a group.
struct MemberVersion(Option<u32>);

impl fmt::Display for MemberVersion {
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
            Self::LookupVersion { address, prefix, version, valid } => write!(
                f,
                "lookup of {address} returned version {version} of {prefix}; expected {valid}"
            ),
            Self::LookupMissed { address, prefix } => {
                write!(f, "lookup of {address} missed {prefix}, which was present throughout")
            }
            Self::LookupForeign { address, route } => {
                write!(f, "lookup of {address} returned {route}, which never covered it")
            }
            Self::NextHopForeign { address } => {
                write!(f, "lookup of {address} returned a next hop of no route that covers it")
            }
            Self::ReachedReclaimed { address, depth } => {
                write!(f, "lookup of {address} reached a reclaimed node at depth {depth}")
            }
            Self::ChangedUnderReader { address, before } => {
                write!(f, "the route of {address} changed under a reader that had found {before}")
            }
            Self::Torn { address, version, others } => write!(
                f,
                "snapshot showed half a transaction: {address} {}, the others {}",
                MemberVersion(*version),
                MemberVersion(*others)
            ),
            Self::SnapshotVersion { address, version, valid } => write!(
                f,
                "snapshot showed {address} {}; expected {valid}",
                MemberVersion(*version)
            ),
            Self::DumpVersion { prefix, version, valid } => {
                write!(f, "dump had version {version} of {prefix}; expected {valid}")
            }
            Self::DumpMissed { prefix } => {
                write!(f, "dump missed {prefix}, which was present throughout")
            }
            Self::DumpForeign { route } => {
                write!(f, "dump had {route}, which no writer made")
            }
            Self::DumpOrder { before, after } => {
                write!(f, "dump had {} after {}", after.prefix, before.prefix)
            }
            Self::ChangeFailed { prefix, error } => {
                write!(f, "valid change of {prefix} failed: {error:?}")
            }
            Self::TransactionFailed { index: Some(index), error } => {
                write!(f, "operation {index} of a transaction failed unexpectedly: {error:?}")
            }
            Self::TransactionFailed { index: None, error } => {
                write!(f, "a transaction failed unexpectedly: {error:?}")
            }
            Self::ReloadFailed { error } => write!(f, "valid reload failed: {error:?}"),
            Self::FlushFailed { error } => write!(f, "flush failed: {error:?}"),
            Self::NotRefused => f.write_str("invalid transaction succeeded"),
            Self::NotEmpty { routes, next_hops, objects, bytes } => write!(
                f,
                "flushed table has {routes} routes, {next_hops} next hops, {objects} nodes in {bytes} bytes"
            ),
            Self::NotReclaimed { objects } => {
                write!(f, "retired nodes were never reclaimed: {objects}")
            }
        }
    }
}
