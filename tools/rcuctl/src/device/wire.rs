// SPDX-License-Identifier: GPL-2.0

//! Conversions between the table's types and the structures of the ioctls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::device::grammar::Command;
use crate::device::uapi::{self, Address, Operation};
use crate::rcu_table::{DevName, Family, Mode, NextHop, Prefix, Route};

/// Converts a command to an operation, unless it is a query or controls a transaction.
pub(crate) fn operation(command: &Command) -> Option<Operation> {
    match command {
        Command::Insert(mode, route) => Some(Operation {
            verb: match mode {
                Mode::Add => uapi::ADD,
                Mode::Change => uapi::CHANGE,
                Mode::Replace => uapi::REPLACE,
            },
            flags: 0,
            route: encode(route.prefix, route.metric, Some(route.next_hop))?,
        }),
        Command::Delete(prefix, metric, next_hop) => Some(Operation {
            verb: uapi::DEL,
            flags: metric.map_or(0, |_| uapi::DEL_METRIC),
            route: encode(*prefix, metric.unwrap_or(0), *next_hop)?,
        }),
        Command::Flush(family) => Some(flush(*family)),
        _ => None,
    }
}

fn flush(family: Option<Family>) -> Operation {
    let family = match family {
        None => uapi::AF_UNSPEC,
        Some(Family::Inet) => uapi::AF_INET,
        Some(Family::Inet6) => uapi::AF_INET6,
    };
    let mut flush = Operation {
        verb: uapi::FLUSH,
        ..Operation::default()
    };
    flush.route.dst.family = family;
    flush
}

pub fn address(address: IpAddr) -> Address {
    let mut bytes = [0; 16];
    let family = match address {
        IpAddr::V4(v4) => {
            bytes[..4].copy_from_slice(&v4.octets());
            uapi::AF_INET
        }
        IpAddr::V6(v6) => {
            bytes = v6.octets();
            uapi::AF_INET6
        }
    };
    Address {
        family,
        bytes,
        ..Address::default()
    }
}

/// Without a next hop, the result matches any route in a deletion. Returns `None` for a route of an
/// object, which the structure cannot express.
fn encode(prefix: Prefix, metric: u32, next_hop: Option<NextHop>) -> Option<uapi::Route> {
    let (kind, gateway, dev) = match next_hop {
        None => (uapi::TYPE_NONE, None, None),
        Some(NextHop::Via(gateway, dev)) => (uapi::TYPE_UNICAST, Some(gateway), dev),
        Some(NextHop::Dev(dev)) => (uapi::TYPE_UNICAST, None, Some(dev)),
        Some(NextHop::Blackhole) => (uapi::TYPE_BLACKHOLE, None, None),
        Some(NextHop::Unreachable) => (uapi::TYPE_UNREACHABLE, None, None),
        Some(NextHop::Prohibit) => (uapi::TYPE_PROHIBIT, None, None),
        Some(NextHop::Throw) => (uapi::TYPE_THROW, None, None),
        Some(NextHop::Local(dev)) => (uapi::TYPE_LOCAL, None, dev),
        Some(NextHop::Object(_)) => return None,
    };
    let mut route = uapi::Route {
        dst: address(prefix.address()),
        prefix_len: prefix.len(),
        kind,
        metric,
        gateway: gateway.map(address).unwrap_or_default(),
        ..uapi::Route::default()
    };
    if let Some(dev) = &dev {
        let name = dev.as_str().as_bytes();
        route.dev[..name.len()].copy_from_slice(name);
    }
    Some(route)
}

/// Converts a structure of the kernel to a route; `None` if it is not a valid one.
pub fn decode(route: &uapi::Route) -> Option<Route> {
    let prefix = Prefix::new(ip(&route.dst)?, route.prefix_len).ok()?;
    let gateway = match route.gateway.family {
        uapi::AF_UNSPEC => None,
        _ => Some(ip(&route.gateway)?),
    };
    let dev = match route.dev.split(|&byte| byte == 0).next()? {
        [] => None,
        name => Some(DevName::new(std::str::from_utf8(name).ok()?)?),
    };
    let next_hop = match (route.kind, gateway, dev) {
        (uapi::TYPE_UNICAST, Some(gateway), dev) => NextHop::Via(gateway, dev),
        (uapi::TYPE_UNICAST, None, Some(dev)) => NextHop::Dev(dev),
        (uapi::TYPE_BLACKHOLE, None, None) => NextHop::Blackhole,
        (uapi::TYPE_UNREACHABLE, None, None) => NextHop::Unreachable,
        (uapi::TYPE_PROHIBIT, None, None) => NextHop::Prohibit,
        (uapi::TYPE_THROW, None, None) => NextHop::Throw,
        (uapi::TYPE_LOCAL, None, dev) => NextHop::Local(dev),
        _ => return None,
    };
    Some(Route {
        prefix,
        metric: route.metric,
        next_hop,
    })
}

