// SPDX-License-Identifier: GPL-2.0

//! Every allocation of every change, of every transaction and of every reload fails once: each time it
//! is refused with `ENOMEM` and nothing has happened; with memory it succeeds. Allocations are counted
//! for the whole process, so this file is one test.

use kernel::{
    alloc::{failslab, live, Live},
    prelude::*,
    sync::Arc,
};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Operation, Reload, Route, Selector, Stats, Table, Transaction},
    testing::{dump, operation, own_stats, run, table},
};

/// What is there before, and a change.
struct Case<Change> {
    before: &'static [&'static str],
    change: Change,
}

/// What can be refused for want of memory.
trait Change {
    /// Makes the change, as far as there is memory.
    fn make(&self, table: &Arc<Table>) -> Result;

    /// The change in words.
    fn name(&self) -> String;
}

const CASES: &[Case<&str>] = &[
    Case {
        before: &[],
        change: "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
    },
    Case {
        before: &["add ::/0 via fe80::1"],
        change: "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
    },
    Case {
        before: &[],
        change: "add 0.0.0.0/0 dev a",
    },
    Case {
        // Into a node with routes, with a known next hop.
        before: &["add 10.0.0.0/8 dev a"],
        change: "add 10.0.0.0/7 dev a",
    },
    Case {
        // With a new one.
        before: &["add 10.0.0.0/8 dev a"],
        change: "add 10.0.0.0/8 dev b metric 1",
    },
    Case {
        // Into a node that has children only.
        before: &["add 10.0.0.0/32 dev a"],
        change: "add blackhole 10.0.0.0/8",
    },
    Case {
        // A branch off a chain.
        before: &["add 2001:db8::1/128 dev a"],
        change: "add 2001:db8:8000::1/128 dev b",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 10.0.0.0/8 dev b metric 1"],
        change: "replace 10.0.0.0/8 dev c",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a"],
        change: "change 10.0.0.0/8 dev a",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"],
        change: "change 10.0.0.0/8 dev b",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"],
        change: "del 10.0.0.0/8",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 10.0.0.0/8 dev b metric 1"],
        change: "del 10.0.0.0/8 metric 1",
    },
    Case {
        before: &["add 2001:db8::1/128 dev a", "add 2001:db8::/32 dev b"],
        change: "del 2001:db8::1/128",
    },
    Case {
        before: &["add 2001:db8::1/128 dev a", "add 2001:db8::/32 dev b"],
        change: "del 2001:db8::/32",
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add ::/0 dev b"],
        change: "flush",
    },
];

/// Several changes at once. Each has one that needs new nodes, one that needs a new next hop, and one
/// that undoes what another of them did.
const TRANSACTIONS: &[Case<Together>] = &[
    Case {
        before: &[],
        change: Together(&[
            "add 2001:db8:1234:5678:9abc:def0:1234:5678/128 via fe80::1",
            "add 10.0.0.0/8 dev a",
            "add 10.0.0.0/8 dev b metric 1",
            "del 10.0.0.0/8",
        ]),
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 10.1.0.0/16 dev b"],
        change: Together(&[
            "change 10.0.0.0/8 dev c",
            "replace 10.1.0.0/16 dev a",
            "add 10.1.1.1/32 dev b",
            "del 10.1.0.0/16",
            "add ::/0 dev c",
        ]),
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 2001:db8::/32 dev b"],
        change: Together(&[
            "flush inet",
            "add 11.0.0.0/8 dev c",
            "flush",
            "add ::/0 dev a",
        ]),
    },
];

/// Contents to take the place of others.
const RELOADS: &[Case<Anew>] = &[
    Case {
        before: &[],
        change: Anew(&["add 10.0.0.0/8 dev a", "add 2001:db8::1/128 dev b"]),
    },
    Case {
        before: &[
            "add 10.0.0.0/8 dev a",
            "add 10.1.0.0/16 dev b",
            "add 2001:db8::1/128 dev c",
        ],
        change: Anew(&[
            "add 10.0.0.0/8 dev a",
            "add 11.0.0.0/8 dev d",
            "change 11.0.0.0/8 dev b",
            "add 2001:db8::2/128 dev c",
        ]),
    },
    Case {
        before: &["add 10.0.0.0/8 dev a", "add 2001:db8::1/128 dev b"],
        change: Anew(&[]),
    },
];

/// A transaction.
struct Together(&'static [&'static str]);

/// A reload.
struct Anew(&'static [&'static str]);

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

impl Change for Together {
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

impl Change for Anew {
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

/// All there is to see of a table.
fn picture(table: &Table) -> (Vec<Route>, Stats, Live) {
    let routes = dump(table, Selector::All, 16);
    barrier();
    // Being asked, the table lets go of the next hops that nothing uses any more.
    table.stats();
    barrier();
    (routes, own_stats(table), live())
}

fn before<C>(case: &Case<C>) -> Arc<Table> {
    let table = table();
    for line in case.before {
        run(&table, line).unwrap();
    }
    table
}

/// How many allocations a change makes; each is made to fail first.
fn allocations_of<C: Change>(case: &Case<C>) -> u64 {
    let (change, name) = (&case.change, case.change.name());
    for nth in 1.. {
        let table = before(case);
        let unchanged = picture(&table);
        let injection = failslab::fail_nth(nth);
        let done = change.make(&table);
        let has_fired = injection.has_fired();
        drop(injection);
        if !has_fired {
            assert_eq!(done, Ok(()), "{name}");
            return nth - 1;
        }
        assert_eq!(done, Err(ENOMEM), "{name}, allocation {nth}");
        assert_eq!(picture(&table), unchanged, "{name}, allocation {nth}");

        // Asked again, with memory, it works, and as if nothing had been.
        change.make(&table).unwrap();
        let straight = before(case);
        change.make(&straight).unwrap();
        assert_eq!(
            dump(&table, Selector::All, 16),
            dump(&straight, Selector::All, 16)
        );
        assert_eq!(own_stats(&table), own_stats(&straight), "{name}");
    }
    unreachable!()
}

#[test]
fn without_memory_nothing_happens_and_nothing_leaks() {
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
        // A node that leaves one child behind is passed over; a flush cuts off whole tries.
        let needs_none = ["flush", "del 2001:db8::/32"].contains(&change);
        assert_eq!(allocations == 0, needs_none, "{change} after {before:?}");
    }

    // The table itself.
    let injection = failslab::fail_nth(1);
    let no_table = Arc::pin_init(Table::new(), GFP_KERNEL);
    assert_eq!(no_table.err(), Some(ENOMEM));
    drop(injection);
    assert_eq!(live(), start);
}
