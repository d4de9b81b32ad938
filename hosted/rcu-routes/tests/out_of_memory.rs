// SPDX-License-Identifier: GPL-2.0

//! Each allocation of each change, transaction and reload fails once: the change returns `ENOMEM`
//! and changes nothing; a retry with memory succeeds. Allocations are counted for the whole
//! process, so this file is one test.

use kernel::{
    alloc::{failslab, live},
    prelude::*,
    sync::Arc,
};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Operation, Reload, Route, Selector, Stats, Table, Transaction},
    testing::{dump, operation, own_stats, run, table},
};

/// The contents of a table, and a change of it.
struct Case<Change> {
    before: &'static [&'static str],
    change: Change,
}

const fn case<C>(before: &'static [&'static str], change: C) -> Case<C> {
    Case { before, change }
}

/// A change that can run out of memory.
trait Change {
    /// Makes the change.
    ///
    /// Errors: `ENOMEM`.
    fn make(&self, table: &Arc<Table>) -> Result;

    /// Returns the change as text.
    fn name(&self) -> String;
}

const CASES: &[Case<&str>] = &[
    case(
        &[],
        "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
    ),
    case(
        &["add ::/0 via fe80::1"],
        "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
    ),
    case(&[], "add 0.0.0.0/0 dev a"),
    // Into a node with routes; the next hop exists.
    case(&["add 10.0.0.0/8 dev a"], "add 10.0.0.0/7 dev a"),
    // Into a node with routes; the next hop is new.
    case(&["add 10.0.0.0/8 dev a"], "add 10.0.0.0/8 dev b metric 1"),
    // Into a node that has only children.
    case(&["add 10.0.0.0/32 dev a"], "add blackhole 10.0.0.0/8"),
    // A new level below a node, which the change replaces.
    case(&["add 10.0.0.0/24 dev a"], "add 10.0.0.1/32 dev a"),
    case(&["add 2001:db8::/40 dev a"], "add 2001:db8::1/128 dev a"),
    // A branch from a skipped chain.
    case(
        &["add 2001:db8::1/128 dev a"],
        "add 2001:db8:8000::1/128 dev b",
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 10.0.0.0/8 dev b metric 1"],
        "replace 10.0.0.0/8 dev c",
    ),
    case(&["add 10.0.0.0/8 dev a"], "change 10.0.0.0/8 dev a"),
    case(
        &["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"],
        "change 10.0.0.0/8 dev b",
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"],
        "del 10.0.0.0/8",
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 10.0.0.0/8 dev b metric 1"],
        "del 10.0.0.0/8 metric 1",
    ),
    case(
        &["add 2001:db8::1/128 dev a", "add 2001:db8::/32 dev b"],
        "del 2001:db8::1/128",
    ),
    case(
        &["add 2001:db8::1/128 dev a", "add 2001:db8::/32 dev b"],
        "del 2001:db8::/32",
    ),
    case(&["add 10.0.0.0/8 dev a", "add ::/0 dev b"], "flush"),
];

/// Transactions. Each one adds nodes, adds a next hop, and undoes one of its own changes.
const TRANSACTIONS: &[Case<Atomically>] = &[
    case(
        &[],
        Atomically(&[
            "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
            "add 10.0.0.0/8 dev a",
            "add 10.0.0.0/8 dev b metric 1",
            "del 10.0.0.0/8",
        ]),
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 10.1.0.0/16 dev b"],
        Atomically(&[
            "change 10.0.0.0/8 dev c",
            "replace 10.1.0.0/16 dev a",
            "add 10.1.1.1/32 dev b",
            "del 10.1.0.0/16",
            "add ::/0 dev c",
        ]),
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 2001:db8::/32 dev b"],
        Atomically(&[
            "flush inet",
            "add 11.0.0.0/8 dev c",
            "flush",
            "add ::/0 dev a",
        ]),
    ),
];

/// Reloads.
const RELOADS: &[Case<NewContents>] = &[
    case(
        &[],
        NewContents(&["add 10.0.0.0/8 dev a", "add 2001:db8::1/128 dev b"]),
    ),
    case(
        &[
            "add 10.0.0.0/8 dev a",
            "add 10.1.0.0/16 dev b",
            "add 2001:db8::1/128 dev c",
        ],
        NewContents(&[
            "add 10.0.0.0/8 dev a",
            "add 11.0.0.0/8 dev d",
            "change 11.0.0.0/8 dev b",
            "add 2001:db8::2/128 dev c",
        ]),
    ),
    case(
        &["add 10.0.0.0/8 dev a", "add 2001:db8::1/128 dev b"],
        NewContents(&[]),
    ),
];

