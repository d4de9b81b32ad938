// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a line, as an errno for programs and as a sentence for people.

use super::{
    command::Refusal,
    lines::{BadLine, MAX_LINE},
    pending::{CommitFailure, Culprit},
};
use crate::rcu_table::{Prefix, Transaction};
use core::{fmt, net::IpAddr};
use kernel::{bindings, prelude::*};

/// Why a line did not happen.
pub(super) enum Complaint<'a> {
    /// It is no text.
    Line(BadLine),
    /// It is no command.
    Command(Refusal<'a>),
    /// It changes the table, and the writer may not.
    Denied,
    /// The table refuses a change, of that prefix if it is about one.
    Change(Option<Prefix>, Error),
    /// No route serves the address.
    NoRoute(IpAddr),
    /// Too many answers wait to be read.
    Unread,
    /// It begins a transaction within another.
    Begun,
    /// It ends a transaction that has not begun.
    NotBegun,
    /// The transaction takes no more changes.
    Full,
    /// The transaction did not happen.
    Commit(CommitFailure),
    /// Something else the kernel could not do.
    Kernel(Error),
}

impl Complaint<'_> {
    /// The errno, as iproute2's users expect it.
    pub(super) fn errno(&self) -> Error {
        match self {
            Complaint::Line(BadLine::TooLong) => E2BIG,
            Complaint::Line(_) | Complaint::Command(_) | Complaint::NotBegun => EINVAL,
            Complaint::Denied => EPERM,
            Complaint::Begun => EBUSY,
            Complaint::Full => ENOSPC,
            Complaint::Change(_, error) | Complaint::Kernel(error) => *error,
            Complaint::Commit(failure) => failure.error,
            Complaint::NoRoute(_) => Error::from_errno(-(bindings::ENETUNREACH as c_int)),
            Complaint::Unread => Error::from_errno(-(bindings::ENOBUFS as c_int)),
        }
    }

    /// The line at fault, if it is an earlier one.
    pub(super) fn line(&self) -> Option<u64> {
        match self {
            Complaint::Commit(failure) => failure.culprit.as_ref()?.line,
            _ => None,
        }
    }
}

/// The table's errors in words.
struct Why(Error);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            error if error == EEXIST => f.write_str("route exists"),
            error if error == ENOENT => f.write_str("no such route to change"),
            error if error == ESRCH => f.write_str("no such route"),
            error if error == ENOMEM => f.write_str("out of memory"),
            error if error == ENOSPC => f.write_str(
                "table full: max_routes reached, or too many next hops or metrics of a prefix",
            ),
            error => write!(f, "errno {}", -error.to_errno()),
        }
    }
}

impl fmt::Display for Culprit {
    /// What stands before the error. An operation that came in a line is known by that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line.is_none() {
            write!(f, "operation {} of the transaction: ", self.index)?;
        }
        self.prefix.map_or(Ok(()), |prefix| write!(f, "{prefix}: "))
    }
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::Line(BadLine::TooLong) => write!(f, "line longer than {MAX_LINE} bytes"),
            Complaint::Line(BadLine::NotText(byte, column)) => {
                write!(f, "byte {byte:#04x} in column {column} is not text")
            }
            Complaint::Command(refusal) => refusal.fmt(f),
            Complaint::Denied => f.write_str("changes require CAP_NET_ADMIN"),
            Complaint::Change(Some(prefix), error) => write!(f, "{prefix}: {}", Why(*error)),
            Complaint::NoRoute(address) => write!(f, "{address}: no route"),
            Complaint::Unread => f.write_str("too many answers unread; read them first"),
            Complaint::Begun => f.write_str("a transaction is open; 'commit' or 'abort' ends it"),
            Complaint::NotBegun => f.write_str("no transaction is open; 'begin' opens one"),
            Complaint::Full => write!(
                f,
                "a transaction holds at most {} changes; 'begin reload' has no limit",
                Transaction::MAX_OPERATIONS
            ),
            Complaint::Commit(failure) => {
                if let Some(culprit) = &failure.culprit {
                    write!(f, "{culprit}")?;
                }
                Why(failure.error).fmt(f)
            }
            Complaint::Change(None, error) | Complaint::Kernel(error) => Why(*error).fmt(f),
        }
    }
}
