// SPDX-License-Identifier: GPL-2.0

//! A grace period frees only the objects that were retired before it began. Objects retired later
//! wait for the next grace period, and count until then. Other readers would delay the grace
//! periods, so this file is one test.

use kernel::sync::Arc;
use rcu_routes::{
    rcu_table::{ReclaimMode, Settings, Table},
    testing::{address, run, table_with_settings, HeldReader, SETTLE_TIME},
};
use std::{
    thread,
    time::{Duration, Instant},
};

static SETTINGS: Settings = Settings::new();

/// The retired bytes of an answer's number, and of a node with one route.
const NUMBER: usize = 48;
const NODE: usize = 64;

/// The number of attempts to start a reader after a grace period has begun and before it ends.
const ATTEMPTS: usize = 20;
/// The time that a grace period takes without readers from before it.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Waits until less than `bytes` are retired. Returns the retired bytes; `None` after a timeout.
fn retired_below(table: &Table, bytes: usize) -> Option<usize> {
    let start = Instant::now();
    while start.elapsed() < GRACE_PERIOD {
        let retired = table.stats().unwrap().retired_bytes;
        if retired < bytes {
            return Some(retired);
        }
    }
    None
}

/// Releases the number of dev b after the grace period of dev a has begun. Returns the retired
/// bytes when that grace period has ended; `None` if it waits for the second reader.
fn release_later_number() -> Option<usize> {
    let table = table_with_settings(&SETTINGS);
    for line in ["add 10.0.0.0/8 dev a", "add 11.0.0.0/8 dev b"] {
        run(&table, line).unwrap();
    }
    let first = HeldReader::start();
    run(&table, "change 10.0.0.0/8 dev c").unwrap();
    // A new next hop starts the grace period of dev a, which the first reader blocks.
    run(&table, "add 12.0.0.0/8 dev d").unwrap();
    thread::sleep(SETTLE_TIME);
    let second = HeldReader::start_with({
        let table: Arc<Table> = table.clone();
        move |guard, wait| {
            let found = table.snapshot(guard).next_hop_ref(address("11.1.1.1"));
            let found = found.expect("a route");
            let before = found.get();
            wait();
            assert_eq!(found.get(), before, "a number was reused under a reader");
        }
    });
    run(&table, "change 11.0.0.0/8 dev c").unwrap();
    assert_eq!(table.retired_bytes(), 2 * NUMBER);
    first.release();
    let retired = retired_below(&table, 2 * NUMBER);
    for line in ["add 13.0.0.0/8 dev e", "add 14.0.0.0/8 dev f"] {
        run(&table, line).unwrap();
    }
    second.release();
    retired
}

/// The same for nodes of `kvfree_rcu()`, whose next hops stay in use.
fn retire_later_node() -> Option<usize> {
    let table = table_with_settings(&SETTINGS);
    for line in ["10.0.0.0/24 dev a", "11.0.0.0/24 dev b"] {
        run(&table, &format!("add {line}")).unwrap();
    }
    let first = HeldReader::start();
    run(&table, "add 10.0.0.0/25 dev a").unwrap();
    thread::sleep(SETTLE_TIME);
    let second = HeldReader::start();
    run(&table, "add 11.0.0.0/25 dev b").unwrap();
    assert_eq!(table.retired_bytes(), 2 * NODE);
    first.release();
    let retired = retired_below(&table, 2 * NODE);
    second.release();
    retired
}

#[test]
fn objects_retired_after_a_grace_period_began_wait_for_the_next_one() {
    SETTINGS.set_reclaim(ReclaimMode::Call);
    let number = (0..ATTEMPTS).find_map(|_| release_later_number());
    assert_eq!(number, Some(NUMBER));
    SETTINGS.set_reclaim(ReclaimMode::Kvfree);
    let node = (0..ATTEMPTS).find_map(|_| retire_later_node());
    assert_eq!(node, Some(NODE));
}
