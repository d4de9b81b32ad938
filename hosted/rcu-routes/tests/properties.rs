// SPDX-License-Identifier: GPL-2.0

//! Random sequences of changes, transactions, reloads, route limits and dumps, applied to the table
//! and to the oracle. Both must give the same answers after each step.
//!
//! `PROPTEST_CASES` sets the number of sequences of each test.

#[path = "properties/config.rs"]
mod config;
#[path = "properties/steps.rs"]
mod steps;

use config::config;
use core::net::IpAddr;
use kernel::{prelude::*, sync::Arc};
use proptest::prelude::*;
use rcu_routes::{
    rcu_table::{
        read_lock, Failure, Family, Key, Operation, Reload, Route, Selector, Settings, Table,
        Transaction,
    },
    testing::{dump, own_stats, table_with_settings, Oracle},
};
use steps::{any_case, borders, Step, Weights, CHANGES_ONLY};

fn check_lookups(
    table: &Table,
    oracle: &Oracle,
    addresses: &[IpAddr],
) -> Result<(), TestCaseError> {
    for address in addresses {
        let answer = table.lookup(*address, &read_lock());
        prop_assert_eq!(answer, oracle.lookup(*address), "{}", address);
    }
    Ok(())
}

/// Checks everything but the number of next hops, because an open reload uses next hops too.
fn check_routes(table: &Table, oracle: &Oracle) -> Result<(), TestCaseError> {
    let stats = own_stats(table);
    prop_assert_eq!(stats.routes_inet, oracle.len(Family::Inet));
    prop_assert_eq!(stats.routes_inet6, oracle.len(Family::Inet6));
    prop_assert_eq!(stats.objects == 0, oracle.is_empty());
    prop_assert_eq!(stats.bytes == 0, oracle.is_empty());
    prop_assert_eq!(dump(table, Selector::All, 16), oracle.dump(Selector::All));
    Ok(())
}

fn check_contents(table: &Table, oracle: &Oracle) -> Result<(), TestCaseError> {
    prop_assert_eq!(table.stats().unwrap().next_hops, oracle.next_hops());
    check_routes(table, oracle)
}

/// The oracle and its limit of routes.
#[derive(Clone)]
struct Model {
    oracle: Oracle,
    max_routes: usize,
}

impl Model {
    fn routes(&self) -> usize {
        self.oracle.len(Family::Inet) + self.oracle.len(Family::Inet6)
    }

    fn apply(&mut self, operation: &Operation) -> Result {
        let mut changed = self.clone();
        changed.oracle.apply(operation)?;
        // Lowering the limit keeps routes beyond it, which can still be changed.
        if changed.routes() > self.routes().max(self.max_routes) {
            return Err(ENOSPC);
        }
        *self = changed;
        Ok(())
    }

    /// Applies all changes, or none.
    fn apply_all(&mut self, operations: &[Operation]) -> Result<(), Failure> {
        let mut changed = self.clone();
        for (index, operation) in operations.iter().enumerate() {
            let done = changed.apply(operation);
            done.map_err(|error| Failure::of_operation(index, error))?;
        }
        *self = changed;
        Ok(())
    }
}

/// The table under test and its model.
struct Pair {
    table: Arc<Table>,
    settings: &'static Settings,
    model: Model,
}

impl Pair {
    fn new(settings: &'static Settings) -> Self {
        let max_routes = Settings::new().max_routes();
        settings.set_max_routes(max_routes);
        Self {
            table: table_with_settings(settings),
            settings,
            model: Model {
                oracle: Oracle::default(),
                max_routes,
            },
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Change(operation) => self.change(operation),
            Step::Dump(selector, capacity, changes) => self.dump(*selector, *capacity, changes),
            Step::Transaction(operations) => self.transaction(operations),
            Step::Reload(new, meanwhile, commit) => self.reload(new, meanwhile, *commit),
            Step::MaxRoutes(routes) => {
                self.settings.set_max_routes(*routes);
                self.model.max_routes = *routes;
                Ok(())
            }
        }
    }

    fn change(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        let before = own_stats(&self.table);
        let done = operation.apply(&self.table);
        let expected = self.model.apply(operation);
        prop_assert_eq!(done, expected, "{:?}", operation);
        if done.is_err() {
            prop_assert_eq!(own_stats(&self.table), before);
        }
        // This checks only the changed prefix; `finish` checks everything.
        match operation {
            Operation::Insert(Route { prefix, .. }, _) | Operation::Remove(prefix, ..) => {
                check_lookups(&self.table, &self.model.oracle, &borders(prefix))?;
                let selector = Selector::Prefix(*prefix);
                prop_assert_eq!(
                    dump(&self.table, selector, 2),
                    self.model.oracle.dump(selector)
                );
            }
            Operation::Flush(_) => check_routes(&self.table, &self.model.oracle)?,
        }
        Ok(())
    }

