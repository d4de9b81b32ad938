// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a line, as an errno for programs and as a sentence for people.

use super::{
    command::Refusal,
    lines::{BadLine, MAX_LINE},
};
use crate::rcu_table::Prefix;
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
    /// The table refuses the change of a route.
    Prefix(Prefix, Error),
    /// No route serves the address.
    NoRoute(IpAddr),
    /// Too many answers wait to be read.
    Unread,
    /// Something else the kernel could not do.
    Kernel(Error),
}

impl Complaint<'_> {
    /// The errno, as iproute2's users expect it.
    pub(super) fn errno(&self) -> Error {
        match self {
            Complaint::Line(BadLine::TooLong) => E2BIG,
            Complaint::Line(_) | Complaint::Command(_) => EINVAL,
            Complaint::Denied => EPERM,
            Complaint::Prefix(_, error) | Complaint::Kernel(error) => *error,
            Complaint::NoRoute(_) => Error::from_errno(-(bindings::ENETUNREACH as c_int)),
            Complaint::Unread => Error::from_errno(-(bindings::ENOBUFS as c_int)),
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
            error => write!(f, "errno {}", -error.to_errno()),
        }
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
            Complaint::Denied => f.write_str("changes need CAP_NET_ADMIN"),
            Complaint::Prefix(prefix, error) => write!(f, "{prefix}: {}", Why(*error)),
            Complaint::NoRoute(address) => write!(f, "{address}: no route"),
            Complaint::Unread => f.write_str("too many answers unread; read them first"),
            Complaint::Kernel(error) => Why(*error).fmt(f),
        }
    }
}
