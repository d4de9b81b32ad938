// SPDX-License-Identifier: GPL-2.0

//! A naive table to compare the device with: a sorted map, searched from end to end.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use nix::errno::Errno;

/// Which routes are the same, in the order of the table: prefix and metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub address: IpAddr,
    pub len: u8,
    pub metric: u32,
}

impl Key {
    /// The key of the prefix that covers `address`.
    pub fn covering(address: IpAddr, len: u8, metric: u32) -> Self {
        Self {
            address: network(address, len),
            len,
            metric,
        }
    }

    pub fn prefix(&self) -> String {
        format!("{}/{}", self.address, self.len)
    }

    /// The route in the form in which the device shows it.
    pub fn line(&self, next_hop: &str) -> String {
        match self.metric {
            0 => format!("{} {next_hop}\n", self.prefix()),
            metric => format!("{} {next_hop} metric {metric}\n", self.prefix()),
        }
    }
}

/// The address with the bits beyond `len` cleared.
pub fn network(address: IpAddr, len: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

/// The address with bit number `bit`, counted from the left, inverted.
pub fn invert(address: IpAddr, bit: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() ^ (1 << (31 - bit))).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ (1 << (127 - bit))).into(),
    }
}

/// Routes with their next hops, ` via ...` and the like as text.
#[derive(Default)]
pub struct Model(BTreeMap<Key, String>);

impl Model {
    pub fn add(&mut self, key: Key, next_hop: &str) -> Result<(), Errno> {
        match self.0.contains_key(&key) {
            true => Err(Errno::EEXIST),
            false => self.replace(key, next_hop),
        }
    }

    pub fn change(&mut self, key: Key, next_hop: &str) -> Result<(), Errno> {
        match self.0.contains_key(&key) {
            true => self.replace(key, next_hop),
            false => Err(Errno::ENOENT),
        }
    }

    pub fn replace(&mut self, key: Key, next_hop: &str) -> Result<(), Errno> {
        self.0.insert(key, next_hop.to_owned());
        Ok(())
    }

    pub fn delete(&mut self, key: Key) -> Result<(), Errno> {
        self.0.remove(&key).map(drop).ok_or(Errno::ESRCH)
    }

    /// The line of the route that serves the address.
    pub fn get(&self, address: IpAddr) -> Result<String, Errno> {
        let family = |key: &&Key| key.address.is_ipv4() == address.is_ipv4();
        let covering = |key: &&Key| network(address, key.len) == key.address;
        let keys = self.0.keys().filter(family).filter(covering);
        let best = keys.max_by_key(|key| (key.len, std::cmp::Reverse(key.metric)));
        best.map(|key| key.line(&self.0[key]))
            .ok_or(Errno::ENETUNREACH)
    }

    pub fn dump(&self) -> String {
        self.0
            .iter()
            .map(|(key, next_hop)| key.line(next_hop))
            .collect()
    }
}
