// SPDX-License-Identifier: GPL-2.0

//! With a limit of 0 bytes an updater returns when all memory that it has retired is reclaimed. It
//! also waits for the readers of released numbers, although no node and no callback awaits reclaim.

use rcu_routes::{
    rcu::barrier,
    rcu_table::Settings,
    testing::{get, run, table_with_settings, wait_until, HeldReader, SETTLE_TIME},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

static SETTINGS: Settings = Settings::new();

#[test]
fn an_updater_over_the_limit_waits_for_the_readers_of_a_number() {
    SETTINGS.set_reclaim_max_kb(0);
    let table = table_with_settings(&SETTINGS);
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    run(&table, "add 11.0.0.0/8 dev a").unwrap();
    barrier();
    assert_eq!(table.retired_bytes(), 0);
    let reader = HeldReader::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Both routes are in the root, so the updater replaces no node. The second change
            // releases dev a.
            run(&table, "change 10.0.0.0/8 dev b").unwrap();
            run(&table, "change 11.0.0.0/8 dev b").unwrap();
            done.store(true, Ordering::SeqCst);
        });
        wait_until("the second change is visible", || {
            get(&table, "11.1.1.1") == "11.0.0.0/8 dev b"
        });
        thread::sleep(SETTLE_TIME);
        let early = done.load(Ordering::SeqCst);
        reader.release();
        assert!(!early, "the updater reuses a number under a reader");
    });
    assert_eq!(table.retired_bytes(), 0);
}

#[test]
fn an_updater_over_the_limit_returns_when_its_nodes_are_freed() {
    SETTINGS.set_reclaim_max_kb(0);
    let table = table_with_settings(&SETTINGS);
    run(&table, "add 10.1.2.0/24 dev a").unwrap();
    for next_hop in ["b", "a", "b"] {
        run(&table, &format!("change 10.1.2.0/24 dev {next_hop}")).unwrap();
        assert_eq!(table.retired_bytes(), 0, "dev {next_hop}");
    }
}