    /// Dumps in pieces with a change after each. A route present throughout must appear once, any
    /// other route at most once and only if it was present at some time.
    fn dump(
        &mut self,
        selector: Selector,
        capacity: usize,
        changes: &[Operation],
    ) -> Result<(), TestCaseError> {
        let mut changes = changes.iter();
        let mut throughout = self.model.oracle.dump(selector);
        let mut ever = throughout.clone();
        let mut found: Vec<Route> = Vec::new();
        loop {
            let mut piece = KVec::with_capacity(capacity, GFP_KERNEL).unwrap();
            let after = found.last().map(Key::from);
            self.table.dump(selector, after, &mut piece).unwrap();
            found.extend_from_slice(&piece);
            if piece.len() < capacity {
                break;
            }
            if let Some(change) = changes.next() {
                self.change(change)?;
                let now = self.model.oracle.dump(selector);
                throughout.retain(|route| now.contains(route));
                ever.extend(now);
            }
        }
        prop_assert!(found.is_sorted_by_key(Key::from));
        prop_assert!(found
            .windows(2)
            .all(|two| Key::from(&two[0]) != Key::from(&two[1])));
        prop_assert!(throughout.iter().all(|route| found.contains(route)));
        prop_assert!(found.iter().all(|route| ever.contains(route)));
        Ok(())
    }

    fn transaction(&mut self, operations: &[Operation]) -> Result<(), TestCaseError> {
        let before = own_stats(&self.table);
        let mut transaction = Transaction::new();
        for operation in operations {
            transaction.push(*operation).unwrap();
        }
        prop_assert_eq!(transaction.len(), operations.len());
        prop_assert_eq!(own_stats(&self.table), before);
        let done = transaction.commit(&self.table);
        prop_assert_eq!(done, self.model.apply_all(operations), "{:?}", operations);
        if done.is_err() {
            prop_assert_eq!(own_stats(&self.table), before);
        }
        check_contents(&self.table, &self.model.oracle)
    }

    fn reload(
        &mut self,
        new: &[Operation],
        meanwhile: &[Operation],
        commit: bool,
    ) -> Result<(), TestCaseError> {
        let mut reload = Reload::new(self.table.clone()).unwrap();
        let mut model = Model {
            oracle: Oracle::default(),
            max_routes: usize::MAX,
        };
        let max_routes = self.model.max_routes;
        let mut meanwhile = meanwhile.iter();
        for operation in new {
            let done = reload.apply(operation);
            // The table can check the limit here or at the commit.
            if done != Err(ENOSPC) || model.routes() < max_routes {
                let expected = model.apply(operation);
                prop_assert_eq!(done, expected, "{:?}", operation);
            }
            if let Some(operation) = meanwhile.next() {
                self.change(operation)?;
            }
        }
        check_routes(&self.table, &self.model.oracle)?;
        let generation = self.table.generation();
        let fits = model.routes() <= max_routes;
        match commit {
            true => prop_assert_eq!(reload.commit(), if fits { Ok(()) } else { Err(ENOSPC) }),
            false => drop(reload),
        }
        if commit && fits {
            self.model.oracle = model.oracle;
        } else {
            prop_assert_eq!(self.table.generation(), generation);
        }
        check_contents(&self.table, &self.model.oracle)
    }

    /// Checks everything, then removes all routes.
    fn finish(self, addresses: &[IpAddr]) -> Result<(), TestCaseError> {
        let Self { table, model, .. } = self;
        let oracle = model.oracle;
        check_lookups(&table, &oracle, addresses)?;
        check_contents(&table, &oracle)?;
        for family in [Family::Inet, Family::Inet6] {
            let selector = Selector::Family(family);
            prop_assert_eq!(dump(&table, selector, 3), oracle.dump(selector));
        }
        for route in oracle.dump(Selector::All) {
            let Route {
                prefix,
                metric,
                next_hop,
            } = route;
            let removed = table.remove(&prefix, Some(metric), Some(&next_hop));
            prop_assert_eq!(removed, Ok(()), "{}", route);
        }
        check_contents(&table, &Oracle::default())
    }
}

/// Applies random steps to the table and to the oracle.
fn check(
    settings: &'static Settings,
    (steps, addresses): (Vec<Step>, Vec<IpAddr>),
) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(settings);
    for step in &steps {
        pair.step(step)?;
    }
    pair.finish(&addresses)
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn changes_and_dumps_match_the_oracle(case in any_case(CHANGES_ONLY)) {
        static SETTINGS: Settings = Settings::new();
        check(&SETTINGS, case)?;
    }

    #[test]
    fn transactions_match_the_oracle(case in any_case(Weights { transaction: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        check(&SETTINGS, case)?;
    }

    #[test]
    fn reloads_match_the_oracle(case in any_case(Weights { reload: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        check(&SETTINGS, case)?;
    }

    #[test]
    fn a_limit_of_routes_matches_the_oracle(case in any_case(Weights { max_routes: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        check(&SETTINGS, case)?;
    }

    #[test]
    fn all_steps_match_the_oracle(
        case in any_case(Weights { transaction: 10, reload: 5, max_routes: 3 }),
    ) {
        static SETTINGS: Settings = Settings::new();
        check(&SETTINGS, case)?;
    }
}
