// SPDX-License-Identifier: GPL-2.0

//! Random changes, done to the table and to a slow list: after each, both give the same answers. So
//! too for transactions, which happen whole or not at all, for reloads, for a limit of routes, and
//! for dumps in pieces between which the table changes.
//!
//! `PROPTEST_CASES` says how many sequences each test tries.

#[path = "properties/steps.rs"]
mod steps;

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

/// All but the next hops, which a reload that is being made uses as well.
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
    prop_assert_eq!(table.stats().next_hops, oracle.next_hops());
    check_routes(table, oracle)
}

/// The list, and how many routes it may hold.
#[derive(Clone)]
struct Model {
    list: Oracle,
    max_routes: usize,
}

impl Model {
    fn routes(&self) -> usize {
        self.list.len(Family::Inet) + self.list.len(Family::Inet6)
    }

    fn apply(&mut self, operation: &Operation) -> Result {
        let mut changed = self.clone();
        changed.list.apply(operation)?;
        // Those that are there when the limit sinks stay, and can be changed.
        if changed.routes() > self.routes().max(self.max_routes) {
            return Err(ENOSPC);
        }
        *self = changed;
        Ok(())
    }

    /// Makes all changes, or none.
    fn apply_all(&mut self, operations: &[Operation]) -> Result<(), Failure> {
        let mut changed = self.clone();
        for (index, operation) in operations.iter().enumerate() {
            let done = changed.apply(operation);
            done.map_err(|error| Failure { index, error })?;
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
                list: Oracle::default(),
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
        // What the change touches, after each; all of it at the end.
        match operation {
            Operation::Insert(Route { prefix, .. }, _) | Operation::Remove(prefix, ..) => {
                check_lookups(&self.table, &self.model.list, &borders(prefix))?;
                let selector = Selector::Prefix(*prefix);
                prop_assert_eq!(
                    dump(&self.table, selector, 2),
                    self.model.list.dump(selector)
                );
            }
            Operation::Flush(_) => check_routes(&self.table, &self.model.list)?,
        }
        Ok(())
    }

    /// A route that is there throughout appears once, any other at most once, and only if it was
    /// there at some time.
    fn dump(
        &mut self,
        selector: Selector,
        capacity: usize,
        changes: &[Operation],
    ) -> Result<(), TestCaseError> {
        let mut changes = changes.iter();
        let mut throughout = self.model.list.dump(selector);
        let mut ever = throughout.clone();
        let mut found: Vec<Route> = Vec::new();
        loop {
            let mut piece = KVec::with_capacity(capacity, GFP_KERNEL).unwrap();
            let after = found.last().map(Key::from);
            self.table.dump(selector, after, &mut piece);
            found.extend_from_slice(&piece);
            if piece.len() < capacity {
                break;
            }
            if let Some(change) = changes.next() {
                self.change(change)?;
                let now = self.model.list.dump(selector);
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
        check_contents(&self.table, &self.model.list)
    }

    fn reload(
        &mut self,
        new: &[Operation],
        meanwhile: &[Operation],
        commit: bool,
    ) -> Result<(), TestCaseError> {
        let mut reload = Reload::new(self.table.clone()).unwrap();
        let mut model = Model {
            list: Oracle::default(),
            max_routes: usize::MAX,
        };
        let max_routes = self.model.max_routes;
        let mut meanwhile = meanwhile.iter();
        for operation in new {
            let done = reload.apply(operation);
            // The limit may be looked at here or at the commit.
            if done != Err(ENOSPC) || model.routes() < max_routes {
                let expected = model.apply(operation);
                prop_assert_eq!(done, expected, "{:?}", operation);
            }
            if let Some(operation) = meanwhile.next() {
                self.change(operation)?;
            }
        }
        check_routes(&self.table, &self.model.list)?;
        let generation = self.table.generation();
        let fits = model.routes() <= max_routes;
        match commit {
            true => prop_assert_eq!(reload.commit(), if fits { Ok(()) } else { Err(ENOSPC) }),
            false => drop(reload),
        }
        if commit && fits {
            self.model.list = model.list;
        } else {
            prop_assert_eq!(self.table.generation(), generation);
        }
        check_contents(&self.table, &self.model.list)
    }

    /// At the end: everything, and then nothing is left of it.
    fn finish(self, addresses: &[IpAddr]) -> Result<(), TestCaseError> {
        let Self { table, model, .. } = self;
        let list = model.list;
        check_lookups(&table, &list, addresses)?;
        check_contents(&table, &list)?;
        for family in [Family::Inet, Family::Inet6] {
            let selector = Selector::Family(family);
            prop_assert_eq!(dump(&table, selector, 3), list.dump(selector));
        }
        for route in list.dump(Selector::All) {
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

fn agree(
    settings: &'static Settings,
    (steps, addresses): (Vec<Step>, Vec<IpAddr>),
) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(settings);
    for step in &steps {
        pair.step(step)?;
    }
    pair.finish(&addresses)
}

/// As many cases as `PROPTEST_CASES` says, or some.
fn config() -> ProptestConfig {
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => 200,
    };
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn changes_and_dumps(case in any_case(CHANGES_ONLY)) {
        static SETTINGS: Settings = Settings::new();
        agree(&SETTINGS, case)?;
    }

    #[test]
    fn transactions(case in any_case(Weights { transaction: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        agree(&SETTINGS, case)?;
    }

    #[test]
    fn reloads(case in any_case(Weights { reload: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        agree(&SETTINGS, case)?;
    }

    #[test]
    fn a_limit_of_routes(case in any_case(Weights { max_routes: 10, ..CHANGES_ONLY })) {
        static SETTINGS: Settings = Settings::new();
        agree(&SETTINGS, case)?;
    }

    #[test]
    fn everything_together(
        case in any_case(Weights { transaction: 10, reload: 5, max_routes: 3 }),
    ) {
        static SETTINGS: Settings = Settings::new();
        agree(&SETTINGS, case)?;
    }
}
