// SPDX-License-Identifier: GPL-2.0

//! Runs steps on a table and on the model, and compares both after each step.

use super::{
    model::Model,
    steps::{Change, End, Step},
    universe::{mask, to_address},
};
use crate::rcu_table::{
    read_lock, Failure, Family, Key, Operation, Prefix, ReclaimMode, Reload, Route, Selector,
    Settings, Table, Transaction,
};
use core::net::IpAddr;
use kernel::{
    alloc::failslab::{self, Injection},
    prelude::*,
    sync::Arc,
};
use rcu_routes::testing::dump;

/// The settings of all tables. A table requires that its settings are static.
static SETTINGS: Settings = Settings::new();

/// An allocation that fails, if any, and whether its failure was already handled.
struct Failing {
    injection: Option<Injection>,
    is_handled: bool,
}

impl Failing {
    fn arm(nth: Option<u64>) -> Self {
        Self {
            injection: nth.map(failslab::fail_nth),
            is_handled: false,
        }
    }

    /// Returns whether the allocation has failed since the last call. If so, `ENOMEM` is correct.
    fn just_fired(&mut self) -> bool {
        let fired = self.injection.as_ref().is_some_and(Injection::has_fired);
        fired && !std::mem::replace(&mut self.is_handled, fired)
    }
}

/// The table, the model and the current dump.
pub(super) struct Runner {
    table: Arc<Table>,
    model: Model,
    /// The table after the last change.
    last: Snapshot,
    dump: Option<(Selector, Option<Key>)>,
}

/// The contents and figures that only a successful change may alter.
#[derive(Debug, PartialEq)]
struct Snapshot {
    routes: Vec<Route>,
    routes_inet: usize,
    routes_inet6: usize,
    next_hops: usize,
    objects: usize,
    bytes: usize,
    generation: u64,
}

impl Snapshot {
    fn of(table: &Table) -> Self {
        let stats = table.stats().unwrap();
        Self {
            routes: dump(table, Selector::All, 16),
            routes_inet: stats.routes_inet,
            routes_inet6: stats.routes_inet6,
            next_hops: stats.next_hops,
            objects: stats.objects,
            bytes: stats.bytes,
            generation: stats.generation,
        }
    }
}

/// Returns the first and the last address of a prefix, and the addresses beside them.
fn addresses_around(prefix: &Prefix) -> [IpAddr; 4] {
    let family = prefix.family();
    let unit = 1_u128 << (128 - u32::from(family.bits()));
    let first = match prefix.address() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let last = first | !mask(prefix.len());
    let (before, after) = (first.wrapping_sub(unit), last.wrapping_add(unit));
    [first, last, before, after].map(|bits| to_address(family, bits))
}

impl Runner {
    pub(super) fn new() -> Self {
        SETTINGS.set_max_routes(1 << 20);
        SETTINGS.set_reclaim(ReclaimMode::Call);
        SETTINGS.set_reclaim_max_kb(64 * 1024);
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
        let table = table.expect("no allocation fails yet");
        Self {
            last: Snapshot::of(&table),
            table,
            model: Model::default(),
            dump: None,
        }
    }

    pub(super) fn run(&mut self, step: &Step) {
        match step {
            Step::Change(change, failing) => self.change(change, *failing),
            Step::Lookup(address) => self.check_lookup(*address),
            Step::StartDump(selector) => self.dump = Some((*selector, None)),
            Step::ContinueDump(count) => self.continue_dump(*count),
            Step::MaxRoutes(count) => SETTINGS.set_max_routes(*count),
            Step::Reclaim(mode) => SETTINGS.set_reclaim(*mode),
            Step::ReclaimMaxKb(kb) => SETTINGS.set_reclaim_max_kb(*kb),
        }
    }

    /// Checks the whole table, and deletes it route by route with all checks.
    pub(super) fn finish(mut self) {
        let routes = self.model.dump(Selector::All);
        for family in [Family::Inet, Family::Inet6] {
            let selector = Selector::Family(family);
            assert_eq!(dump(&self.table, selector, 3), self.model.dump(selector));
        }
        for route in &routes {
            self.check_around(&route.prefix);
        }
        for route in &routes {
            let Route {
                prefix,
                metric,
                next_hop,
            } = *route;
            let operation = Operation::Remove(prefix, Some(metric), Some(next_hop));
            self.change(&Change::Single(operation), None);
        }
        assert_eq!(self.model.len(), 0);
    }

