// SPDX-License-Identifier: GPL-2.0

//! Conversion between the ioctls' structures and the table's types.
//!
//! Every byte from user space is checked, so that unused bytes can get a meaning later.

use super::uapi::{self, family, route_type, verb};
use crate::rcu_table::{
    DevName, Family, HopId, Key, Mode, NextHop, Operation, Prefix, Route, Selector, Stats,
};
use core::{net::IpAddr, str};
use kernel::prelude::*;

impl From<IpAddr> for uapi::Address {
    fn from(address: IpAddr) -> Self {
        let mut bytes = [0; 16];
        let family = match address {
            IpAddr::V4(v4) => {
                bytes[..4].copy_from_slice(&v4.octets());
                family::INET
            }
            IpAddr::V6(v6) => {
                bytes = v6.octets();
                family::INET6
            }
        };
        Self {
            family,
            bytes,
            ..Self::default()
        }
    }
}

impl uapi::Address {
    /// Converts to an address.
    ///
    /// Errors: `EINVAL` if the address is malformed or has no family.
    pub(crate) fn to_ip(self) -> Result<IpAddr> {
        let [a, b, c, d, ..] = self.bytes;
        let address = match self.family {
            family::INET => IpAddr::from([a, b, c, d]),
            family::INET6 => IpAddr::from(self.bytes),
            _ => return Err(EINVAL),
        };
        // Reserved and unused bytes must be zero.
        if self != Self::from(address) {
            return Err(EINVAL);
        }
        Ok(address)
    }

    fn to_optional_ip(self) -> Result<Option<IpAddr>> {
        if self == Self::default() {
            return Ok(None);
        }
        self.to_ip().map(Some)
    }
}

/// Parses a device name. Returns `None` for an empty name.
fn dev_name(dev: &[u8; DevName::MAX_LEN + 1]) -> Result<Option<DevName>> {
    let len = dev.iter().position(|&byte| byte == 0).ok_or(EINVAL)?;
    if dev[len..].iter().any(|&byte| byte != 0) {
        return Err(EINVAL);
    }
    if len == 0 {
        return Ok(None);
    }
    let name = str::from_utf8(&dev[..len]).map_err(|_| EINVAL)?;
    DevName::new(name).map(Some).ok_or(EINVAL)
}

/// Returns the number of an object in the place of a gateway; zero for the legs of a multipath
/// route.
fn object_number(id: HopId) -> uapi::Address {
    let mut gateway = uapi::Address::default();
    let number = id.number().unwrap_or(0);
    gateway.bytes[..4].copy_from_slice(&number.to_be_bytes());
    gateway
}

impl From<&Route> for uapi::Route {
    fn from(route: &Route) -> Self {
        let (route_type, gateway, dev) = match route.next_hop {
            NextHop::Via(gateway, dev) => (route_type::UNICAST, Some(gateway), dev),
            NextHop::Dev(dev) => (route_type::UNICAST, None, Some(dev)),
            NextHop::Blackhole => (route_type::BLACKHOLE, None, None),
            NextHop::Unreachable => (route_type::UNREACHABLE, None, None),
            NextHop::Prohibit => (route_type::PROHIBIT, None, None),
            NextHop::Throw => (route_type::THROW, None, None),
            NextHop::Local(dev) => (route_type::LOCAL, None, dev),
            // A lookup replaces the object by its next hop, so this is a route of a dump or a
            // query.
            NextHop::Object(_) => (route_type::OBJECT, None, None),
        };
        let mut name = [0; DevName::MAX_LEN + 1];
        if let Some(dev) = &dev {
            let text = dev.as_str().as_bytes();
            name[..text.len()].copy_from_slice(text);
        }
        Self {
            dst: route.prefix.address().into(),
            prefix_len: route.prefix.len(),
            route_type,
            reserved: 0,
            metric: route.metric,
            gateway: match route.next_hop {
                NextHop::Object(id) => object_number(id),
                _ => gateway.map_or(uapi::Address::default(), uapi::Address::from),
            },
            dev: name,
        }
    }
}

impl uapi::Route {
    fn prefix(&self) -> Result<Prefix> {
        Prefix::new(self.dst.to_ip()?, self.prefix_len).map_err(|_| EINVAL)
    }

    /// Returns the next hop; none if the route has no type.
    fn next_hop(&self) -> Result<Option<NextHop>> {
        let via = self.gateway.to_optional_ip()?;
        if via.is_some_and(|gateway| gateway.is_unspecified()) {
            return Err(EINVAL);
        }
        let dev = dev_name(&self.dev)?;
        let next_hop = match (self.route_type, via, dev) {
            (route_type::UNICAST, Some(gateway), dev) => NextHop::Via(gateway, dev),
            (route_type::UNICAST, None, Some(dev)) => NextHop::Dev(dev),
            (route_type::BLACKHOLE, None, None) => NextHop::Blackhole,
            (route_type::UNREACHABLE, None, None) => NextHop::Unreachable,
            (route_type::PROHIBIT, None, None) => NextHop::Prohibit,
            (route_type::THROW, None, None) => NextHop::Throw,
            (route_type::LOCAL, None, dev) => NextHop::Local(dev),
            (route_type::NONE, None, None) => return Ok(None),
            _ => return Err(EINVAL),
        };
        Ok(Some(next_hop))
    }

