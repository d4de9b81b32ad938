// SPDX-License-Identifier: GPL-2.0

//! Between two points at which the kernel can reschedule, each operation of a large table allocates
//! and frees a bounded number of objects, and copies a bounded number of bytes. Both figures are
//! the same in each run; `table-bench stretch` measures the times.

use kernel::{longest_stretch, prelude::*, reschedule_point, Stretch};
use rcu_routes::{
    rcu_table::{Key, Operation, Reload, Selector, Table, Transaction},
    testing::{operation, run, table},
};

/// The most calls of the allocator: a change copies or frees a few nodes, and 64 changes share a
/// stretch.
const CALLS: usize = 256;
/// The most allocated bytes: 64 changes of nodes of 8 KiB, the largest without metrics.
const ALLOCATED_BYTES: usize = 64 * (8 << 10);
/// The most accesses to arrays while an updater frees nodes with many metrics: four for each of
/// 1,024 routes.
const ACCESSES: usize = 4 << 10;
/// The most bytes that growing arrays copy.
const COPIED_BYTES: usize = 64 << 10;
/// Operations that the device collects before it yields the CPU.
const COLLECTED: usize = 256;

/// Returns changes of two families, with routes that share nodes, and routes that do not.
fn changes(verb: &str) -> Vec<Operation> {
    let each = |number: u32| {
        let [_, high, mid, low] = number.to_be_bytes();
        let dense = format!("{verb} 10.{high}.{mid}.{low}/32 dev d{}", number % 199);
        let sparse = format!(
            "{verb} 2001:db8:{:x}::/48 dev s{mid}",
            number * 7 % 0x1_0000
        );
        let spread = format!("{verb} {}.{mid}.{low}.0/24 dev e", 20 + number % 150);
        [dense, sparse, spread]
    };
    (0..9000)
        .flat_map(each)
        .map(|line| operation(&line))
        .collect()
}

fn check(name: &str, run: impl FnOnce()) -> Stretch {
    let longest = longest_stretch(run);
    println!(
        "{:5} calls, {:7} bytes allocated, {:6} copied: {name}",
        longest.allocator_calls, longest.allocated_bytes, longest.copied_bytes
    );
    assert!(longest.allocator_calls <= CALLS, "{name}: {longest:?}");
    assert!(longest.copied_bytes <= COPIED_BYTES, "{name}: {longest:?}");
    longest
}

fn transaction(operations: &[Operation]) -> Transaction {
    let mut transaction = Transaction::new();
    for (number, operation) in operations.iter().enumerate() {
        transaction.push(*operation).unwrap();
        if number % COLLECTED == COLLECTED - 1 {
            reschedule_point();
        }
    }
    transaction
}

/// Dumps the table as the device does.
fn dump(table: &Table) -> usize {
    let mut piece = KVec::with_capacity(4096, GFP_KERNEL).unwrap();
    let (mut after, mut count) = (None, 0);
    loop {
        piece.clear();
        table.dump(Selector::All, after, &mut piece).unwrap();
        count += piece.len();
        after = piece.last().map(Key::from);
        if piece.len() < piece.capacity() {
            return count;
        }
    }
}

#[test]
fn each_operation_yields_after_a_bounded_number_of_objects() {
    let table = table();
    let additions = changes("replace");
    let mut refused = additions.clone();
    refused.push(operation("del 192.0.2.0/24 metric 9"));
    check("transaction that fails", || {
        transaction(&refused).commit(&table).unwrap_err();
    });
    check("transaction that adds", || {
        transaction(&additions).commit(&table).unwrap();
    });
    check("transaction that replaces", || {
        transaction(&changes("change")).commit(&table).unwrap();
    });
    check("transaction dropped", || drop(transaction(&additions)));
    let mut flushed = additions.clone();
    flushed.push(operation("flush"));
    flushed.extend_from_slice(&additions);
    check("transaction with a flush", || {
        transaction(&flushed).commit(&table).unwrap();
    });
    check("dump", || assert!(dump(&table) > 20_000));
    check("statistics", || {
        assert!(table.stats().unwrap().routes_inet > 0)
    });
    let reload = || {
        let mut reload = Reload::new(table.clone()).unwrap();
        for change in &additions {
            reload.apply(change).unwrap();
        }
        reload
    };
    let (first, second) = (reload(), reload());
    check("reload that is committed", || first.commit().unwrap());
    check("reload that is dropped", || drop(second));
    check("flush", || table.flush(None).unwrap());
    // 40,000 next hops suffice to show that no array grows in one copy.
    check("routes with a next hop each", || {
        for number in 0..40_000_u32 {
            let [.., high, low] = number.to_be_bytes();
            run(&table, &format!("add 10.{high}.{low}.0/24 dev d{number}")).unwrap();
            // The device yields the CPU between operations.
            reschedule_point();
        }
    });
}

/// 64 prefixes of a page or of a node have 64 metrics each: a change copies 24 KiB of metrics.
#[test]
fn a_transaction_yields_before_it_copies_many_metrics() {
    let changes = |verb: &str, prefix: fn(usize) -> String| -> Vec<Operation> {
        let line = |number: usize| {
            let (prefix, metric) = (prefix(number / 64), number % 64);
            operation(&format!("{verb} {prefix} dev {verb} metric {metric}"))
        };
        (0..64 * 64).map(line).collect()
    };
    for (name, prefix) in [
        (
            "page",
            (|number| format!("10.{number}.0.0/16")) as fn(usize) -> String,
        ),
        ("node", |number| format!("10.0.{number}.0/24")),
    ] {
        let table = table();
        transaction(&changes("add", prefix)).commit(&table).unwrap();
        let longest = check(&format!("metrics of a {name}"), || {
            transaction(&changes("change", prefix))
                .commit(&table)
                .unwrap();
        });
        assert!(longest.allocated_bytes <= ALLOCATED_BYTES, "{longest:?}");
        let longest = check(&format!("flush of a {name}"), || {
            table.flush(None).unwrap();
        });
        println!("{} accesses", longest.accesses);
        assert!(longest.accesses <= ACCESSES, "{longest:?}");
    }
}
