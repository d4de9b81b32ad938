// SPDX-License-Identifier: GPL-2.0

//! Writers wait for each other, and for readers before they free what those may see. Meant for
//! AddressSanitizer as well. What readers are told meanwhile is checked in `churn/`.

use rcu_routes::{
    rcu_table::{read_lock, Mode, Operation, Reload, Table},
    testing::{address, get, own_stats, route, run, table, HeldReader, StopFlag},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const TIME: Duration = Duration::from_secs(1);

#[test]
fn writers_take_turns() {
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

/// Asserts that `change`, after which 10.1.1.1 has no route, takes effect at once and returns only when a
/// reader that was there before has gone.
fn waits_for_the_reader(table: &Table, change: impl FnOnce() + Send) {
    let reader = HeldReader::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            change();
            done.store(true, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(150));
        let (early, answer) = (done.load(Ordering::SeqCst), get(table, "10.1.1.1"));
        reader.release();
        assert!(!early, "freed under a reader");
        assert_eq!(answer, "none");
    });
}

#[test]
fn flush_waits_for_the_readers_before_it_frees() {
    let table = table();
    let empty = own_stats(&table).objects;
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    waits_for_the_reader(&table, || run(&table, "flush").unwrap());
    assert_eq!(own_stats(&table).objects, empty);
}

#[test]
fn a_reload_waits_for_the_readers_before_it_frees() {
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
fn flush_under_readers_frees_nothing_they_see() {
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
        let end = Instant::now() + TIME;
        while Instant::now() < end {
            run(&table, "add 2001:db8::1/128 via fe80::1 metric 7").unwrap();
            run(&table, "flush inet6").unwrap();
        }
    });
}