pub fn ip(address: &Address) -> Option<IpAddr> {
    let [a, b, c, d, ..] = address.bytes;
    match address.family {
        uapi::AF_INET => Some(Ipv4Addr::new(a, b, c, d).into()),
        uapi::AF_INET6 => Some(Ipv6Addr::from(address.bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::grammar::command;

    fn encoded(line: &str) -> Operation {
        command(format!("{line}\n").as_bytes())
            .and_then(|command| operation(&command))
            .unwrap_or_else(|| panic!("{line:?} is not an operation"))
    }

    #[test]
    fn decoding_an_encoded_route_returns_the_route() {
        for line in [
            "10.0.0.0/8 via 192.0.2.1",
            "10.0.0.0/8 via 192.0.2.1 dev eth0 metric 20",
            "10.1.2.3/32 via inet6 fe80::1 dev abcdefghijklmno",
            "::/0 via inet 192.0.2.1 metric 4294967295",
            "2001:db8::/33 via fe80::1",
            "0.0.0.0/0 dev lo",
            "blackhole 2001:db8::/32",
            "unreachable 10.0.0.0/8",
            "prohibit 10.0.0.0/8 metric 1",
        ] {
            let operation = encoded(line);
            assert_eq!((operation.verb, operation.flags), (uapi::ADD, 0));
            let route = decode(&operation.route).expect("a route");
            assert_eq!(route.to_string(), line);
        }
    }

    #[test]
    fn encoded_fields_have_the_values_of_the_header() {
        let operation = encoded("replace 10.2.0.0/16 via inet6 fe80::1 dev eth0 metric 258");
        assert_eq!(operation.verb, 3);
        let route = operation.route;
        assert_eq!(
            (route.dst.family, &route.dst.bytes[..5]),
            (2, &[10, 2, 0, 0, 0][..])
        );
        assert_eq!((route.prefix_len, route.kind, route.metric), (16, 1, 258));
        assert_eq!(
            (route.gateway.family, &route.gateway.bytes[..2]),
            (10, &[0xfe, 0x80][..])
        );
        assert_eq!(&route.dev, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(encoded("change blackhole ::/0").verb, 2);
    }

    #[test]
    fn a_deletion_encodes_only_the_given_conditions() {
        let any = encoded("del 10.0.0.0/8");
        assert_eq!((any.verb, any.flags, any.route.kind), (4, 0, 0));
        let metric = encoded("del 10.0.0.0/8 metric 0");
        assert_eq!((metric.flags, metric.route.metric), (1, 0));
        let dev = encoded("del 10.0.0.0/8 dev a").route;
        assert_eq!((dev.kind, dev.gateway.family, dev.dev[0]), (1, 0, b'a'));
    }

    #[test]
    fn a_flush_encodes_the_family() {
        for (line, family) in [("flush", 0), ("flush inet", 2), ("flush inet6", 10)] {
            let flush = encoded(line);
            assert_eq!((flush.verb, flush.route.dst.family), (5, family));
        }
    }

    #[test]
    fn a_query_is_not_an_operation() {
        for line in ["get 10.0.0.1", "show", "stats", "help"] {
            let command = command(format!("{line}\n").as_bytes()).expect("valid");
            assert_eq!(operation(&command), None, "{line}");
        }
    }

    #[test]
    fn an_invalid_structure_is_not_decoded() {
        let good = encoded("10.0.0.0/8 via 192.0.2.1 dev a").route;
        assert!(decode(&good).is_some());
        let bad = |change: fn(&mut uapi::Route)| {
            let mut route = good;
            change(&mut route);
            assert_eq!(decode(&route), None, "{route:?}");
        };
        bad(|route| route.dst.family = 0);
        bad(|route| route.dst.bytes[3] = 1);
        bad(|route| route.prefix_len = 33);
        bad(|route| route.gateway.family = 3);
        bad(|route| route.kind = uapi::TYPE_BLACKHOLE);
        bad(|route| route.kind = 2);
        bad(|route| route.dev = [b'a'; 16]);
    }
}
