// SPDX-License-Identifier: GPL-2.0

//! A route, and its form in iproute2's words.

use super::{Family, NextHop, Prefix};
use core::{fmt, net::IpAddr};

/// A route as it goes in and comes out of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which destinations it serves.
    pub prefix: Prefix,
    /// Among routes with the same prefix, the lowest metric serves.
    pub metric: u32,
    /// Where they go.
    pub next_hop: NextHop,
}

/// ` via [FAMILY] ADDRESS`: the family is named where it is not the prefix's own.
fn write_gateway(f: &mut fmt::Formatter<'_>, family: Family, gateway: IpAddr) -> fmt::Result {
    match (family, gateway) {
        (Family::Inet, IpAddr::V6(_)) => write!(f, " via inet6 {gateway}"),
        (Family::Inet6, IpAddr::V4(_)) => write!(f, " via inet {gateway}"),
        _ => write!(f, " via {gateway}"),
    }
}

impl fmt::Display for Route {
    /// The form in which the route can be written back to the device.
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
        }
        match self.metric {
            0 => Ok(()),
            metric => write!(f, " metric {metric}"),
        }
    }
}
