// SPDX-License-Identifier: GPL-2.0

//! Behind a long reader, updaters wait before deleted next-hop objects occupy more memory than
//! `reclaim_max_kb`, and resume when the reader ends.

use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{HopObject, Member, Mode, Multipath, NextHop, Route, RouteLeg, Settings, Table},
    testing::{
        prefix, run, run_alone, stopped_count, table_with_settings, wait_until, HeldReader,
        StopFlag, SETTLE_TIME,
    },
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

const MAX_KB: u32 = 256;

fn hop(number: u32) -> NextHop {
    let [_, a, b, c] = number.to_be_bytes();
    NextHop::Via([10, a, b, c].into(), None)
}

/// Returns 200 legs that no other number has.
fn legs(table: &Arc<Table>, number: u32) -> Multipath {
    let leg = |at| RouteLeg {
        next_hop: hop(number * 256 + at),
        weight: 1,
    };
    let legs: Vec<_> = (0..200).map(leg).collect();
    Multipath::new(table.clone(), &legs).unwrap()
}

/// Creates a table with 200 objects, of which groups can be made.
fn new_table(settings: &'static Settings) -> Arc<Table> {
    settings.set_reclaim_max_kb(MAX_KB);
    let table = table_with_settings(settings);
    for id in 1..=200 {
        let object = HopObject::Single(hop(id));
        table.set_object(id, Mode::Add, &object).unwrap();
    }
    table
}

/// Waits until nothing of a table awaits reclaim.
fn wait_reclaimed(table: &Table) {
    wait_until("everything is reclaimed", || {
        barrier();
        table.stats().unwrap().retired_bytes == 0
    });
}

/// Asserts that `change` waits for a long reader at the limit, and that it deletes objects of
/// 200 legs.
fn check(table: &Arc<Table>, change: impl Fn(u32) + Sync) {
    wait_reclaimed(table);
    let (count, stop) = (AtomicUsize::new(0), StopFlag::new());
    let reader = HeldReader::start();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        scope.spawn(|| {
            while !stop.is_set() && count.load(Ordering::SeqCst) < 2000 {
                change(count.load(Ordering::SeqCst) as u32);
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let stopped = stopped_count(&count);
        let waiting = table.retired_bytes();
        reader.release();
        let stopped = stopped.expect("the updater waits");
        assert!(stopped < 100, "{stopped} changes, {waiting} bytes retired");
        assert!(waiting > 100 << 10, "only {waiting} bytes retired");
        assert!(waiting < 320 << 10, "{waiting} bytes retired");
        wait_until("the updater resumes", || {
            count.load(Ordering::SeqCst) >= stopped + 20
        });
    });
    wait_reclaimed(table);
}

#[test]
fn the_memory_of_deleted_groups_is_bounded() {
    static SETTINGS: Settings = Settings::new();
    let _turn = run_alone();
    let table = new_table(&SETTINGS);
    check(&table, |_| {
        let mut members = KVec::new();
        for id in 1..=200 {
            members.push(Member { id, weight: 1 }, GFP_KERNEL).unwrap();
        }
        let group = HopObject::Group(members);
        table.set_object(1000, Mode::Add, &group).unwrap();
        table.remove_object(1000).unwrap();
    });
}

#[test]
fn the_memory_of_replaced_legs_is_bounded() {
    static SETTINGS: Settings = Settings::new();
    let _turn = run_alone();
    let table = new_table(&SETTINGS);
    check(&table, |number| {
        let legs = legs(&table, number);
        let route = Route {
            prefix: prefix("10.0.0.0/8"),
            metric: 0,
            next_hop: legs.next_hop(),
        };
        table.insert(&route, Mode::Replace).unwrap();
        drop(legs);
        if number % 2 == 1 {
            run(&table, "del 10.0.0.0/8").unwrap();
        }
    });
}

#[test]
fn the_memory_of_legs_without_route_is_bounded() {
    static SETTINGS: Settings = Settings::new();
    let _turn = run_alone();
    let table = new_table(&SETTINGS);
    check(&table, |number| drop(legs(&table, number)));
}

#[test]
fn an_updater_over_the_limit_returns_when_its_objects_are_freed() {
    static SETTINGS: Settings = Settings::new();
    let _turn = run_alone();
    let table = new_table(&SETTINGS);
    wait_reclaimed(&table);
    SETTINGS.set_reclaim_max_kb(0);
    for _ in 0..3 {
        let object = HopObject::Single(hop(1));
        table.set_object(1000, Mode::Add, &object).unwrap();
        table.remove_object(1000).unwrap();
        assert_eq!(table.retired_bytes(), 0);
    }
}

#[test]
fn without_a_free_slot_updaters_wait_without_the_mutex() {
    static SETTINGS: Settings = Settings::new();
    let _turn = run_alone();
    let table = new_table(&SETTINGS);
    SETTINGS.set_reclaim_max_kb(u32::MAX);
    let named = || {
        let object = HopObject::Single(hop(1));
        table.set_object(1000, Mode::Add, &object).unwrap();
        table.remove_object(1000).unwrap();
    };
    let nameless = || {
        let next_hop = hop(1);
        drop(
            Multipath::new(
                table.clone(),
                &[RouteLeg {
                    next_hop,
                    weight: 1,
                }; 2],
            )
            .unwrap(),
        );
    };
    let updaters: [&(dyn Fn() + Sync); 2] = [&named, &nameless];
    let counts = [const { AtomicUsize::new(0) }; 2];
    let (stop, answered) = (StopFlag::new(), AtomicUsize::new(0));
    let reader = HeldReader::start();
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for (update, count) in updaters.iter().zip(&counts) {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.is_set() {
                    update();
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let stopped = counts.each_ref().map(stopped_count);
        scope.spawn(|| answered.store(table.stats().unwrap().nexthop_objects, Ordering::SeqCst));
        thread::sleep(SETTLE_TIME);
        let found = answered.load(Ordering::SeqCst);
        reader.release();
        assert_eq!(found, 200, "statistics while the updaters wait");
        for (count, stopped) in counts.iter().zip(stopped) {
            let stopped = stopped.expect("the updater waits");
            wait_until("the updater resumes", || {
                count.load(Ordering::SeqCst) >= stopped + 20
            });
        }
    });
    wait_reclaimed(&table);
}