/// Changes to make in one transaction.
struct Atomically(&'static [&'static str]);

/// The new contents of a reload.
struct NewContents(&'static [&'static str]);

fn operations(lines: &[&str]) -> Vec<Operation> {
    lines.iter().map(|line| operation(line)).collect()
}

impl Change for &str {
    fn make(&self, table: &Arc<Table>) -> Result {
        run(table, self)
    }

    fn name(&self) -> String {
        (*self).into()
    }
}

impl Change for Atomically {
    fn make(&self, table: &Arc<Table>) -> Result {
        let mut transaction = Transaction::new();
        for operation in operations(self.0) {
            transaction.push(operation)?;
        }
        transaction.commit(table).map_err(|failure| failure.error)
    }

    fn name(&self) -> String {
        format!("transaction: {}", self.0.join(", "))
    }
}

impl Change for NewContents {
    fn make(&self, table: &Arc<Table>) -> Result {
        let mut reload = Reload::new(table.clone())?;
        for operation in &operations(self.0) {
            reload.apply(operation)?;
        }
        reload.commit()
    }

    fn name(&self) -> String {
        format!("reload: {}", self.0.join(", "))
    }
}

/// Returns the observable state of a table, and the number of allocations: an array that has grown
/// for a change keeps its room.
fn state(table: &Table) -> (Vec<Route>, Stats, usize) {
    let routes = dump(table, Selector::All, 16);
    barrier();
    // Reading the statistics frees unused next hops.
    table.stats().unwrap();
    barrier();
    (routes, own_stats(table), live().allocations)
}

fn before<C>(case: &Case<C>) -> Arc<Table> {
    let table = table();
    for line in case.before {
        run(&table, line).unwrap();
    }
    table
}

/// Makes each allocation of a change fail, and returns their number.
fn allocations_of<C: Change>(case: &Case<C>) -> u64 {
    let (change, name) = (&case.change, case.change.name());
    for nth in 1.. {
        let table = before(case);
        let unchanged = state(&table);
        let injection = failslab::fail_nth(nth);
        let done = change.make(&table);
        let has_fired = injection.has_fired();
        drop(injection);
        if !has_fired {
            assert_eq!(done, Ok(()), "{name}");
            return nth - 1;
        }
        assert_eq!(done, Err(ENOMEM), "{name}, allocation {nth}");
        assert_eq!(state(&table), unchanged, "{name}, allocation {nth}");

        // With memory the retry succeeds, with the same result as the first attempt.
        change.make(&table).unwrap();
        let direct = before(case);
        change.make(&direct).unwrap();
        assert_eq!(
            dump(&table, Selector::All, 16),
            dump(&direct, Selector::All, 16)
        );
        assert_eq!(own_stats(&table), own_stats(&direct), "{name}");
    }
    unreachable!()
}

#[test]
fn a_change_without_memory_returns_enomem_and_leaks_nothing() {
    let start = live();
    let mut counted = Vec::new();
    for case in CASES {
        counted.push((case.before, case.change, allocations_of(case)));
    }
    for case in TRANSACTIONS {
        assert_ne!(allocations_of(case), 0, "{}", case.change.name());
    }
    for case in RELOADS {
        assert_ne!(allocations_of(case), 0, "{}", case.change.name());
    }
    barrier();
    assert_eq!(live(), start);
    for (before, change, allocations) in counted {
        println!("{allocations:2} allocations: {change} after {before:?}");
        // A table keeps roots for a flush. Changes of words may need no memory either.
        let needs_some = change.starts_with("add 2001:db8");
        assert!(!needs_some || allocations > 0, "{change} after {before:?}");
        assert!(change != "flush" || allocations == 0, "{change}");
    }

    // The creation of a table fails too.
    let injection = failslab::fail_nth(1);
    let no_table = Arc::pin_init(Table::new(), GFP_KERNEL);
    assert_eq!(no_table.err(), Some(ENOMEM));
    drop(injection);
    assert_eq!(live(), start);
}
