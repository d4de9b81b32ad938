// SPDX-License-Identifier: GPL-2.0

//! A naive table that can be copied, as a transaction wants it.

use std::{cmp::Reverse, collections::BTreeMap, net::IpAddr};

use nix::errno::Errno;

use super::lines::{Family, Update};
use crate::model::{network, Key};

/// Routes with their next hops as text, in the order of a dump.
#[derive(Clone, Default)]
pub struct Table(BTreeMap<Key, &'static str>);

impl Table {
    pub fn apply(&mut self, change: &Update) -> Result<(), Errno> {
        match change {
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
            Update::Flush(family) => self.0.retain(|key, _| !is_of(*family, key)),
        }
        Ok(())
    }

    /// The line of the route that serves the address.
    pub fn get(&self, address: IpAddr) -> Result<String, Errno> {
        let covers = |key: &&Key| {
            key.address.is_ipv4() == address.is_ipv4() && network(address, key.len) == key.address
        };
        let best = self
            .0
            .keys()
            .filter(covers)
            .max_by_key(|key| (key.len, Reverse(key.metric)));
        best.map(|key| key.line(self.0[key]))
            .ok_or(Errno::ENETUNREACH)
    }

    /// The lines of all routes of one family, or of both.
    pub fn show(&self, family: Option<Family>) -> Vec<String> {
        let routes = self.0.iter().filter(|(key, _)| is_of(family, key));
        routes.map(|(key, next_hop)| key.line(next_hop)).collect()
    }
}

fn is_of(family: Option<Family>, key: &Key) -> bool {
    family.is_none_or(|family| family == Family::of(key.address))
}
