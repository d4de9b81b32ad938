// SPDX-License-Identifier: GPL-2.0

//! The steps of an input.

use super::universe;
use crate::rcu_table::{Family, Mode, NextHop, Operation, ReclaimMode, Selector};
use arbitrary::{Result, Unstructured};
use core::{fmt, net::IpAddr};

/// The maximum number of changes in a transaction or a reload.
const MAX_OPERATIONS: usize = 12;

/// The end of a transaction or a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Abort,
}

/// A change of the table.
pub(super) enum Change {
    Single(Operation),
    Transaction(Vec<Operation>, End),
    Reload(Vec<Operation>, End),
}

pub(super) enum Step {
    /// A change, and the number of its allocation that fails.
    Change(Change, Option<u64>),
    Lookup(IpAddr),
    /// Starts a dump, which replaces the current one.
    StartDump(Selector),
    /// Reads the next routes of the dump.
    ContinueDump(usize),
    MaxRoutes(usize),
    Reclaim(ReclaimMode),
    ReclaimMaxKb(u32),
}

fn operations(bytes: &mut Unstructured<'_>) -> Result<Vec<Operation>> {
    let count = bytes.int_in_range(0..=MAX_OPERATIONS)?;
    (0..count).map(|_| universe::operation(bytes)).collect()
}

/// Chooses how a transaction ends; mostly by a commit.
fn end(bytes: &mut Unstructured<'_>) -> Result<End> {
    Ok(match bytes.ratio(1, 8)? {
        true => End::Abort,
        false => End::Commit,
    })
}

impl Change {
    fn decode(bytes: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=15)? {
            0..=10 => Self::Single(universe::operation(bytes)?),
            11..=13 => Self::Transaction(operations(bytes)?, end(bytes)?),
            _ => Self::Reload(operations(bytes)?, end(bytes)?),
        })
    }

    /// An upper bound for the number of allocations.
    fn max_allocations(&self) -> u64 {
        match self {
            Self::Single(_) => 12,
            Self::Transaction(operations, _) | Self::Reload(operations, _) => {
                8 + 8 * operations.len() as u64
            }
        }
    }
}

impl Step {
    pub(super) fn decode(bytes: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=31)? {
            0..=19 => {
                let change = Change::decode(bytes)?;
                let failing = match bytes.ratio(1, 3)? {
                    true => Some(bytes.int_in_range(1..=change.max_allocations())?),
                    false => None,
                };
                Self::Change(change, failing)
            }
            20..=22 => Self::Lookup(universe::address(bytes)?),
            23..=24 => Self::StartDump(universe::selector(bytes)?),
            25..=28 => Self::ContinueDump(bytes.int_in_range(1..=9)?),
            29 => Self::MaxRoutes(bytes.int_in_range(0..=31)?),
            30 => Self::Reclaim(*bytes.choose(&ReclaimMode::ALL)?),
            // At a limit of 0 updates wait for reclaim, which is slow here.
            _ => Self::ReclaimMaxKb(match bytes.ratio(1, 32)? {
                true => 0,
                false => 64 * 1024,
            }),
        })
    }
}

fn verb(mode: Mode) -> &'static str {
    match mode {
        Mode::Add => "add",
        Mode::Change => "change",
        Mode::Replace => "replace",
    }
}

struct CommandText<'a>(&'a Operation);

impl fmt::Display for CommandText<'_> {
    /// Formats the command of the operation. The next hop of `del` is in debug format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Operation::Insert(route, mode) => write!(f, "{} {route}", verb(*mode)),
            Operation::Remove(prefix, metric, next_hop) => {
                write!(f, "del {prefix}")?;
                metric.map_or(Ok(()), |metric| write!(f, " metric {metric}"))?;
                next_hop.map_or(Ok(()), |next_hop: NextHop| write!(f, " {next_hop:?}"))
            }
            Operation::Flush(None) => f.write_str("flush"),
            Operation::Flush(Some(Family::Inet)) => f.write_str("flush inet"),
            Operation::Flush(Some(Family::Inet6)) => f.write_str("flush inet6"),
        }
    }
}

fn write_transaction(
    f: &mut fmt::Formatter<'_>,
    begin: &str,
    operations: &[Operation],
    end: End,
) -> fmt::Result {
    f.write_str(begin)?;
    for operation in operations {
        write!(f, "; {}", CommandText(operation))?;
    }
    write!(f, "; {end:?}")
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(operation) => CommandText(operation).fmt(f),
            Self::Transaction(operations, end) => write_transaction(f, "begin", operations, *end),
            Self::Reload(operations, end) => write_transaction(f, "begin reload", operations, *end),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change, None) => change.fmt(f),
            Self::Change(change, Some(nth)) => write!(f, "{change} (allocation {nth} fails)"),
            Self::Lookup(address) => write!(f, "get {address}"),
            Self::StartDump(selector) => write!(f, "show {selector:?}"),
            Self::ContinueDump(count) => write!(f, "read {count} routes"),
            Self::MaxRoutes(count) => write!(f, "max_routes={count}"),
            Self::Reclaim(mode) => write!(f, "reclaim={}", mode.name()),
            Self::ReclaimMaxKb(kb) => write!(f, "reclaim_max_kb={kb}"),
        }
    }
}
