// SPDX-License-Identifier: GPL-2.0

//! The encoding of a route's writer, site and version in its gateway.

use crate::rcu_table::NextHop;
use core::net::{IpAddr, Ipv6Addr};

/// The writer that made a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The [`Writer`](super::Writer), with the index of the site and the version.
    Checked { site: usize, version: u32 },
    /// A fake writer, with a random number.
    Fake { number: u32 },
}

/// 2001:db8::/32, the prefix for documentation. All gateways begin with it.
const NETWORK: u128 = 0x2001_0db8 << 96;
const FAKE: u128 = 1 << 95;

impl Origin {
    /// Returns the next hop that encodes this origin.
    pub(super) fn next_hop(self) -> NextHop {
        let bits = match self {
            Self::Checked { site, version } => ((site as u128) << 32) | u128::from(version),
            Self::Fake { number } => FAKE | u128::from(number),
        };
        NextHop::Via(Ipv6Addr::from(NETWORK | bits).into(), None)
    }

    /// Decodes a next hop; returns `None` if none of the writers made it.
    pub(super) fn of(next_hop: &NextHop) -> Option<Self> {
        let NextHop::Via(IpAddr::V6(gateway), None) = next_hop else {
            return None;
        };
        let bits = u128::from(*gateway) ^ NETWORK;
        let number = bits as u32;
        if bits & !u128::from(u32::MAX) == FAKE {
            return Some(Self::Fake { number });
        }
        let site = usize::from(u16::try_from(bits >> 32).ok()?);
        let version = number;
        Some(Self::Checked { site, version })
    }
}
