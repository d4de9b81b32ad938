// SPDX-License-Identifier: GPL-2.0

//! The error of a failed line: an errno for programs and a message for people.

use super::{
    command::{attributes::JSON, refusal::Refusal},
    joined::MAX_JOINED,
    lines::{BadLine, MAX_LINE},
    pending::{CommitFailure, FailedOperation},
};
use crate::rcu_table::{HopError, Prefix, Transaction};
use core::{fmt, net::IpAddr};
use kernel::{bindings, prelude::*};

/// The error of a failed line.
pub(super) enum LineError<'a> {
    /// The line contains a byte that is not text, or is too long.
    Line(BadLine),
    /// The device would print the object with that number of bytes, more than a line has.
    PrintedTooLong(usize),
    /// The lines of a command are longer than [`MAX_JOINED`] bytes together.
    JoinedTooLong,
    /// The line is not a command.
    Command(Refusal<'a>),
    /// The line changes the table, and the opener or the writer lacks `CAP_NET_ADMIN`.
    Denied,
    /// The table refused a change of that prefix, or of a whole family.
    Change(Option<Prefix>, Error),
    /// The table refused a command for the next-hop object with that number.
    Object(u32, HopError),
    /// A change of a next-hop object while a transaction is open.
    ObjectInTransaction,
    /// No route serves the address.
    NoRoute(IpAddr),
    /// Too many answers are unread.
    AnswersFull,
    /// `monitor` while the table has this number of monitors, which is the limit for the file.
    MonitorsFull(usize),
    /// `begin` while a transaction is open.
    TransactionOpen,
    /// `commit` or `abort` without a transaction.
    NoTransaction,
    /// The transaction has reached its limit.
    TransactionFull,
    /// The commit failed, and no change was made.
    Commit(CommitFailure),
    /// The kernel failed, usually because memory is short.
    Kernel(Error),
}

impl LineError<'_> {
    /// Returns the errno, as iproute2 does where it has the same error.
    pub(super) fn errno(&self) -> Error {
        match self {
            LineError::Line(BadLine::TooLong)
            | LineError::JoinedTooLong
            | LineError::PrintedTooLong(_) => E2BIG,
            LineError::Line(_) | LineError::Command(_) | LineError::NoTransaction => EINVAL,
            LineError::Denied => EPERM,
            LineError::TransactionOpen
            | LineError::ObjectInTransaction
            | LineError::MonitorsFull(_) => EBUSY,
            LineError::TransactionFull => ENOSPC,
            LineError::Object(_, error) => error.errno(),
            LineError::Change(_, error) | LineError::Kernel(error) => *error,
            LineError::Commit(failure) => failure.error,
            LineError::NoRoute(_) => Error::from_errno(-(bindings::ENETUNREACH as c_int)),
            LineError::AnswersFull => Error::from_errno(-(bindings::ENOBUFS as c_int)),
        }
    }

    /// Returns the number of the line at fault, if it is an earlier line.
    pub(super) fn line(&self) -> Option<u64> {
        match self {
            LineError::Commit(failure) => failure.operation.as_ref()?.line,
            _ => None,
        }
    }
}

/// An error of the table, as a message.
struct TableError(Error);

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            error if error == EEXIST => f.write_str("route exists"),
            error if error == ENOENT => f.write_str("no such route to change"),
            error if error == ESRCH => f.write_str("no such route"),
            error if error == ENOMEM => f.write_str("out of memory"),
            error if error == EINVAL => f.write_str("Nexthop id does not exist"),
            error if error == ENOSPC => f.write_str(
                "table full: max_routes reached, or too many next hops or metrics of a prefix",
            ),
            error => write!(f, "errno {}", -error.to_errno()),
        }
    }
}

impl fmt::Display for FailedOperation {
    /// Identifies the operation. The number of its line, if it has one, is already in the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line.is_none() {
            write!(f, "operation {} of the transaction: ", self.index)?;
        }
        self.prefix.map_or(Ok(()), |prefix| write!(f, "{prefix}: "))
    }
}

impl fmt::Display for LineError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Line(BadLine::TooLong) => write!(f, "line longer than {MAX_LINE} bytes"),
            LineError::Line(BadLine::Json) => f.write_str(JSON),
            LineError::JoinedTooLong => {
                write!(f, "command of several lines longer than {MAX_JOINED} bytes")
            }
            LineError::Line(BadLine::NotText(0xef, 1)) => f.write_str(
                "the line starts with a UTF-8 byte order mark; save the file without it",
            ),
            LineError::Line(BadLine::NotText(byte, column)) => {
                write!(f, "byte {byte:#04x} in column {column} is not text")
            }
            LineError::PrintedTooLong(length) => write!(
                f,
                "'show' would print {length} bytes, but a line has at most {MAX_LINE}; name fewer \
                 members"
            ),
            LineError::Command(refusal) => refusal.fmt(f),
            LineError::Denied => f.write_str("changes require CAP_NET_ADMIN"),
            LineError::Change(Some(prefix), error) => {
                write!(f, "{prefix}: {}", TableError(*error))
            }
            LineError::Object(id, error) => write!(f, "nexthop id {id}: {error}"),
            LineError::ObjectInTransaction => {
                f.write_str("a transaction cannot change nexthops; write this line before 'begin'")
            }
            LineError::NoRoute(address) => write!(f, "{address}: no route"),
            LineError::AnswersFull => f.write_str("too many answers unread; read them first"),
            LineError::MonitorsFull(limit) => {
                write!(f, "{limit} files monitor the table; close one of them")
            }
            LineError::TransactionOpen => {
                f.write_str("a transaction is open; 'commit' or 'abort' ends it")
            }
            LineError::NoTransaction => f.write_str("no transaction is open; 'begin' opens one"),
            LineError::TransactionFull => write!(
                f,
                "a transaction holds at most {} changes; 'begin reload' has no limit",
                Transaction::MAX_OPERATIONS
            ),
            LineError::Commit(failure) => {
                if let Some(operation) = &failure.operation {
                    write!(f, "{operation}")?;
                }
                TableError(failure.error).fmt(f)
            }
            LineError::Change(None, error) | LineError::Kernel(error) => TableError(*error).fmt(f),
        }
    }
}
