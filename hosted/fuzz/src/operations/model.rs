// SPDX-License-Identifier: GPL-2.0

//! A model of the table: the tests' oracle with a limit on routes and with transactions.

use crate::rcu_table::{Failure, Family, Key, Mode, Operation, Route, Selector};
use core::net::IpAddr;
use kernel::prelude::*;
use rcu_routes::testing::Oracle;

/// A slow, simple table.
#[derive(Clone, Default)]
pub(super) struct Model {
    oracle: Oracle,
}

impl Model {
    /// Makes a change.
    ///
    /// Errors: as the table's, including `ENOSPC` beyond `max_routes`.
    pub(super) fn apply(&mut self, operation: &Operation, max_routes: usize) -> Result {
        if let Operation::Insert(route, mode) = operation {
            let is_new = !self.has(route);
            if is_new && *mode != Mode::Change && self.len() >= max_routes {
                return Err(ENOSPC);
            }
        }
        self.oracle.apply(operation)
    }

    /// Makes all changes, or none if one fails.
    pub(super) fn commit(
        &mut self,
        operations: &[Operation],
        max_routes: usize,
    ) -> Result<(), Failure> {
        let mut after = self.clone();
        for (index, operation) in operations.iter().enumerate() {
            let done = after.apply(operation, max_routes);
            done.map_err(|error| Failure::of_operation(index, error))?;
        }
        *self = after;
        Ok(())
    }

    fn has(&self, route: &Route) -> bool {
        let present = self.oracle.dump(Selector::Prefix(route.prefix));
        present.iter().any(|other| other.metric == route.metric)
    }

    pub(super) fn len(&self) -> usize {
        self.family_len(Family::Inet) + self.family_len(Family::Inet6)
    }

    pub(super) fn family_len(&self, family: Family) -> usize {
        self.oracle.len(family)
    }

    pub(super) fn next_hops(&self) -> usize {
        self.oracle.next_hops()
    }

    pub(super) fn lookup(&self, address: IpAddr) -> Option<Route> {
        self.oracle.lookup(address)
    }

    pub(super) fn dump(&self, selector: Selector) -> Vec<Route> {
        self.oracle.dump(selector)
    }

    /// At most `count` routes after the key `after`.
    pub(super) fn piece(&self, selector: Selector, after: Option<Key>, count: usize) -> Vec<Route> {
        let mut routes = self.dump(selector);
        routes.retain(|route| after.is_none_or(|after| Key::from(route) > after));
        routes.truncate(count);
        routes
    }
}
