// SPDX-License-Identifier: GPL-2.0

//! Writers exclude each other, and wait for readers before they free nodes. AddressSanitizer runs
//! this too. `churn/` checks the answers that readers get meanwhile.

use rcu_routes::{
    rcu_table::{read_lock, Mode, Operation, Reload, Table},
    testing::{
        address, get, own_stats, route, run, table, wait_until, HeldReader, StopFlag, SETTLE_TIME,
    },
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const DURATION: Duration = Duration::from_secs(1);

#[test]
fn writers_exclude_each_other() {
    let table = table();
    thread::scope(|scope| {
        for writer in 0..4_u32 {
            let table = &table;
            scope.spawn(move || {
                for number in 0..2000 {
                    let (a, b) = (number / 256, number % 256);
                    let line = format!("10.{writer}.{a}.{b}/32 dev w{writer}");
                    run(table, &format!("add {line}")).unwrap();
                    if number % 2 == 0 {
                        run(table, &format!("del {line}")).unwrap();
                    }
                }
            });
        }
    });
    let stats = own_stats(&table);
    assert_eq!((stats.routes_inet, stats.next_hops), (4000, 4));
    assert_eq!(stats.generation, 12_000);
}

/// Asserts that `change`, which removes the route to 10.1.1.1, takes effect before a reader ends, and
/// returns only after that reader, which entered before it.
fn waits_for_the_reader(table: &Table, change: impl FnOnce() + Send) {
    let reader = HeldReader::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            change();
            done.store(true, Ordering::SeqCst);
        });
        wait_until("the route is gone", || get(table, "10.1.1.1") == "none");
        thread::sleep(SETTLE_TIME);
        let early = done.load(Ordering::SeqCst);
        reader.release();
        assert!(!early, "freed under a reader");
    });
}

#[test]
fn flush_waits_for_readers_before_it_frees() {
    let table = table();
    let empty = own_stats(&table).objects;
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    waits_for_the_reader(&table, || run(&table, "flush").unwrap());
    assert_eq!(own_stats(&table).objects, empty);
}

#[test]
fn reload_waits_for_readers_before_it_frees() {
    let table = table();
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    waits_for_the_reader(&table, || {
        let mut reload = Reload::new(table.clone()).unwrap();
        let other = Operation::Insert(route("::/0 dev b"), Mode::Add);
        reload.apply(&other).unwrap();
        reload.commit().unwrap();
    });
    assert_eq!(get(&table, "2001:db8::1"), "::/0 dev b");
}

#[test]
fn flush_frees_no_node_under_a_reader() {
    let table = table();
    let stop = StopFlag::new();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                let asked = address("2001:db8::1");
                while !stop.is_set() {
                    if let Some(route) = table.lookup(asked, &read_lock()) {
                        assert_eq!(route.metric, 7);
                    }
                }
            });
        }
        let end = Instant::now() + DURATION;
        while Instant::now() < end {
            run(&table, "add 2001:db8::1/128 via fe80::1 metric 7").unwrap();
            run(&table, "flush inet6").unwrap();
        }
    });
}
