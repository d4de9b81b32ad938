// SPDX-License-Identifier: GPL-2.0

//! Where a route comes from, as its gateway tells.

use crate::rcu_table::NextHop;
use core::net::{IpAddr, Ipv6Addr};

/// Who made a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The checking writer: which of the sites, and which version.
    Checked { site: usize, version: u32 },
    /// A fake writer: any number.
    Fake { number: u32 },
}

/// 2001:db8::/32, for documentation: in front of what is told.
const NETWORK: u128 = 0x2001_0db8 << 96;
const FAKE: u128 = 1 << 95;

impl Origin {
    /// The gateway that tells this.
    pub(super) fn next_hop(self) -> NextHop {
        let bits = match self {
            Self::Checked { site, version } => ((site as u128) << 32) | u128::from(version),
            Self::Fake { number } => FAKE | u128::from(number),
        };
        NextHop::Via(Ipv6Addr::from(NETWORK | bits).into(), None)
    }

    /// What a next hop tells; `None` if none of the writers made it.
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
