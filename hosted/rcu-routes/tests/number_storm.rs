// SPDX-License-Identifier: GPL-2.0

//! Each replacement of a next hop takes a new number, because readers may still use the old one.
//! Behind a long reader the updater waits before the numbers exceed `reclaim_max_kb`, and no
//! replacement fails. The settings are the file's own, so this file is one test.

use rcu_routes::{
    rcu::barrier,
    rcu_table::{Settings, Table},
    testing::{run, stopped_count, table_with_settings, wait_until, HeldReader, StopFlag},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

static SETTINGS: Settings = Settings::new();

/// The limit of retired memory.
const MAX_KB: u32 = 64;
/// Replacements that the writer makes at least. Without reuse their numbers need 16 times the limit.
const REPLACEMENTS: usize = 20_000;
/// Replaces the next hop of one route by the other of two.
fn replace(table: &Table, number: usize) {
    let line = format!("replace 10.0.0.0/8 via 192.0.2.{}", number % 2 + 1);
    run(table, &line).unwrap();
}

#[test]
fn replacements_behind_a_long_reader_wait_at_the_limit_and_never_fail() {
    SETTINGS.set_reclaim_max_kb(MAX_KB);
    let limit = MAX_KB as usize * 1024;
    let table = table_with_settings(&SETTINGS);
    let (count, stop) = (AtomicUsize::new(0), StopFlag::new());
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        scope.spawn(|| {
            while !stop.is_set() {
                replace(&table, count.fetch_add(1, Ordering::SeqCst));
            }
        });
        for round in 0..3 {
            let reader = HeldReader::start();
            let stopped = stopped_count(&count).is_some();
            let stats = table.stats().unwrap();
            let before = count.load(Ordering::SeqCst);
            reader.release();
            assert!(stopped, "round {round}: the writer does not wait");
            assert_eq!(stats.next_hops, 1, "round {round}");
            let waiting = stats.retired_bytes;
            assert!(waiting <= 2 * limit, "round {round}: {waiting} bytes wait");
            // The array of records and what the updater notes double when they are full.
            let numbers = stats.next_hop_bytes;
            assert!(
                numbers <= 4 * limit,
                "round {round}: {numbers} bytes of numbers"
            );
            wait_until("the writer resumes", || {
                count.load(Ordering::SeqCst) > before + 100
            });
        }
        wait_until("enough replacements", || {
            count.load(Ordering::SeqCst) >= REPLACEMENTS
        });
    });
    let numbers = table.stats().unwrap().next_hop_bytes;
    assert!(numbers <= 4 * limit, "{numbers} bytes of numbers");
    barrier();
}
