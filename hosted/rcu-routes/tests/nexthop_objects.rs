// SPDX-License-Identifier: GPL-2.0

//! Next-hop objects: routes share them, one store replaces their next hop, and an object in use
//! cannot be deleted.

use kernel::{alloc::failslab, error::code::*, prelude::*, sync::Arc};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{
        read_lock, Change, DevName, Event, HopError, HopId, HopObject, Member, Mode, NextHop,
        Reload, Table, Transaction, MAX_LEGS,
    },
    testing::{address, follow, get, operation, run, show, table, HeldReader, StopFlag},
};
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex, MutexGuard, PoisonError,
    },
    thread,
};

/// Allocations fail in the whole process, so the tests of this file run one after the other.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A next hop whose gateway and device have the same number.
fn hop(number: u8) -> NextHop {
    let dev = DevName::new(&format!("d{number}"));
    NextHop::Via([192, 0, 2, number].into(), dev)
}

fn single(number: u8) -> HopObject {
    HopObject::Single(hop(number))
}

fn group(members: &[(u32, u16)]) -> HopObject {
    let mut group = KVec::new();
    for &(id, weight) in members {
        group.push(Member { id, weight }, GFP_KERNEL).unwrap();
    }
    HopObject::Group(group)
}

fn set(table: &Table, id: u32, object: &HopObject) -> Result<(), HopError> {
    table.set_object(id, Mode::Replace, object)
}

fn next_hop(table: &Table, text: &str) -> Option<NextHop> {
    table.next_hop(address(text), &read_lock())
}

#[test]
fn one_change_moves_all_routes_of_an_object() {
    let _turn = turn();
    let table = table();
    set(&table, 5, &single(1)).unwrap();
    for number in 0..1000 {
        let (high, low) = (number / 256, number % 256);
        run(&table, &format!("add 10.0.{high}.{low}/32 nhid 5")).unwrap();
        run(
            &table,
            &format!("add 2001:db8::{number:x}/128 nhid 5 metric 7"),
        )
        .unwrap();
    }
    run(&table, "add 10.0.0.0/8 via 192.0.2.9").unwrap();
    let generation = table.generation();
    assert_eq!(next_hop(&table, "10.0.3.7"), Some(hop(1)));
    set(&table, 5, &single(2)).unwrap();
    assert_eq!(table.generation(), generation + 1);
    for number in 0..1000 {
        let (high, low) = (number / 256, number % 256);
        assert_eq!(
            next_hop(&table, &format!("10.0.{high}.{low}")),
            Some(hop(2))
        );
        let inet6 = format!("2001:db8::{number:x}");
        let expected = format!("{inet6}/128 via inet 192.0.2.2 dev d2 metric 7");
        assert_eq!(
            get(&table, &inet6),
            expected.replace("2001:db8::0/", "2001:db8::/")
        );
    }
    assert_eq!(get(&table, "10.9.9.9"), "10.0.0.0/8 via 192.0.2.9");
    // The routes themselves name the object.
    assert!(show(&table).contains(&"10.0.0.7/32 nhid 5".to_string()));
    assert_eq!(table.stats().unwrap().nexthop_objects, 1);
}

#[test]
fn a_route_of_an_unknown_object_is_refused() {
    let _turn = turn();
    let table = table();
    assert_eq!(run(&table, "add 10.0.0.0/8 nhid 5"), Err(EINVAL));
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let generation = table.generation();
    assert_eq!(run(&table, "replace 10.0.0.0/8 nhid 5"), Err(EINVAL));
    let mut transaction = Transaction::new();
    for line in ["del 10.0.0.0/8", "add 10.0.0.0/9 nhid 5"] {
        transaction.push(operation(line)).unwrap();
    }
    let failure = transaction.commit(&table).unwrap_err();
    assert_eq!((failure.index, failure.error), (Some(1), EINVAL));
    assert_eq!(table.generation(), generation);
    assert_eq!(show(&table), ["10.0.0.0/8 dev a"]);
    assert_eq!(run(&table, "del 10.0.0.0/8 nhid 5"), Err(ESRCH));
}

