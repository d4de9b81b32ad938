// SPDX-License-Identifier: GPL-2.0

//! An update reserves a batch for the objects that it retires. A long transaction reserves many; it
//! frees all but one, which the next update uses. Allocations are counted for the whole process, so
//! this file is one test.

use kernel::alloc::live;
use rcu_routes::{
    rcu::barrier,
    rcu_table::{ReclaimMode, Settings, Table, Transaction},
    testing::{operation, run, table_with_settings},
};

static SETTINGS: Settings = Settings::new();

/// Returns the number of allocations that `stats` frees.
fn spare(table: &Table) -> usize {
    barrier();
    let before = live().allocations;
    table.stats().unwrap();
    barrier();
    before - live().allocations
}

fn commit(table: &Table, verb: &str) {
    let mut transaction = Transaction::new();
    for number in 0..2000 {
        let line = format!("{verb} 10.{}.{}.0/24 dev a", number / 256, number % 256);
        transaction.push(operation(&line)).unwrap();
    }
    transaction.commit(table).unwrap();
}

#[test]
fn a_transaction_keeps_one_reserved_batch_for_the_next_update() {
    // In this mode updates free their objects themselves, and use no batch.
    SETTINGS.set_reclaim(ReclaimMode::Synchronize);
    let table = table_with_settings(&SETTINGS);
    run(&table, "add 2001:db8::/48 dev a").unwrap();
    run(&table, "change 2001:db8::/48 dev b").unwrap();
    // A batch, and the list of reserved ones.
    assert_eq!(spare(&table), 2, "after an update");
    commit(&table, "add");
    assert_eq!(spare(&table), 2, "after a transaction that adds");
    commit(&table, "del");
    assert_eq!(spare(&table), 2, "after a transaction that removes");
    run(&table, "flush").unwrap();
    barrier();
}