    fn change(&mut self, change: &Change, failing: Option<u64>) {
        let mut failing = Failing::arm(failing);
        let changed = match change {
            Change::Single(operation) => self.single(operation, &mut failing),
            Change::Transaction(operations, end) => {
                self.transaction(operations, *end, &mut failing)
            }
            Change::Reload(operations, end) => self.reload(operations, *end, &mut failing),
        };
        drop(failing);
        let after = Snapshot::of(&self.table);
        if changed {
            // The generation may or may not count a flush of an empty table.
            let is_counted = self.last.generation != after.generation;
            assert!(
                is_counted || self.last.routes == after.routes,
                "the generation does not count a change"
            );
        } else {
            assert_eq!(self.last, after, "a failed change has an effect");
        }
        self.last = after;
        self.check_contents();
        match change {
            Change::Single(operation) => self.check_changed(operation),
            Change::Transaction(operations, _) | Change::Reload(operations, _) => {
                operations
                    .iter()
                    .for_each(|operation| self.check_changed(operation));
            }
        }
    }

    /// Makes one change. Returns whether it succeeded.
    fn single(&mut self, operation: &Operation, failing: &mut Failing) -> bool {
        let done = operation.apply(&self.table);
        if failing.just_fired() && done == Err(ENOMEM) {
            return false;
        }
        assert_eq!(done, self.model.apply(operation, SETTINGS.max_routes()));
        done.is_ok()
    }

    /// Runs a transaction. Returns whether it changed the table. An operation that failed with
    /// `ENOMEM` is not part of it.
    fn transaction(&mut self, operations: &[Operation], end: End, failing: &mut Failing) -> bool {
        let mut transaction = Transaction::new();
        let mut pushed = Vec::new();
        for operation in operations {
            let done = transaction.push(*operation);
            if failing.just_fired() && done == Err(ENOMEM) {
                continue;
            }
            assert_eq!(done, Ok(()));
            pushed.push(*operation);
        }
        assert_eq!(transaction.len(), pushed.len());
        if end == End::Abort {
            return false;
        }
        let done = transaction.commit(&self.table);
        let no_memory = matches!(done, Err(Failure { error, .. }) if error == ENOMEM);
        if failing.just_fired() && no_memory {
            return false;
        }
        assert_eq!(done, self.model.commit(&pushed, SETTINGS.max_routes()));
        done.is_ok()
    }

    /// Runs a reload. Returns whether it changed the table.
    fn reload(&mut self, operations: &[Operation], end: End, failing: &mut Failing) -> bool {
        let mut reload = match Reload::new(self.table.clone()) {
            Ok(reload) => reload,
            Err(error) => {
                assert!(
                    failing.just_fired() && error == ENOMEM,
                    "the reload failed: {error:?}"
                );
                return false;
            }
        };
        // A reload beyond the limit may fail at the change or at the commit.
        let max_routes = SETTINGS.max_routes();
        let mut model = Model::default();
        for operation in operations {
            let done = reload.apply(operation);
            let no_memory = failing.just_fired() && done == Err(ENOMEM);
            let no_space = model.len() >= max_routes && done == Err(ENOSPC);
            if !no_memory && !no_space {
                assert_eq!(done, model.apply(operation, usize::MAX));
            }
        }
        if end == End::Abort {
            return false;
        }
        let done = reload.commit();
        if failing.just_fired() && done == Err(ENOMEM) {
            return false;
        }
        let fits = model.len() <= max_routes;
        assert_eq!(done, if fits { Ok(()) } else { Err(ENOSPC) });
        if fits {
            self.model = model;
        }
        fits
    }

    /// Checks that the next piece of the dump has the routes after the last piece.
    fn continue_dump(&mut self, count: usize) {
        let Some((selector, after)) = self.dump else {
            return;
        };
        let mut piece = KVec::with_capacity(count, GFP_KERNEL).expect("no allocation fails now");
        self.table.dump(selector, after, &mut piece).unwrap();
        assert_eq!(piece[..], self.model.piece(selector, after, count));
        let last = piece.last().filter(|_| piece.len() == count);
        self.dump = last.map(|route| (selector, Some(Key::from(route))));
    }

    fn check_contents(&self) {
        let last = &self.last;
        let model = &self.model;
        assert_eq!(last.routes, model.dump(Selector::All));
        assert_eq!(last.routes_inet, model.family_len(Family::Inet));
        assert_eq!(last.routes_inet6, model.family_len(Family::Inet6));
        assert_eq!(last.next_hops, model.next_hops());
        assert_eq!(
            (last.objects == 0, last.bytes == 0),
            (model.len() == 0, model.len() == 0)
        );
    }

    fn check_changed(&self, operation: &Operation) {
        match operation {
            Operation::Insert(Route { prefix, .. }, _) | Operation::Remove(prefix, ..) => {
                self.check_around(prefix);
                let selector = Selector::Prefix(*prefix);
                assert_eq!(dump(&self.table, selector, 2), self.model.dump(selector));
            }
            Operation::Flush(_) => (),
        }
    }

    fn check_around(&self, prefix: &Prefix) {
        addresses_around(prefix)
            .into_iter()
            .for_each(|address| self.check_lookup(address));
    }

    fn check_lookup(&self, address: IpAddr) {
        let found = self.table.lookup(address, &read_lock());
        assert_eq!(found, self.model.lookup(address), "{address}");
    }
}
