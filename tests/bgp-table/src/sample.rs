// SPDX-License-Identifier: GPL-2.0

//! Random addresses to look up.
//!
//! The addresses repeat four kinds: any IPv4 address, any IPv6 address, one in an IPv4 prefix of
//! the table, one in an IPv6 prefix of the table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::prefix::{host_mask4, host_mask6, Prefix};
use crate::random::Random;
use crate::route::Route;
use crate::table::Table;

pub struct Sample<'a> {
    table: &'a Table,
    random: Random,
    turn: u8,
}

impl<'a> Sample<'a> {
    pub fn new(table: &'a Table, seed: u64) -> Self {
        Self {
            table,
            random: Random::new(seed),
            turn: 0,
        }
    }

    pub fn next_address(&mut self) -> IpAddr {
        let turn = self.turn;
        self.turn = (turn + 1) % 4;
        match turn {
            0 => self.any_v4(),
            1 => self.any_v6(),
            2 => self
                .in_one_of(self.table.v4())
                .unwrap_or_else(|| self.any_v4()),
            _ => self
                .in_one_of(self.table.v6())
                .unwrap_or_else(|| self.any_v6()),
        }
    }

    fn any_v4(&mut self) -> IpAddr {
        Ipv4Addr::from_bits(self.random.next_u32()).into()
    }

    fn any_v6(&mut self) -> IpAddr {
        Ipv6Addr::from_bits(self.random.next_u128()).into()
    }

    /// Chooses an address in one of `routes`, or none if there is no route.
    fn in_one_of(&mut self, routes: &[Route]) -> Option<IpAddr> {
        let route = self.random.choose(routes)?;
        Some(match route.prefix {
            Prefix::V4 { address, length } => {
                let host = self.random.next_u32() & host_mask4(length);
                Ipv4Addr::from_bits(address.to_bits() | host).into()
            }
            Prefix::V6 { address, length } => {
                let host = self.random.next_u128() & host_mask6(length);
                Ipv6Addr::from_bits(address.to_bits() | host).into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Oracle;

    fn table(text: &str) -> Table {
        Table::read(text.as_bytes()).expect("a table")
    }

    fn addresses(table: &Table, seed: u64, count: usize) -> Vec<IpAddr> {
        let mut sample = Sample::new(table, seed);
        (0..count).map(|_| sample.next_address()).collect()
    }

    #[test]
    fn half_of_the_addresses_are_served_and_half_are_ipv4() {
        let table = table("10.0.0.0/24 1\n192.0.2.1/32 2\n2001:db8::/64 3\n2001:db8:1::1/128 4\n");
        let oracle = Oracle::new(&table);
        let addresses = addresses(&table, 1, 4000);
        assert_eq!(
            addresses.iter().filter(|address| address.is_ipv4()).count(),
            2000
        );
        for turn in addresses.chunks(4) {
            assert!(
                turn[2..]
                    .iter()
                    .all(|&address| oracle.lookup(address).is_some()),
                "{turn:?}"
            );
        }
        let served = addresses
            .iter()
            .filter(|&&address| oracle.lookup(address).is_some())
            .count();
        assert!((2000..2010).contains(&served), "{served}");
        for route in table.routes() {
            let hits = addresses
                .iter()
                .filter(|&&address| oracle.lookup(address).as_ref() == Some(route))
                .count();
            assert!((400..600).contains(&hits), "{route}: {hits}");
        }
    }

    #[test]
    fn all_addresses_of_a_prefix_are_chosen() {
        let table = table("10.0.0.0/31 1\n");
        let all = addresses(&table, 7, 400);
        for address in ["10.0.0.0", "10.0.0.1"] {
            let address: IpAddr = address.parse().expect("an address");
            assert!(all.contains(&address), "{address}");
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_addresses() {
        let table = table("10.0.0.0/8 1\n2001:db8::/32 2\n");
        let text: Vec<_> = addresses(&table, 42, 4)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            text,
            [
                "163.0.24.9",
                "3d36:1897:2c55:d911:c2c5:fa78:9a8b:6a2d",
                "10.95.117.60",
                "2001:db8:42f4:86dc:864f:f6ef:dee6:dfe8",
            ]
        );
        assert_ne!(addresses(&table, 43, 4), addresses(&table, 42, 4));
    }

    #[test]
    fn a_table_may_lack_a_family() {
        for text in ["", "10.0.0.0/8 1\n", "::/0 1\n"] {
            assert_eq!(addresses(&table(text), 1, 8).len(), 8);
        }
    }
}
