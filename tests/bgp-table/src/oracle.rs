// SPDX-License-Identifier: GPL-2.0

//! The expected answers: longest-prefix match by the crate `iptrie`.

use std::net::IpAddr;

use iptrie::map::RTrieMap;
use iptrie::{Ipv4LCTrieMap, Ipv4Prefix, Ipv6LCTrieMap, Ipv6Prefix};

use crate::prefix::Prefix;
use crate::route::Route;
use crate::table::Table;

/// The tries of both families. `iptrie` requires a value at the root: it is `None` if the table has
/// no default route.
pub struct Oracle {
    v4: Ipv4LCTrieMap<Option<Route>>,
    v6: Ipv6LCTrieMap<Option<Route>>,
}

impl Oracle {
    pub fn new(table: &Table) -> Self {
        let mut v4 = RTrieMap::with_root_and_capacity(None, table.v4().len() + 1);
        let mut v6 = RTrieMap::with_root_and_capacity(None, table.v6().len() + 1);
        for &route in table.routes() {
            match route.prefix {
                Prefix::V4 { address, length } => {
                    let prefix = Ipv4Prefix::new(address, length).expect("at most 32 bits");
                    v4.insert(prefix, Some(route));
                }
                Prefix::V6 { address, length } => {
                    let prefix = Ipv6Prefix::new(address, length).expect("at most 128 bits");
                    v6.insert(prefix, Some(route));
                }
            }
        }
        Self {
            v4: v4.compress(),
            v6: v6.compress(),
        }
    }

    /// The route that serves an address.
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        match address {
            IpAddr::V4(address) => *self.v4.lookup(&address).1,
            IpAddr::V6(address) => *self.v6.lookup(&address).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "10.0.0.0/8 1
10.1.0.0/16 2
10.1.1.1/32 3
2001:db8::/32 4
2001:db8::1/128 5
";

    fn serving(table: &str, address: &str) -> Option<String> {
        let table = Table::read(table.as_bytes()).expect("a table");
        let address = address.parse().expect("an address");
        Oracle::new(&table)
            .lookup(address)
            .map(|route| route.to_string())
    }

    #[test]
    fn the_longest_prefix_serves() {
        for (address, route) in [
            ("10.1.1.1", Some("10.1.1.1/32 via 10.0.0.3")),
            ("10.1.1.2", Some("10.1.0.0/16 via 10.0.0.2")),
            ("10.2.1.1", Some("10.0.0.0/8 via 10.0.0.1")),
            ("11.0.0.0", None),
            ("2001:db8::1", Some("2001:db8::1/128 via fd00::5")),
            ("2001:db8::2", Some("2001:db8::/32 via fd00::4")),
            ("2001:db9::", None),
        ] {
            assert_eq!(serving(TABLE, address).as_deref(), route, "{address}");
        }
    }

    #[test]
    fn a_default_route_serves_its_family_only() {
        assert_eq!(
            serving("::/0 9\n", "1::1").as_deref(),
            Some("::/0 via fd00::9")
        );
        assert_eq!(serving("::/0 9\n", "1.1.1.1"), None);
        assert_eq!(
            serving("0.0.0.0/0 9\n", "1.1.1.1").as_deref(),
            Some("0.0.0.0/0 via 10.0.0.9")
        );
    }
}
