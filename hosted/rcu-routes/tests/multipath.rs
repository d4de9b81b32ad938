// SPDX-License-Identifier: GPL-2.0

//! Multipath routes: routes with the same legs share them, and the last user frees them.

use kernel::{alloc::observe::observe, error::code::*, prelude::*, sync::Arc};
use rcu_routes::{
    rcu_table::{
        read_lock, Change, Event, Follower, HopId, HopObject, Member, Mode, Multipath, NextHop,
        Operation, Reload, Route, RouteLeg, Table, Transaction,
    },
    testing::{address, follow, get, prefix, run, table, HeldReader, TIMEOUT},
};
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

fn leg(number: u8, weight: u16) -> RouteLeg {
    let next_hop = NextHop::Via([192, 0, 2, number].into(), None);
    RouteLeg { next_hop, weight }
}

fn hold(table: &Arc<Table>, legs: &[(u8, u16)]) -> Multipath {
    let legs: Vec<_> = legs
        .iter()
        .map(|&(number, weight)| leg(number, weight))
        .collect();
    Multipath::new(table.clone(), &legs).unwrap()
}

fn route(text: &str, hold: &Multipath) -> Route {
    Route {
        prefix: prefix(text),
        metric: 0,
        next_hop: hold.next_hop(),
    }
}

/// Adds a route with legs, as the device does.
fn add(table: &Arc<Table>, text: &str, legs: &[(u8, u16)]) -> kernel::error::Result {
    let hold = hold(table, legs);
    table.insert(&route(text, &hold), Mode::Replace)
}

fn objects(table: &Table) -> usize {
    table.stats().unwrap().nexthop_objects
}

#[test]
fn flows_are_shared_by_weight() {
    let table = table();
    add(&table, "10.0.0.0/8", &[(1, 1), (2, 3)]).unwrap();
    let mut shares = BTreeMap::new();
    for number in 0..20_000_u32 {
        let [_, a, b, c] = (number * 547).to_be_bytes();
        let found = get(&table, &format!("10.{a}.{b}.{c}"));
        *shares.entry(found).or_insert(0_i32) += 1;
    }
    let counts: Vec<_> = shares.values().copied().collect();
    assert!(
        (counts[0] - 5000).abs() < 300 && (counts[1] - 15_000).abs() < 300,
        "{shares:?}"
    );
}

#[test]
fn routes_with_equal_legs_share_them() {
    let table = table();
    for number in 0..100 {
        add(&table, &format!("10.{number}.0.0/16"), &[(1, 1), (2, 2)]).unwrap();
    }
    assert_eq!((objects(&table), table.stats().unwrap().next_hops), (1, 1));
    // Other weights or another order are other legs.
    add(&table, "11.0.0.0/8", &[(1, 2), (2, 2)]).unwrap();
    add(&table, "12.0.0.0/8", &[(2, 2), (1, 1)]).unwrap();
    assert_eq!(objects(&table), 3);
    let unchanged = table.stats().unwrap().unchanged;
    add(&table, "11.0.0.0/8", &[(1, 2), (2, 2)]).unwrap();
    assert_eq!(table.stats().unwrap().unchanged, unchanged + 1);
    run(&table, "del 12.0.0.0/8").unwrap();
    run(&table, "replace 11.0.0.0/8 dev a").unwrap();
    assert_eq!(objects(&table), 1);
    table.flush(None).unwrap();
    assert_eq!(objects(&table), 0);
}

#[test]
fn legs_are_removed_with_their_last_user() {
    let table = table();
    let first = hold(&table, &[(1, 1), (2, 1)]);
    let second = hold(&table, &[(1, 1), (2, 1)]);
    assert_eq!(first.next_hop(), second.next_hop());
    drop(first);
    assert_eq!(objects(&table), 1);
    table
        .insert(&route("10.0.0.0/8", &second), Mode::Add)
        .unwrap();
    drop(second);
    assert_eq!(objects(&table), 1);
    let NextHop::Object(id) = hold(&table, &[(1, 1), (2, 1)]).next_hop() else {
        panic!("no object");
    };
    assert_eq!(table.legs_of(id).unwrap()[..], [leg(1, 1), leg(2, 1)]);
    run(&table, "del 10.0.0.0/8").unwrap();
    assert_eq!(objects(&table), 0);
    assert!(table.legs_of(id).unwrap().is_empty());
    // New legs do not get an identity that a monitor may still print.
    assert_ne!(
        hold(&table, &[(1, 1), (2, 1)]).next_hop(),
        NextHop::Object(id)
    );
}

#[test]
fn a_transaction_and_a_reload_hold_legs() {
    let table = table();
    let legs = hold(&table, &[(1, 1), (2, 1)]);
    let insert = Operation::Insert(route("10.0.0.0/8", &legs), Mode::Add);
    let mut transaction = Transaction::new();
    transaction.push(insert).unwrap();
    transaction.push(insert).unwrap();
    assert_eq!(transaction.commit(&table).unwrap_err().error, EEXIST);
    assert_eq!(objects(&table), 1);
    let mut reload = Reload::new(table.clone()).unwrap();
    reload.apply(&insert).unwrap();
    drop(legs);
    assert_eq!(objects(&table), 1);
    reload.commit().unwrap();
    let found = table.next_hop(address("10.1.1.1"), &read_lock());
    assert!([leg(1, 1), leg(2, 1)]
        .iter()
        .any(|leg| Some(leg.next_hop) == found));
    Reload::new(table.clone()).unwrap().commit().unwrap();
    assert_eq!(objects(&table), 0);
}

