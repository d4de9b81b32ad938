// SPDX-License-Identifier: GPL-2.0

//! Next hops are released with their last route, and their numbers reused after a grace period.

use kernel::sync::Arc;
use rcu_routes::{
    rcu_table::{Table, Transaction},
    testing::{address, operation, run, show, table, HeldReader, Random},
};

fn commit(table: &Table, lines: &[&str]) {
    let mut transaction = Transaction::new();
    for line in lines {
        transaction.push(operation(line)).unwrap();
    }
    transaction.commit(table).unwrap();
}

#[test]
fn a_transaction_releases_the_next_hops_that_it_replaces() {
    let table = table();
    commit(&table, &["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"]);
    assert_eq!(table.stats().unwrap().next_hops, 2);
    commit(&table, &["change 10.0.0.0/8 dev b"]);
    assert_eq!(table.stats().unwrap().next_hops, 1);
    commit(&table, &["del 10.0.0.0/8", "del 11.0.0.0/8"]);
    assert_eq!(table.stats().unwrap().next_hops, 0);
}

/// So many next hops with random contents that some lists of the hash table have three.
const MANY: usize = 200;

#[test]
fn a_next_hop_is_found_again_only_while_it_has_users() {
    let table = table();
    let mut random = Random::new(1);
    let lines: Vec<_> = (0..MANY)
        .map(|number| {
            let [a, b, c] = [(); 3].map(|()| random.below(256));
            format!("add 10.0.0.{number}/32 via 192.{a}.{b}.{c}")
        })
        .collect();
    for line in &lines {
        run(&table, line).unwrap();
    }
    let before = show(&table);
    // The first one of a list was inserted last.
    for (number, line) in lines.iter().enumerate() {
        run(&table, &format!("del 10.0.0.{number}/32")).unwrap();
        assert_eq!(table.stats().unwrap().next_hops, MANY - 1);
        run(&table, line).unwrap();
        assert_eq!(table.stats().unwrap().next_hops, MANY);
    }
    assert_eq!(show(&table), before);
}

#[test]
fn the_number_of_the_last_next_hop_is_reused_after_its_readers() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let served = address("10.1.2.3");
    let reader = HeldReader::start_with({
        let table: Arc<Table> = table.clone();
        move |guard, wait| {
            let snapshot = table.snapshot(guard);
            let before = snapshot.next_hop(served);
            wait();
            assert_eq!(snapshot.next_hop(served), before);
        }
    });
    // The reader keeps the roots from before the transaction.
    commit(&table, &["del 10.0.0.0/8"]);
    run(&table, "add 11.0.0.0/8 dev b").unwrap();
    reader.release();
}