#[test]
fn an_object_in_use_is_not_deleted() {
    let _turn = turn();
    let table = table();
    set(&table, 1, &single(1)).unwrap();
    run(&table, "add 10.0.0.0/8 nhid 1").unwrap();
    run(&table, "add 11.0.0.0/8 nhid 1").unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::InUse(1)));
    run(&table, "del 10.0.0.0/8 nhid 1").unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::InUse(1)));
    assert_eq!(next_hop(&table, "11.0.0.1"), Some(hop(1)));
    table.flush(None).unwrap();

    set(&table, 10, &group(&[(1, 1)])).unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::InUse(1)));
    table.remove_object(10).unwrap();

    // A reload holds the objects of its routes until it ends.
    let mut reload = Reload::new(table.clone()).unwrap();
    reload.apply(&operation("add 10.0.0.0/8 nhid 1")).unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::InUse(1)));
    drop(reload);
    table.remove_object(1).unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::Missing));
    assert_eq!(table.stats().unwrap().nexthop_objects, 0);
}

#[test]
fn a_transaction_without_effect_holds_no_object() {
    let _turn = turn();
    let table = table();
    set(&table, 1, &single(1)).unwrap();
    let mut transaction = Transaction::new();
    for line in ["add 10.0.0.0/8 nhid 1", "del 11.0.0.0/8"] {
        transaction.push(operation(line)).unwrap();
    }
    assert!(transaction.commit(&table).is_err());
    table.remove_object(1).unwrap();
}

#[test]
fn groups_are_refused_as_in_linux() {
    let _turn = turn();
    let table = table();
    set(&table, 1, &single(1)).unwrap();
    set(&table, 2, &HopObject::Single(NextHop::Blackhole)).unwrap();
    set(&table, 3, &single(3)).unwrap();
    set(&table, 10, &group(&[(1, 1), (3, 2)])).unwrap();
    for (object, expected) in [
        (group(&[(7, 1)]), HopError::NoMember(7)),
        (group(&[(11, 1)]), HopError::NoMember(11)),
        (group(&[(1, 1), (10, 1)]), HopError::MemberIsGroup(10)),
        (group(&[(1, 1), (2, 1)]), HopError::MemberDiscards(2)),
        (group(&[(1, 1), (1, 2)]), HopError::MemberTwice(1)),
        (group(&[(1, 0)]), HopError::Contents),
        (group(&[(1, 0), (3, 1)]), HopError::Contents),
        (group(&[]), HopError::GroupSize),
        (group(&vec![(1, 1); MAX_LEGS + 1]), HopError::GroupSize),
    ] {
        assert_eq!(table.set_object(11, Mode::Add, &object), Err(expected));
    }
    let nested = HopObject::Single(NextHop::Object(HopId::new(1)));
    assert_eq!(set(&table, 11, &nested), Err(HopError::Contents));
    assert_eq!(HopError::Contents.errno(), EINVAL);
    set(&table, 12, &group(&[(2, 1)])).unwrap();
    assert_eq!(
        set(&table, 10, &single(1)),
        Err(HopError::GroupBecomesSingle)
    );
    assert_eq!(
        set(&table, 1, &group(&[(3, 1)])),
        Err(HopError::SingleBecomesGroup)
    );
    let blackhole = HopObject::Single(NextHop::Blackhole);
    assert_eq!(set(&table, 1, &blackhole), Err(HopError::DiscardsInGroup));
    assert_eq!(
        table.set_object(1, Mode::Add, &single(1)),
        Err(HopError::Exists)
    );
    assert_eq!(
        table.set_object(9, Mode::Change, &single(1)),
        Err(HopError::Missing)
    );
    assert_eq!(table.stats().unwrap().nexthop_objects, 5);
    // The members of a replaced group are free.
    set(&table, 10, &group(&[(1, 1)])).unwrap();
    table.remove_object(3).unwrap();
    assert_eq!(table.remove_object(1), Err(HopError::InUse(1)));
}

/// The number of addresses for each leg of `10.0.0.0/8`.
fn shares(table: &Table) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for number in 0..30_000_u32 {
        let [_, a, b, c] = (number * 547).to_be_bytes();
        let found = get(table, &format!("10.{a}.{b}.{c}"));
        *shares.entry(found).or_insert(0) += 1;
    }
    shares
}