    fn to_route(self) -> Result<Route> {
        Ok(Route {
            prefix: self.prefix()?,
            metric: self.metric,
            next_hop: self.next_hop()?.ok_or(EINVAL)?,
        })
    }
}

impl From<&Key> for uapi::Key {
    fn from(key: &Key) -> Self {
        Self {
            dst: key.prefix.address().into(),
            prefix_len: key.prefix.len(),
            flags: uapi::KEY_METRIC,
            reserved: 0,
            metric: key.metric,
        }
    }
}

impl uapi::Key {
    /// Converts to a prefix and a metric, if the key has one.
    ///
    /// Errors: `EINVAL` if a field is invalid.
    pub(crate) fn to_key(self) -> Result<(Prefix, Option<u32>)> {
        let has_metric = self.flags & uapi::KEY_METRIC != 0;
        let is_unused = has_metric || self.metric == 0;
        if self.flags & !uapi::KEY_METRIC != 0 || self.reserved != 0 || !is_unused {
            return Err(EINVAL);
        }
        let prefix = Prefix::new(self.dst.to_ip()?, self.prefix_len).map_err(|_| EINVAL)?;
        Ok((prefix, has_metric.then_some(self.metric)))
    }
}

impl uapi::Dump {
    /// Converts to the routes that the dump contains.
    ///
    /// Errors: `EINVAL` if a field is invalid.
    pub(crate) fn selector(&self) -> Result<Selector> {
        if self.flags == uapi::DUMP_PREFIX {
            return match self.select.to_key()? {
                (prefix, None) => Ok(Selector::Prefix(prefix)),
                _ => Err(EINVAL),
            };
        }
        let mut rest = self.select;
        rest.dst.family = family::UNSPEC;
        if self.flags != 0 || rest != uapi::Key::default() {
            return Err(EINVAL);
        }
        match self.select.dst.family {
            family::UNSPEC => Ok(Selector::All),
            family::INET => Ok(Selector::Family(Family::Inet)),
            family::INET6 => Ok(Selector::Family(Family::Inet6)),
            _ => Err(EINVAL),
        }
    }

    /// Converts to the key after which the dump continues; none at its start.
    ///
    /// Errors: `EINVAL` if a field is invalid.
    pub(crate) fn after(&self) -> Result<Option<Key>> {
        if self.after == uapi::Key::default() {
            return Ok(None);
        }
        let (prefix, metric) = self.after.to_key()?;
        let metric = metric.ok_or(EINVAL)?;
        Ok(Some(Key { prefix, metric }))
    }
}

impl uapi::Operation {
    /// Converts to an operation of the table.
    ///
    /// Errors: `EINVAL` if a field is invalid.
    pub(crate) fn to_operation(self) -> Result<Operation> {
        let known = match self.verb {
            verb::DEL => uapi::DEL_METRIC,
            _ => 0,
        };
        if self.flags & !known != 0 || self.route.reserved != 0 {
            return Err(EINVAL);
        }
        match self.verb {
            verb::ADD => Ok(Operation::Insert(self.route.to_route()?, Mode::Add)),
            verb::CHANGE => Ok(Operation::Insert(self.route.to_route()?, Mode::Change)),
            verb::REPLACE => Ok(Operation::Insert(self.route.to_route()?, Mode::Replace)),
            verb::DEL => self.to_remove(),
            verb::FLUSH => self.to_flush(),
            _ => Err(EINVAL),
        }
    }

    fn to_remove(self) -> Result<Operation> {
        let metric = (self.flags & uapi::DEL_METRIC != 0).then_some(self.route.metric);
        if metric.is_none() && self.route.metric != 0 {
            return Err(EINVAL);
        }
        let next_hop = self.route.next_hop()?;
        Ok(Operation::Remove(self.route.prefix()?, metric, next_hop))
    }

    fn to_flush(self) -> Result<Operation> {
        let family = self.route.dst.family;
        let mut rest = self.route;
        rest.dst.family = family::UNSPEC;
        if rest != uapi::Route::default() {
            return Err(EINVAL);
        }
        match family {
            family::UNSPEC => Ok(Operation::Flush(None)),
            family::INET => Ok(Operation::Flush(Some(Family::Inet))),
            family::INET6 => Ok(Operation::Flush(Some(Family::Inet6))),
            _ => Err(EINVAL),
        }
    }
}

impl uapi::Route {
    /// Returns the structure of a next hop and a metric, without a prefix.
    pub(crate) fn of_answer(next_hop: NextHop, metric: u32) -> Self {
        let route = Route {
            prefix: Prefix::network(IpAddr::from([0; 4]), 0),
            metric,
            next_hop,
        };
        Self {
            dst: uapi::Address::default(),
            ..Self::from(&route)
        }
    }
}

impl From<&Stats> for uapi::Stats {
    fn from(stats: &Stats) -> Self {
        Self {
            routes_inet: stats.routes_inet as u64,
            routes_inet6: stats.routes_inet6 as u64,
            next_hops: stats.next_hops as u64,
            objects: stats.objects as u64,
            bytes: stats.bytes as u64,
            generation: stats.generation,
            retired_objects: stats.retired_objects as u64,
            retired_bytes: stats.retired_bytes as u64,
            reclaimed_objects: stats.reclaimed_objects as u64,
            next_hop_bytes: stats.next_hop_bytes as u64,
            copied_bytes: stats.copied_bytes,
            unchanged: stats.unchanged,
            nexthop_objects: stats.nexthop_objects as u64,
        }
    }
}
