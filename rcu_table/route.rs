// SPDX-License-Identifier: GPL-2.0

//! A route and its textual form, which is iproute2's.

use super::{Family, HopId, NextHop, Prefix};
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

/// A route of an object, with the next hop that the object has now. `ip route` prints both.
pub struct ObjectRoute {
    /// The route with the next hop of the object.
    pub route: Route,
    /// The object.
    pub object: HopId,
}

/// A prefix, and the object of its route, if there is one.
struct Head(Prefix, Option<HopId>);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        self.1.map_or(Ok(()), |object| write!(f, " {object}"))
    }
}

/// Writes a route in the form that the device accepts.
fn write_route(f: &mut fmt::Formatter<'_>, route: &Route, object: Option<HopId>) -> fmt::Result {
    let family = route.prefix.family();
    let head = Head(route.prefix, object);
    match route.next_hop {
        NextHop::Via(gateway, dev) => {
            write!(f, "{head}")?;
            write_gateway(f, family, gateway)?;
            if let Some(dev) = dev {
                write!(f, " dev {dev}")?;
            }
        }
        NextHop::Dev(dev) => write!(f, "{head} dev {dev}")?,
        NextHop::Blackhole => write!(f, "blackhole {head}")?,
        NextHop::Unreachable => write!(f, "unreachable {head}")?,
        NextHop::Prohibit => write!(f, "prohibit {head}")?,
        NextHop::Throw => write!(f, "throw {head}")?,
        NextHop::Object(id) => write!(f, "{head} {id}")?,
        NextHop::Local(None) => write!(f, "local {head}")?,
        NextHop::Local(Some(dev)) => write!(f, "local {head} dev {dev}")?,
    }
    match route.metric {
        0 => Ok(()),
        metric => write!(f, " metric {metric}"),
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_route(f, self, None)
    }
}

impl fmt::Display for ObjectRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_route(f, &self.route, Some(self.object))
    }
}
