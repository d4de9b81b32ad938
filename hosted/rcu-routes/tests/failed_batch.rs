// SPDX-License-Identifier: GPL-2.0

//! An operation that fails can have copied pages and nodes on its path. A batch that keeps the
//! operations before it publishes these copies, and retires the originals. Allocations are counted
//! for the whole process, so this file is one test.

use kernel::{
    alloc::{live, Live},
    prelude::*,
};
use rcu_routes::{
    rcu::barrier,
    rcu_table::Table,
    testing::{operation, run, show, table, wait_until},
};

fn settled(table: &Table) -> Live {
    wait_until("nothing awaits reclaim", || {
        barrier();
        table.stats().unwrap().retired_bytes == 0
    });
    barrier();
    live()
}

#[test]
fn a_batch_retires_what_its_failed_operation_has_copied() {
    let table = table();
    let before = settled(&table);
    run(&table, "add 11.1.1.0/24 dev a").unwrap();
    run(&table, "add 11.1.1.1/32 dev a").unwrap();
    let mut lines: Vec<_> = (0..5)
        .map(|number| format!("add 10.0.{number}.0/24 dev a"))
        .collect();
    lines.push("change 11.1.1.2/32 dev b".into());
    let operations: Vec<_> = lines.iter().map(|line| operation(line)).collect();
    let failure = table.apply(&operations).unwrap_err();
    assert_eq!((failure.index, failure.error), (Some(5), ENOENT));
    assert_eq!(show(&table).len(), 7);
    run(&table, "flush").unwrap();
    assert_eq!(settled(&table), before);
}