#[test]
fn a_group_shares_flows_by_weight() {
    let _turn = turn();
    let table = table();
    for number in 1..=3 {
        set(&table, number.into(), &single(number)).unwrap();
    }
    set(&table, 10, &group(&[(1, 1), (2, 2), (3, 3)])).unwrap();
    run(&table, "add 10.0.0.0/8 nhid 10").unwrap();
    let shares_before = shares(&table);
    assert_eq!(shares_before, shares(&table), "a flow keeps its leg");
    let counts: Vec<_> = shares_before.values().copied().collect();
    for (count, expected) in counts.iter().zip([5000, 10_000, 15_000]) {
        assert!(count.abs_diff(expected) < 400, "{shares_before:?}");
    }
    // A replaced member serves the flows of the old one.
    set(&table, 2, &single(7)).unwrap();
    let shares_after = shares(&table);
    assert_eq!(
        shares_after.get("10.0.0.0/8 via 192.0.2.7 dev d7"),
        shares_before.get("10.0.0.0/8 via 192.0.2.2 dev d2")
    );
}

#[test]
fn each_hash_selects_a_leg() {
    let _turn = turn();
    let table = table();
    let members: Vec<_> = (1..=256).map(|id| (id, 256)).collect();
    for &(id, _) in &members {
        set(&table, id, &single(id as u8)).unwrap();
    }
    set(&table, 1000, &group(&members)).unwrap();
    run(&table, "add 10.0.0.0/8 nhid 1000").unwrap();
    let guard = read_lock();
    let snapshot = table.snapshot(&guard);
    let found = snapshot.next_hop_ref(address("10.1.1.1")).unwrap();
    assert_eq!(found.get(), NextHop::Object(HopId::new(1000)));
    for leg in 0..256_u32 {
        let expected = Some(hop((leg + 1) as u8));
        for hash in [leg << 24, (leg << 24) | 0xff_ffff] {
            assert_eq!(snapshot.resolve(found, hash), expected, "{hash:#x}");
        }
    }
}

#[test]
fn a_reader_of_a_deleted_route_still_finds_its_object() {
    let _turn = turn();
    let table = table();
    set(&table, 1, &single(1)).unwrap();
    run(&table, "add 10.0.0.0/8 nhid 1").unwrap();
    let reader = HeldReader::start_with({
        let table: Arc<Table> = table.clone();
        move |guard, wait| {
            let snapshot = table.snapshot(guard);
            let found = snapshot.next_hop_ref(address("10.1.1.1")).unwrap();
            wait();
            assert_eq!(snapshot.resolve(found, 0), Some(hop(1)));
        }
    });
    run(&table, "del 10.0.0.0/8").unwrap();
    table.remove_object(1).unwrap();
    // The slot of the deleted object must not serve these.
    for id in 2..10 {
        set(&table, id, &single(9)).unwrap();
    }
    table.stats().unwrap();
    reader.release();
    // After the reader the slots are used again.
    for _ in 0..3 {
        barrier();
        table.stats().unwrap();
    }
}

