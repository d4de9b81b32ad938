// SPDX-License-Identifier: GPL-2.0

//! A route and its textual form, which is iproute2's.

use super::{Family, NextHop, Prefix};
use core::{fmt, net::IpAddr};

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destinations.
    pub prefix: Prefix,
    /// Of several routes with the same prefix, the one with the lowest metric serves.
    pub metric: u32,
    /// The next hop of packets to these destinations.
    pub next_hop: NextHop,
}

/// Writes ` via [FAMILY] ADDRESS`, with the family if it differs from the prefix's.
fn write_gateway(f: &mut fmt::Formatter<'_>, family: Family, gateway: IpAddr) -> fmt::Result {
    match (family, gateway) {
        (Family::Inet, IpAddr::V6(_)) => write!(f, " via inet6 {gateway}"),
        (Family::Inet6, IpAddr::V4(_)) => write!(f, " via inet {gateway}"),
        _ => write!(f, " via {gateway}"),
    }
}

impl fmt::Display for Route {
    /// Writes the route in the form that the device accepts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix;
        match self.next_hop {
            NextHop::Via(gateway, dev) => {
                write!(f, "{prefix}")?;
                write_gateway(f, prefix.family(), gateway)?;
                if let Some(dev) = dev {
                    write!(f, " dev {dev}")?;
                }
            }
            NextHop::Dev(dev) => write!(f, "{prefix} dev {dev}")?,
            NextHop::Blackhole => write!(f, "blackhole {prefix}")?,
            NextHop::Unreachable => write!(f, "unreachable {prefix}")?,
            NextHop::Prohibit => write!(f, "prohibit {prefix}")?,
            NextHop::Throw => write!(f, "throw {prefix}")?,
            NextHop::Local(None) => write!(f, "local {prefix}")?,
            NextHop::Local(Some(dev)) => write!(f, "local {prefix} dev {dev}")?,
        }
        match self.metric {
            0 => Ok(()),
            metric => write!(f, " metric {metric}"),
        }
    }
}