#[test]
fn a_reader_of_a_deleted_route_still_finds_its_legs() {
    let table = table();
    add(&table, "10.0.0.0/8", &[(1, 1), (2, 1)]).unwrap();
    let reader = HeldReader::start_with({
        let table: Arc<Table> = table.clone();
        move |guard, wait| {
            let snapshot = table.snapshot(guard);
            let found = snapshot.next_hop_ref(address("10.1.1.1")).unwrap();
            wait();
            assert_eq!(snapshot.resolve(found, 0), Some(leg(1, 1).next_hop));
            assert_eq!(snapshot.resolve(found, u32::MAX), Some(leg(2, 1).next_hop));
        }
    });
    run(&table, "del 10.0.0.0/8").unwrap();
    for number in 3..10 {
        add(&table, "10.0.0.0/8", &[(number, 1), (2, 1)]).unwrap();
    }
    reader.release();
}

#[test]
fn one_leg_or_a_weight_of_zero_or_an_object_is_refused() {
    let table = table();
    let next_hop = NextHop::Object(HopId::new(1));
    let nested = RouteLeg {
        next_hop,
        weight: 1,
    };
    for legs in [
        &[leg(1, 1)][..],
        &[leg(1, 0), leg(2, 1)],
        &[leg(1, 1), nested],
        &[leg(1, 1); 257],
    ] {
        assert_eq!(Multipath::new(table.clone(), legs).err(), Some(EINVAL));
    }
    assert_eq!(objects(&table), 0);
}

#[test]
fn readers_do_not_allocate_under_the_mutex() {
    let table = table();
    let mut members = KVec::new();
    for id in 1..=20 {
        let object = HopObject::Single(leg(id, 1).next_hop);
        table.set_object(id.into(), Mode::Add, &object).unwrap();
        let (id, weight) = (id.into(), 1);
        members.push(Member { id, weight }, GFP_KERNEL).unwrap();
    }
    let group = HopObject::Group(members);
    table.set_object(30, Mode::Add, &group).unwrap();
    let legs = hold(&table, &[(1, 1), (2, 1)]);
    let NextHop::Object(id) = legs.next_hop() else {
        panic!("no object");
    };
    static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
    let other = table.clone();
    let check = move || {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        let (answer, answered) = mpsc::channel();
        let table = other.clone();
        thread::spawn(move || answer.send(table.stats().is_ok()));
        let answer = answered.recv_timeout(TIMEOUT);
        assert_eq!(answer, Ok(true), "a reader allocates under the mutex");
    };
    let (object, found) = observe(check, || {
        let object = table.next_object(25, None).unwrap();
        (object, table.legs_of(id).unwrap())
    });
    assert_eq!(object, Some((30, group)));
    assert_eq!(found[..], [leg(1, 1), leg(2, 1)]);
    assert_eq!(ALLOCATIONS.load(Ordering::SeqCst), 2);
}

/// Reads the next change of a follower. Returns the weights of its route's legs.
fn next_weights(table: &Table, follower: &mut Follower) -> Option<Vec<u16>> {
    let (event, next) = follower.peek()?;
    follower.advance(next);
    let Event::Change {
        change: Change::Inserted(route) | Change::Removed(route),
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    let NextHop::Object(id) = route.next_hop else {
        return Some(Vec::new());
    };
    let legs = table.legs_of(id).unwrap();
    Some(legs.iter().map(|leg| leg.weight).collect())
}

#[test]
fn the_legs_of_a_deleted_route_stay_until_a_follower_has_read_them() {
    let table = table();
    let mut follower = follow(&table, 8).unwrap();
    add(&table, "10.0.0.0/8", &[(1, 5), (2, 6)]).unwrap();
    run(&table, "change 10.0.0.0/8 dev a").unwrap();
    let held = hold(&table, &[(1, 7), (2, 8)]);
    let mut transaction = Transaction::new();
    let insert = Operation::Insert(route("11.0.0.0/8", &held), Mode::Add);
    transaction.push(insert).unwrap();
    transaction.commit(&table).unwrap();
    drop(held);
    let mut transaction = Transaction::new();
    let remove = Operation::Remove(prefix("11.0.0.0/8"), None, None);
    transaction.push(remove).unwrap();
    transaction.commit(&table).unwrap();
    let expected = [vec![5, 6], vec![], vec![7, 8], vec![7, 8]];
    for weights in expected {
        assert_eq!(next_weights(&table, &mut follower), Some(weights));
    }
    assert_eq!(next_weights(&table, &mut follower), None);
    assert_eq!(objects(&table), 2);
    drop(follower);
    // Reading the statistics releases what nothing follows.
    assert_eq!(objects(&table), 0);
    add(&table, "10.0.0.0/8", &[(1, 5), (2, 6)]).unwrap();
    run(&table, "change 10.0.0.0/8 dev a").unwrap();
    assert_eq!(objects(&table), 0);
}

#[test]
fn the_memory_of_kept_legs_is_limited() {
    let table = table();
    let follower = follow(&table, 8).unwrap();
    let mut most = 0;
    for number in 0..300_u16 {
        let mut legs = [(1, 1); 200];
        legs[0].1 = number + 1;
        add(&table, "10.0.0.0/8", &legs).unwrap();
        most = most.max(objects(&table));
    }
    // 200 legs have more than 8 KiB.
    assert!((100..256).contains(&most), "{most}");
    for number in 0..9000_u16 {
        add(
            &table,
            "10.0.0.0/8",
            &[(1, 1 + number % 256), (2, 1 + number / 256)],
        )
        .unwrap();
    }
    assert!(
        (5000..=8193).contains(&objects(&table)),
        "{}",
        objects(&table)
    );
    run(&table, "del 10.0.0.0/8").unwrap();
    drop(follower);
    // Updates release them piece by piece, too.
    for number in 0..9000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        run(&table, &format!("replace 10.{high}.{low}.0/24 dev a")).unwrap();
    }
    assert_eq!(objects(&table), 0);
}
