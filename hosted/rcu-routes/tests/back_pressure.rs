// SPDX-License-Identifier: GPL-2.0

//! Back pressure: behind a long reader, updaters wait before more memory is retired than
//! `reclaim_max_kb`, and resume when the reader ends. The settings are shared, so this file is one
//! test.

use kernel::sync::Arc;
use rcu_routes::{
    rcu::barrier,
    rcu_table::{ReclaimMode, Settings, Table, Transaction},
    testing::{get, route, run, stopped_count, table_with_settings, HeldReader, StopFlag, TIMEOUT},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

static SETTINGS: Settings = Settings::new();

/// Each change replaces or removes nodes. All of them together leave the table unchanged.
const CHANGES: [&str; 6] = [
    "add 2001:db8:0:1::1/128 via fe80::1",
    "replace 10.0.0.0/8 via 192.0.2.1",
    "add 10.20.30.40/32 dev b metric 5",
    "del 10.20.30.40/32",
    "replace 10.0.0.0/8 via 192.0.2.2",
    "del 2001:db8:0:1::1/128",
];

fn new_table() -> Arc<Table> {
    let table = table_with_settings(&SETTINGS);
    for line in [
        "10.0.0.0/8 via 192.0.2.2",
        "10.20.30.0/24 dev a",
        "2001:db8::/32 dev a",
    ] {
        run(&table, &format!("add {line}")).unwrap();
    }
    table
}

/// Makes change `number`: each of [`CHANGES`] in turn, then a transaction.
fn change(table: &Table, number: usize) {
    match CHANGES.get(number % (CHANGES.len() + 1)) {
        Some(line) => run(table, line).unwrap(),
        None => replace_all_at_once(table),
    }
}

fn replace_all_at_once(table: &Table) {
    use rcu_routes::rcu_table::{Mode, Operation};
    let mut transaction = Transaction::new();
    for line in [
        "10.0.0.0/8 via 192.0.2.3",
        "10.20.30.0/24 dev a",
        "2001:db8::/32 dev a",
    ] {
        transaction
            .push(Operation::Insert(route(line), Mode::Replace))
            .unwrap();
    }
    transaction.commit(table).unwrap();
}

/// Returns the maximum number of bytes that one change retires.
fn max_retired_by_a_change() -> usize {
    SETTINGS.set_reclaim(ReclaimMode::Call);
    SETTINGS.set_reclaim_max_kb(u32::MAX);
    let table = new_table();
    barrier();
    let reader = HeldReader::start();
    let mut before = table.retired_bytes();
    let mut most = 0;
    for number in 0..2 * (CHANGES.len() + 1) {
        change(&table, number);
        let after = table.retired_bytes();
        most = most.max(after - before);
        before = after;
    }
    reader.release();
    barrier();
    assert!(most > 0, "no change retires anything");
    most
}

/// Returns whether the count grows by 20 within [`TIMEOUT`].
fn resumes(count: &AtomicUsize, from: usize) -> bool {
    let start = Instant::now();
    while count.load(Ordering::SeqCst) < from + 20 {
        if start.elapsed() > TIMEOUT {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

fn check(mode: ReclaimMode, max_kb: u32, most: usize) {
    SETTINGS.set_reclaim(mode);
    SETTINGS.set_reclaim_max_kb(max_kb);
    let table = new_table();
    barrier();
    let (count, stop) = (AtomicUsize::new(0), StopFlag::new());
    let reader = HeldReader::start();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        scope.spawn(|| {
            while !stop.is_set() {
                change(&table, count.load(Ordering::SeqCst));
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let what = format!("{} with {max_kb} KiB", mode.name());
        let stopped = stopped_count(&count);
        let waiting = table.retired_bytes();
        let found = get(&table, "10.20.30.40");
        reader.release();
        let stopped = stopped.unwrap_or_else(|| panic!("{what}: the writer does not wait"));
        let limit = match mode {
            ReclaimMode::Call | ReclaimMode::Kvfree => max_kb as usize * 1024,
            // The updater waits for each change.
            ReclaimMode::Synchronize | ReclaimMode::Expedited => 0,
        };
        assert!(waiting <= limit + most, "{what}: {waiting} bytes retired");
        assert!(waiting + most >= limit, "{what}: only {waiting} retired");
        assert_ne!(found, "none", "a lookup works meanwhile");
        assert!(
            resumes(&count, stopped),
            "{what}: the writer does not resume"
        );
    });
    assert!(
        is_reclaimed(&table),
        "{}: not everything is reclaimed",
        mode.name()
    );
}

/// Returns whether everything is reclaimed within [`TIMEOUT`]. Only the statistics of the table
/// that called `kvfree_rcu()` detect the end of its grace period.
fn is_reclaimed(table: &Table) -> bool {
    let start = Instant::now();
    while table.stats().unwrap().retired_bytes > 0 {
        if start.elapsed() > TIMEOUT {
            return false;
        }
        barrier();
    }
    true
}

/// The number of changes of a node. Its next hops stay in use, so no answer's number is released.
const COUNTED: usize = 100;

/// Asserts that each replaced node counts as retired until the reader ends, and not afterwards.
fn check_count(mode: ReclaimMode) {
    SETTINGS.set_reclaim(mode);
    SETTINGS.set_reclaim_max_kb(u32::MAX);
    let table = new_table();
    run(&table, "add 192.0.2.0/24 dev b").unwrap();
    barrier();
    assert!(is_reclaimed(&table), "{}", mode.name());
    let reader = HeldReader::start();
    for number in 1..=COUNTED {
        let next_hop = ["a", "b"][number % 2];
        run(&table, &format!("change 10.20.30.0/24 dev {next_hop}")).unwrap();
        let stats = table.stats().unwrap();
        let retired = (stats.retired_objects, stats.retired_bytes);
        // A node with one route takes a line.
        assert_eq!(retired, (number, 64 * number), "{}", mode.name());
    }
    let before = table.stats().unwrap().reclaimed_objects;
    reader.release();
    assert!(is_reclaimed(&table), "{}", mode.name());
    let reclaimed = table.stats().unwrap().reclaimed_objects - before;
    assert_eq!(reclaimed, COUNTED, "{}", mode.name());
}

#[test]
fn a_writer_waits_for_a_long_reader_at_the_limit_of_retired_memory() {
    let most = max_retired_by_a_change();
    println!("one change retires at most {most} bytes");
    for mode in [ReclaimMode::Call, ReclaimMode::Kvfree] {
        check_count(mode);
    }
    for mode in ReclaimMode::ALL {
        for max_kb in [0, 16, 256] {
            check(mode, max_kb, most);
        }
    }
}
