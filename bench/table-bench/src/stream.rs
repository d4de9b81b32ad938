// SPDX-License-Identifier: GPL-2.0

//! Makes addresses to look up, and new routes that resemble those of a table.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcu_routes::rcu_table::{Family, Prefix, Route};
use rcu_routes::testing::Random;

/// An address of one family. It is smaller than [`IpAddr`], so that reading a stream costs little.
pub trait Address: Copy + Into<IpAddr> {
    const FAMILY: Family;

    /// Makes an address of the most significant bits.
    fn from_leading(bits: u128) -> Self;

    /// The address, left-aligned.
    fn leading(address: IpAddr) -> u128;
}

impl Address for Ipv4Addr {
    const FAMILY: Family = Family::Inet;

    fn from_leading(bits: u128) -> Self {
        Self::from_bits((bits >> 96) as u32)
    }

    fn leading(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(_) => 0,
        }
    }
}

impl Address for Ipv6Addr {
    const FAMILY: Family = Family::Inet6;

    fn from_leading(bits: u128) -> Self {
        Self::from_bits(bits)
    }

    fn leading(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(_) => 0,
            IpAddr::V6(address) => address.to_bits(),
        }
    }
}

fn host_bits(len: u8) -> u128 {
    u128::MAX.checked_shr(len.into()).unwrap_or(0)
}

/// Makes uniformly random addresses.
pub fn anywhere<A: Address>(count: usize, random: &mut Random) -> Vec<A> {
    (0..count).map(|_| A::from_leading(random.wide())).collect()
}

/// Makes random addresses, each in a random prefix. All prefixes must be of the family of `A`, and
/// there must be one.
pub fn inside<A: Address>(prefixes: &[Prefix], count: usize, random: &mut Random) -> Vec<A> {
    let address = |random: &mut Random| {
        let prefix = prefixes[random.below(prefixes.len())];
        let host = random.wide() & host_bits(prefix.len());
        A::from_leading(A::leading(prefix.address()) | host)
    };
    (0..count).map(|_| address(random)).collect()
}

/// Makes routes that are not in `routes`: each in a random route's prefix, with that route's next
/// hop and the length of another random route. All routes must be of the family of `A`.
pub fn more_specifics<A: Address>(
    routes: &[Route],
    count: usize,
    random: &mut Random,
) -> Vec<Route> {
    let mut known: HashSet<_> = routes.iter().map(|route| key(&route.prefix)).collect();
    let mut new = Vec::new();
    while new.len() < count {
        let route = routes[random.below(routes.len())];
        let len = routes[random.below(routes.len())].prefix.len();
        if len <= route.prefix.len() {
            continue;
        }
        let host = random.wide() & host_bits(route.prefix.len());
        let bits = (A::leading(route.prefix.address()) | host) & !host_bits(len);
        let address: IpAddr = A::from_leading(bits).into();
        let Ok(prefix) = Prefix::new(address, len) else {
            continue;
        };
        if known.insert(key(&prefix)) {
            new.push(Route { prefix, ..route });
        }
    }
    new
}

fn key(prefix: &Prefix) -> (IpAddr, u8) {
    (prefix.address(), prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcu_routes::testing::{prefix, route};

    #[test]
    fn addresses_keep_the_prefix_and_vary_the_host_bits() {
        let random = &mut Random::new(1);
        let addresses: Vec<Ipv4Addr> = inside(&[prefix("10.1.0.0/16")], 100, random);
        assert!(addresses.iter().all(|a| a.octets()[..2] == [10, 1]));
        let distinct: HashSet<_> = addresses.iter().collect();
        assert!(distinct.len() > 90);
        let host: Vec<Ipv6Addr> = inside(&[prefix("2001:db8::1/128")], 1, random);
        assert_eq!(host[0].to_string(), "2001:db8::1");
        let any: Vec<Ipv6Addr> = inside(&[prefix("::/0")], 2, random);
        assert_ne!(any[0], any[1]);
    }

    #[test]
    fn new_routes_are_new_and_more_specific() {
        let routes = ["10.0.0.0/8 dev a", "10.0.0.0/16 dev b", "11.0.0.0/14 dev c"].map(route);
        let new = more_specifics::<Ipv4Addr>(&routes, 50, &mut Random::new(2));
        let keys: HashSet<_> = new.iter().map(|route| key(&route.prefix)).collect();
        assert_eq!(keys.len(), 50);
        for route in new {
            assert!([14, 16].contains(&route.prefix.len()));
            assert!(routes.iter().all(|old| old.prefix != route.prefix));
        }
    }
}
