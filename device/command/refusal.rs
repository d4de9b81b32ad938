// SPDX-License-Identifier: GPL-2.0

//! Why the parser refused a line, as a sentence that names the word at fault.

use crate::rcu_table::{Family, Prefix};
use core::{fmt, net::IpAddr};

/// The reason why the parser refused a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    UnknownWord,
    MissingArgument(&'static str),
    Repeated,
    InvalidPrefix,
    /// The family that the address must have, if the line names one.
    InvalidAddress(Option<Family>),
    InvalidFamily,
    InvalidLength(Family),
    HostBits {
        address: IpAddr,
        len: u8,
    },
    InvalidNumber,
    InvalidWeight,
    InvalidObject,
    InvalidMember,
    MissingContents,
    ManyContents,
    InvalidGateway,
    InvalidDevice,
    /// The table cannot store a route with this word, for this reason.
    Unsupported(&'static str),
    MissingNextHop,
    /// A route that discards packets has no next hop; a local one has no gateway.
    UnexpectedNextHop,
    /// The family of the prefix, which differs from the gateway's.
    GatewayFamily(Family),
}

/// A line that the parser refused: the word at fault, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    pub(crate) word: &'a str,
    pub(crate) reason: Reason,
}

pub(super) type Parsed<'a, T> = Result<T, Refusal<'a>>;

impl<'a> Refusal<'a> {
    pub(super) fn new(word: &'a str, reason: Reason) -> Self {
        Self { word, reason }
    }
}

pub(super) fn refuse<T>(word: &str, reason: Reason) -> Parsed<'_, T> {
    Err(Refusal::new(word, reason))
}

/// A word in a message: unprintable characters are escaped, a long word is cut.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 64;
        for (at, char) in self.0.chars().enumerate() {
            match char {
                _ if at == MAX_CHARS => return f.write_str("..."),
                ' '..='~' => write!(f, "{char}")?,
                _ => write!(f, "{}", char.escape_default())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Excerpt(self.word))?;
        match self.reason {
            Reason::UnknownWord => f.write_str("unknown word; 'help' lists the commands"),
            Reason::MissingArgument(what) => write!(f, "{what} missing"),
            Reason::Repeated => f.write_str("given twice"),
            Reason::InvalidPrefix => f.write_str("not an IPv4 or IPv6 prefix"),
            Reason::InvalidAddress(None) => f.write_str("not an IPv4 or IPv6 address"),
            Reason::InvalidAddress(Some(Family::Inet)) => f.write_str("not an IPv4 address"),
            Reason::InvalidAddress(Some(Family::Inet6)) => f.write_str("not an IPv6 address"),
            Reason::InvalidFamily => f.write_str("expected inet or inet6"),
            Reason::InvalidLength(family) => {
                write!(f, "expected a prefix length from 0 to {}", family.bits())
            }
            Reason::HostBits { address, len } => {
                write!(f, "host bits set; use {}", Prefix::network(address, len))
            }
            Reason::InvalidNumber => f.write_str("expected a number from 0 to 4294967295"),
            Reason::InvalidWeight => f.write_str("expected a weight from 1 to 256"),
            Reason::InvalidObject => f.write_str("expected the id of a nexthop, from 1"),
            Reason::MissingContents => f.write_str("add via, dev, blackhole or group"),
            Reason::ManyContents => {
                f.write_str("blackhole, group, and via or dev exclude each other")
            }
            Reason::InvalidMember => f.write_str(
                "expected ID or ID,WEIGHT with a weight from 1 to 256, separated by '/'",
            ),
            Reason::InvalidGateway => f.write_str("no gateway has this address"),
            Reason::Unsupported(why) => f.write_str(why),
            Reason::InvalidDevice => {
                f.write_str("expected a device name: at most 15 characters, none of / : \\")
            }
            Reason::MissingNextHop => {
                f.write_str("next hop missing; add via, dev or a type such as blackhole")
            }
            Reason::UnexpectedNextHop => f.write_str("a route of this type has no next hop"),
            Reason::GatewayFamily(Family::Inet) => {
                f.write_str("IPv6 gateway for an IPv4 prefix; use 'via inet6 ADDRESS'")
            }
            Reason::GatewayFamily(Family::Inet6) => {
                f.write_str("IPv4 gateway for an IPv6 prefix; use 'via inet ADDRESS'")
            }
        }
    }
}
