// SPDX-License-Identifier: GPL-2.0

//! Memory behind a reader that stays: updaters wait before more is retired than may be, and go on when
//! the reader has gone. What waits to be reclaimed is counted for the whole process, so this file is
//! one test.

use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{ReclaimMode, Settings, Table, Transaction},
    testing::{get, route, run, table, HeldReader, StopFlag},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

static SETTINGS: Settings = Settings::new();

/// So long without a change, and the writer waits.
const STANDSTILL: Duration = Duration::from_millis(300);
/// So long with changes, and it does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Each replaces or removes something. The table is the same after all of them.
const CHANGES: [&str; 6] = [
    "add 2001:db8:0:1::1/128 via fe80::1",
    "replace 10.0.0.0/8 via 192.0.2.1",
    "add 10.20.30.40/32 dev b metric 5",
    "del 10.20.30.40/32",
    "replace 10.0.0.0/8 via 192.0.2.2",
    "del 2001:db8:0:1::1/128",
];

fn new_table() -> Arc<Table> {
    let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
    let table = table.expect("memory for an empty table");
    for line in [
        "10.0.0.0/8 via 192.0.2.2",
        "10.20.30.0/24 dev a",
        "2001:db8::/32 dev a",
    ] {
        run(&table, &format!("add {line}")).unwrap();
    }
    table
}

/// The number of change `number`: each in turn, and all in one transaction.
fn change(table: &Table, number: usize) {
    match CHANGES.get(number % (CHANGES.len() + 1)) {
        Some(line) => run(table, line).unwrap(),
        None => all_at_once(table),
    }
}

fn all_at_once(table: &Table) {
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

/// Of all tables, so any can be asked: that under test may be held by an updater that waits.
fn retired(any: &Table) -> usize {
    any.stats().retired_bytes
}

/// The most that one change retires.
fn most_of_a_change(any: &Table) -> usize {
    SETTINGS.set_reclaim(ReclaimMode::Call);
    SETTINGS.set_reclaim_max_kb(u32::MAX);
    let table = new_table();
    barrier();
    let reader = HeldReader::start();
    let mut before = retired(any);
    let mut most = 0;
    for number in 0..2 * (CHANGES.len() + 1) {
        change(&table, number);
        let after = retired(any);
        most = most.max(after - before);
        before = after;
    }
    reader.release();
    barrier();
    assert!(most > 0, "no change retires anything");
    most
}

/// Waits until the count stands still; says at what, or nothing if it goes on and on.
fn standstill(count: &AtomicUsize) -> Option<usize> {
    let start = Instant::now();
    let (mut last, mut since) = (count.load(Ordering::SeqCst), start);
    while since.elapsed() < STANDSTILL {
        thread::sleep(STANDSTILL / 20);
        let now = count.load(Ordering::SeqCst);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if start.elapsed() > PATIENCE {
            return None;
        }
    }
    Some(last)
}

fn goes_on(count: &AtomicUsize, from: usize) -> bool {
    let start = Instant::now();
    while count.load(Ordering::SeqCst) < from + 20 {
        if start.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

fn check(mode: ReclaimMode, max_kb: u32, most: usize, any: &Table) {
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
        let stood = standstill(&count);
        let waiting = retired(any);
        let found = get(&table, "10.20.30.40");
        reader.release();
        let stood = stood.unwrap_or_else(|| panic!("{what}: the writer does not wait"));
        let may_wait = match mode {
            ReclaimMode::Call | ReclaimMode::Kvfree => max_kb as usize * 1024,
            // These wait for each change.
            ReclaimMode::Synchronize | ReclaimMode::Expedited => 0,
        };
        assert!(waiting <= may_wait + most, "{what}: {waiting} bytes wait");
        assert!(waiting + most >= may_wait, "{what}: {waiting} bytes only");
        assert_ne!(found, "none", "readers wait for nothing");
        assert!(goes_on(&count, stood), "{what}: it waits for ever");
    });
    assert!(becomes_empty(&table), "{}: something is left", mode.name());
}

/// Whether all is reclaimed in the end. What was handed to `kvfree_rcu()` is known to be gone when its own
/// table is asked after a grace period.
fn becomes_empty(table: &Table) -> bool {
    let start = Instant::now();
    while retired(table) > 0 {
        if start.elapsed() > PATIENCE {
            return false;
        }
        barrier();
    }
    true
}

#[test]
fn a_writer_waits_for_a_reader_that_stays_before_too_much_is_retired() {
    let any = table();
    let most = most_of_a_change(&any);
    println!("one change retires at most {most} bytes");
    for mode in ReclaimMode::ALL {
        for max_kb in [0, 16, 256] {
            check(mode, max_kb, most, &any);
        }
    }
}
