// SPDX-License-Identifier: GPL-2.0

//! A naive table to compare the device with: a sorted map, searched from end to end.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use nix::errno::Errno;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        }
    }
}

/// The key of a route: prefix and metric, in the order of a dump.
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

    /// The line of the route in a dump.
    pub fn line(&self, next_hop: &str) -> String {
        match self.metric {
            0 => format!("{} {next_hop}\n", self.prefix()),
            metric => format!("{} {next_hop} metric {metric}\n", self.prefix()),
        }
    }

    fn is_of(&self, family: Option<Family>) -> bool {
        family.is_none_or(|family| family == Family::of(self.address))
    }
}

/// Clears the bits of an address beyond `len`.
fn network(address: IpAddr, len: u8) -> IpAddr {
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

/// Inverts bit number `bit` of an address, counted from the left.
pub fn invert(address: IpAddr, bit: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() ^ (1 << (31 - bit))).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ (1 << (127 - bit))).into(),
    }
}

/// A change of the table. Next hops are text, such as `via 192.0.2.1`.
#[derive(Clone, Debug)]
pub enum Update {
    Add(Key, &'static str),
    Change(Key, &'static str),
    Replace(Key, &'static str),
    Delete(Key),
    Flush(Option<Family>),
}

impl Update {
    /// The command that makes the change.
    pub fn command(&self) -> String {
        let insert = |verb: &str, key: &Key, next_hop: &str| {
            let line = key.line(next_hop);
            format!("{verb} {}", line.trim_end())
        };
        match self {
            Update::Add(key, next_hop) => insert("add", key, next_hop),
            Update::Change(key, next_hop) => insert("change", key, next_hop),
            Update::Replace(key, next_hop) => insert("replace", key, next_hop),
            Update::Delete(key) => format!("del {} metric {}", key.prefix(), key.metric),
            Update::Flush(None) => "flush".to_owned(),
            Update::Flush(Some(family)) => format!("flush {}", family.word()),
        }
    }
}

/// Routes with their next hops as text, in the order of a dump.
#[derive(Clone, Default)]
pub struct Model(BTreeMap<Key, &'static str>);

impl Model {
    pub fn apply(&mut self, update: &Update) -> Result<(), Errno> {
        match update {
            Update::Add(key, _) if self.0.contains_key(key) => return Err(Errno::EEXIST),
            Update::Change(key, _) if !self.0.contains_key(key) => return Err(Errno::ENOENT),
            Update::Add(key, next_hop)
            | Update::Change(key, next_hop)
            | Update::Replace(key, next_hop) => {
                self.0.insert(*key, next_hop);
            }
            Update::Delete(key) => {
                self.0.remove(key).ok_or(Errno::ESRCH)?;
            }
            Update::Flush(family) => self.0.retain(|key, _| !key.is_of(*family)),
        }
        Ok(())
    }

    /// The line of the route that serves an address.
    pub fn get(&self, address: IpAddr) -> Result<String, Errno> {
        let covers = |key: &&Key| {
            key.is_of(Some(Family::of(address))) && network(address, key.len) == key.address
        };
        let best = self
            .0
            .keys()
            .filter(covers)
            .max_by_key(|key| (key.len, Reverse(key.metric)));
        best.map(|key| key.line(self.0[key]))
            .ok_or(Errno::ENETUNREACH)
    }

    /// The lines of the routes of one family, or of both.
    pub fn show(&self, family: Option<Family>) -> Vec<String> {
        let routes = self.0.iter().filter(|(key, _)| key.is_of(family));
        routes.map(|(key, next_hop)| key.line(next_hop)).collect()
    }
}
