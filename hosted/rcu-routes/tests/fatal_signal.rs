// SPDX-License-Identifier: GPL-2.0

//! A fatal signal ends each wait for the updaters' mutex, and a long transaction: the call returns
//! `EINTR` and changes nothing. Allocations are counted for the whole process, so this file is one test.

use kernel::{alloc::live, prelude::*, sync::Arc, task::fatal_signal};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Operation, Reload, Route, Selector, Stats, Table, Transaction},
    testing::{dump, operation, own_stats, run, table},
};

/// A call of the table, and the number of points at which a signal ends it.
struct Case {
    name: &'static str,
    call: fn(&Arc<Table>) -> Result,
    points: u64,
}

const CASES: &[Case] = &[
    Case {
        name: "insert",
        call: |table| run(table, "add 10.1.0.0/16 dev b"),
        points: 1,
    },
    Case {
        name: "remove",
        call: |table| run(table, "del 10.0.0.0/8"),
        points: 1,
    },
    Case {
        name: "flush",
        call: |table| run(table, "flush"),
        points: 1,
    },
    Case {
        name: "batch",
        call: |table| table.apply(&additions(9)).map_err(|failure| failure.error),
        points: 1,
    },
    Case {
        name: "transaction",
        call: |table| commit(table, &additions(9)),
        points: 1,
    },
    // The transaction checks for a signal after each 64 operations.
    Case {
        name: "transaction of 1100 operations",
        call: |table| {
            let mut operations = additions(1100);
            operations[700] = operation("flush");
            commit(table, &operations)
        },
        points: 18,
    },
    Case {
        name: "reload of 3 routes",
        call: |table| {
            let mut reload = Reload::new(table.clone())?;
            for operation in &additions(3) {
                reload.apply(operation)?;
            }
            reload.commit()
        },
        points: 4,
    },
    Case {
        name: "statistics",
        call: |table| table.stats().map(drop),
        points: 1,
    },
    Case {
        name: "dump",
        call: |table| {
            let mut routes = KVec::with_capacity(4, GFP_KERNEL)?;
            table.dump(Selector::All, None, &mut routes)
        },
        points: 1,
    },
];

fn additions(count: u32) -> Vec<Operation> {
    (0..count)
        .map(|number| {
            let [.., high, low] = number.to_be_bytes();
            operation(&format!("add 11.{high}.{low}.0/24 dev d{}", number % 7))
        })
        .collect()
}

fn commit(table: &Table, operations: &[Operation]) -> Result {
    let mut transaction = Transaction::new();
    for operation in operations {
        transaction.push(*operation)?;
    }
    transaction.commit(table).map_err(|failure| failure.error)
}

/// Returns the observable state of a table, and the number of allocations.
fn state(table: &Table) -> (Vec<Route>, Stats, usize) {
    let routes = dump(table, Selector::All, 16);
    barrier();
    // Reading the statistics frees unused next hops.
    table.stats().unwrap();
    barrier();
    (routes, own_stats(table), live().allocations)
}

/// Makes a signal arrive at each point of a call, and returns their number.
fn points_of(case: &Case) -> u64 {
    let before = || {
        let table = table();
        run(&table, "add 10.0.0.0/8 dev a").unwrap();
        run(&table, "add 2001:db8::/32 dev b").unwrap();
        table
    };
    for nth in 1.. {
        let table = before();
        let unchanged = state(&table);
        let arrival = fatal_signal::arrive_before(nth);
        let done = (case.call)(&table);
        drop(arrival);
        if done.is_ok() {
            return nth - 1;
        }
        assert_eq!(done, Err(EINTR), "{}, point {nth}", case.name);
        assert_eq!(state(&table), unchanged, "{}, point {nth}", case.name);
        (case.call)(&table).unwrap();
    }
    unreachable!()
}

#[test]
fn a_call_that_a_fatal_signal_ends_changes_nothing() {
    let start = live();
    for case in CASES {
        assert_eq!(points_of(case), case.points, "{}", case.name);
    }
    barrier();
    assert_eq!(live(), start);
}
