// SPDX-License-Identifier: GPL-2.0

//! Every allocation of every change fails once: each time the change is refused with `ENOMEM` and
//! nothing has happened; with memory it succeeds. Allocations are counted for the whole process, so
//! this file is one test.

use kernel::{
    alloc::{failslab, live, Live},
    prelude::*,
    sync::Arc,
};
use rust_rcu_demo::{
    rcu::barrier,
    rcu_table::{Route, Selector, Stats, Table},
    testing::{dump, own_stats, run, table},
};

/// What is there before, and a change.
struct Case {
    before: &'static [&'static str],
    change: &'static str,
}

const CASES: &[Case] = &[
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

/// All there is to see of a table.
fn picture(table: &Table) -> (Vec<Route>, Stats, Live) {
    let routes = dump(table, Selector::All, 16);
    barrier();
    (routes, own_stats(table), live())
}

fn before(case: &Case) -> Arc<Table> {
    let table = table();
    for line in case.before {
        run(&table, line).unwrap();
    }
    table
}

/// How many allocations a change makes; each is made to fail first.
fn allocations_of(case: &Case) -> u64 {
    let Case { change, .. } = case;
    for nth in 1.. {
        let table = before(case);
        let unchanged = picture(&table);
        let injection = failslab::fail_nth(nth);
        let done = run(&table, change);
        let has_fired = injection.has_fired();
        drop(injection);
        if !has_fired {
            assert_eq!(done, Ok(()), "{change}");
            return nth - 1;
        }
        assert_eq!(done, Err(ENOMEM), "{change}, allocation {nth}");
        assert_eq!(picture(&table), unchanged, "{change}, allocation {nth}");

        // Asked again, with memory, it works, and as if nothing had been.
        run(&table, change).unwrap();
        let straight = before(case);
        run(&straight, change).unwrap();
        assert_eq!(
            dump(&table, Selector::All, 16),
            dump(&straight, Selector::All, 16)
        );
        assert_eq!(own_stats(&table), own_stats(&straight), "{change}");
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
    barrier();
    assert_eq!(live(), start);
    for (before, change, allocations) in counted {
        println!("{allocations:2} allocations: {change} after {before:?}");
        // What leaves no routes in a node needs no memory, and so always succeeds.
        let needs_none = ["flush", "del 2001:db8::1/128", "del 2001:db8::/32"].contains(&change);
        assert_eq!(allocations == 0, needs_none, "{change} after {before:?}");
    }

    // The table itself.
    let injection = failslab::fail_nth(1);
    let no_table = Arc::pin_init(Table::new(), GFP_KERNEL);
    assert_eq!(no_table.err(), Some(ENOMEM));
    drop(injection);
    assert_eq!(live(), start);
}