#[test]
fn readers_see_the_old_or_the_new_object() {
    const REPLACES: usize = 10_000;
    const READERS: usize = 3;
    // Different answers that each reader must have seen.
    const DISTINCT: usize = 20;
    let _turn = turn();
    let table = table();
    for id in 1..=2 {
        set(&table, id, &single(id as u8)).unwrap();
    }
    set(&table, 10, &group(&[(1, 1), (2, 1)])).unwrap();
    run(&table, "add 10.0.0.0/8 nhid 1").unwrap();
    run(&table, "add 2001:db8::/32 nhid 10").unwrap();
    let (stop, satisfied) = (StopFlag::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in 0..READERS {
            let (table, stop, satisfied) = (&table, &stop, &satisfied);
            scope.spawn(move || {
                let _stop = stop.on_drop();
                let (mut seen, mut distinct) = ([false; 256], 0);
                while !stop.is_set() {
                    let address = match reader {
                        0 => "2001:db8::7",
                        _ => "10.1.1.1",
                    };
                    let found = next_hop(table, address).expect("a route");
                    let NextHop::Via(std::net::IpAddr::V4(gateway), Some(_)) = found else {
                        panic!("torn: {found:?}");
                    };
                    let number = gateway.octets()[3];
                    assert_eq!(found, hop(number), "torn");
                    let is_new = !core::mem::replace(&mut seen[number as usize], true);
                    distinct += usize::from(is_new);
                    if is_new && distinct == DISTINCT {
                        satisfied.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let _stop = stop.on_drop();
        let all_read = || satisfied.load(Ordering::SeqCst) == READERS;
        for number in (0..).take_while(|number| *number < REPLACES || !all_read()) {
            assert!(!stop.is_set(), "a reader has failed");
            set(
                &table,
                1 + (number % 2) as u32,
                &single((number % 250) as u8),
            )
            .unwrap();
        }
    });
    barrier();
    assert_eq!(table.stats().unwrap().nexthop_objects, 3);
}

#[test]
fn an_equal_replace_changes_nothing() {
    let _turn = turn();
    let table = table();
    set(&table, 1, &single(1)).unwrap();
    set(&table, 10, &group(&[(1, 2)])).unwrap();
    let before = table.stats().unwrap();
    set(&table, 1, &single(1)).unwrap();
    set(&table, 10, &group(&[(1, 2)])).unwrap();
    let after = table.stats().unwrap();
    assert_eq!(after.generation, before.generation);
    assert_eq!(after.unchanged, before.unchanged + 2);
    set(&table, 10, &group(&[(1, 3)])).unwrap();
    assert_eq!(table.generation(), before.generation + 1);
}

#[test]
fn objects_are_listed_in_the_order_of_their_numbers() {
    let _turn = turn();
    let table = table();
    set(&table, 7, &single(7)).unwrap();
    set(&table, u32::MAX, &single(1)).unwrap();
    set(&table, 3, &group(&[(7, 256)])).unwrap();
    let list = |is_group| {
        let (mut from, mut all) = (Some(0), Vec::new());
        while let Some((id, object)) = from.and_then(|id| table.next_object(id, is_group).unwrap())
        {
            all.push((id, object));
            from = id.checked_add(1);
        }
        all
    };
    let (seven, last) = ((7, single(7)), (u32::MAX, single(1)));
    assert_eq!(
        list(None),
        [
            (3, group(&[(7, 256)])),
            (7, single(7)),
            (u32::MAX, single(1))
        ]
    );
    assert_eq!(list(Some(false)), [seven, last]);
    assert_eq!(list(Some(true)), [(3, group(&[(7, 256)]))]);
}

#[test]
fn followers_get_changes_of_objects() {
    let _turn = turn();
    let table = table();
    let mut follower = follow(&table, 8).unwrap();
    set(&table, 1, &single(1)).unwrap();
    set(&table, 1, &single(1)).unwrap();
    set(&table, 10, &group(&[(1, 1)])).unwrap();
    table.remove_object(10).unwrap();
    let mut changes = Vec::new();
    while let Some((event, next)) = follower.peek() {
        follower.advance(next);
        match event {
            Event::Change { change, .. } => changes.push(change),
            Event::Lost(lost) => panic!("{lost} lost"),
        }
    }
    let (one, ten) = (HopId::new(1), HopId::new(10));
    let expected = [
        Change::Object(one, Some(hop(1))),
        Change::Object(ten, None),
        Change::ObjectRemoved(ten),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn without_memory_nothing_changes() {
    let _turn = turn();
    let members: Vec<_> = (2..20).map(|id| (id, 1)).collect();
    for object in [single(9), group(&members)] {
        for nth in 1.. {
            let table = table();
            for id in 2..20 {
                set(&table, id, &single(id as u8)).unwrap();
            }
            let before = table.stats().unwrap();
            let injection = failslab::fail_nth(nth);
            let done = table.set_object(1, Mode::Add, &object);
            let has_fired = injection.has_fired();
            drop(injection);
            let after = table.stats().unwrap();
            if !has_fired {
                done.unwrap();
                assert!(nth > 1, "no allocation");
                break;
            }
            if let Err(error) = done {
                assert_eq!(error, HopError::Kernel(ENOMEM));
                assert_eq!(after.generation, before.generation);
                assert_eq!(after.nexthop_objects, before.nexthop_objects);
                assert!(table.next_object(0, None).unwrap().unwrap().0 == 2);
            }
            table.set_object(1, Mode::Replace, &object).unwrap();
        }
    }
}

#[test]
fn the_memory_of_replaced_objects_is_bounded() {
    let _turn = turn();
    let table = table();
    barrier();
    for number in 0..2000 {
        set(&table, 1, &single((number % 250) as u8)).unwrap();
    }
    assert!(table.stats().unwrap().retired_bytes > 0);
    barrier();
    assert_eq!(table.stats().unwrap().retired_bytes, 0);
}

#[test]
fn slots_are_used_again() {
    let _turn = turn();
    let table = table();
    // More than there are slots.
    for number in 0..100_000_u32 {
        set(&table, number + 1, &single((number % 250) as u8)).unwrap();
        if number >= 4 {
            table.remove_object(number - 3).unwrap();
        }
    }
    assert_eq!(table.stats().unwrap().nexthop_objects, 4);
}
