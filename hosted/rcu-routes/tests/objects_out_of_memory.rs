// SPDX-License-Identifier: GPL-2.0

//! Each allocation of each change of objects and of multipath routes fails once: the change returns
//! `ENOMEM` and nothing of it is applied; a retry with memory succeeds. Allocations are counted for
//! the whole process, so this file is one test.

use kernel::{
    alloc::{failslab, live},
    prelude::*,
    sync::Arc,
};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{
        HopId, HopObject, Member, Mode, Multipath, NextHop, Operation, Reload, Route, RouteLeg,
        Selector, Stats, Table, Transaction,
    },
    testing::{dump, own_stats, prefix, run, table},
};

fn hop(number: u8) -> NextHop {
    NextHop::Via([192, 0, 2, number].into(), None)
}

fn legs(count: u8) -> Vec<RouteLeg> {
    let leg = |number| RouteLeg {
        next_hop: hop(number),
        weight: 1 + u16::from(number % 3),
    };
    (1..=count).map(leg).collect()
}

/// Returns the change of a route to legs, which the caller holds meanwhile.
fn insert(hold: &Multipath) -> Operation {
    let route = Route {
        prefix: prefix("10.0.0.0/8"),
        metric: 0,
        next_hop: hold.next_hop(),
    };
    Operation::Insert(route, Mode::Replace)
}

/// Adds a route with legs, as the device does.
fn add_legs(table: &Arc<Table>, count: u8) -> Result {
    let hold = Multipath::new(table.clone(), &legs(count))?;
    insert(&hold).apply(table)
}

fn delete_legs(table: &Arc<Table>) -> Result {
    let hold = Multipath::new(table.clone(), &legs(3))?;
    table.remove(&prefix("10.0.0.0/8"), None, Some(&hold.next_hop()))
}

fn commit_legs(table: &Arc<Table>) -> Result {
    let hold = Multipath::new(table.clone(), &legs(4))?;
    let mut transaction = Transaction::new();
    transaction.push(insert(&hold))?;
    transaction.commit(table).map_err(|failure| failure.error)
}

fn reload_legs(table: &Arc<Table>) -> Result {
    let mut reload = Reload::new(table.clone())?;
    let hold = Multipath::new(table.clone(), &legs(4))?;
    reload.apply(&insert(&hold))?;
    reload.commit()
}

fn set(table: &Table, id: u32, object: HopObject) -> Result {
    let set = table.set_object(id, Mode::Replace, &object);
    set.map_err(|error| error.errno())
}

fn set_group(table: &Table, id: u32, members: &[u32]) -> Result {
    let mut group = KVec::new();
    for &id in members {
        group.push(Member { id, weight: 1 }, GFP_KERNEL)?;
    }
    set(table, id, HopObject::Group(group))
}

fn add_object_route(table: &Arc<Table>) -> Result {
    run(table, "add 12.0.0.0/8 nhid 1")
}

type Step = fn(&Arc<Table>) -> Result;

/// Each case has a name, the changes before it, and the change that fails.
#[rustfmt::skip]
const CASES: &[(&str, &[Step], Step)] = &[
    ("new legs", &[], |table| add_legs(table, 3)),
    ("many legs", &[], |table| add_legs(table, 255)),
    ("legs that a route has", &[|table| add_legs(table, 3)], |table| add_legs(table, 3)),
    ("other legs", &[|table| add_legs(table, 3)], |table| add_legs(table, 4)),
    ("legs for a next hop", &[|table| run(table, "add 10.0.0.0/8 dev a")], |table| add_legs(table, 2)),
    ("a next hop for legs", &[|table| add_legs(table, 3)], |table| run(table, "change 10.0.0.0/8 dev a")),
    ("del of legs", &[|table| add_legs(table, 3)], delete_legs),
    ("a transaction with legs", &[|table| add_legs(table, 3)], commit_legs),
    ("a reload with legs", &[|table| add_legs(table, 3)], reload_legs),
    ("a new object", &[], |table| set(table, 7, HopObject::Single(hop(7)))),
    ("an object for another", &[add_object_route], |table| set(table, 1, HopObject::Single(hop(7)))),
    ("a new group", &[], |table| set_group(table, 7, &[1, 2])),
    ("a group for another", &[|table| set_group(table, 7, &[1, 2])], |table| set_group(table, 7, &[2, 3, 1])),
    ("a route with an object", &[], add_object_route),
];

/// Returns a table with three objects, whose arrays have room for more.
fn before(steps: &[Step]) -> Arc<Table> {
    let table = table();
    for id in 1..=3 {
        set(&table, id, HopObject::Single(hop(id as u8))).unwrap();
    }
    // The index of nameless legs stays when the legs are deleted.
    drop(Multipath::new(table.clone(), &legs(9)).unwrap());
    for step in steps {
        step(&table).unwrap();
    }
    table
}

/// The routes with their legs, the objects, the figures and the number of allocations.
type State = (Vec<(Route, Vec<RouteLeg>)>, Vec<String>, Stats, usize);

fn state(table: &Table) -> State {
    for _ in 0..2 {
        barrier();
        // Reading the statistics empties the slots of deleted objects.
        table.stats().unwrap();
    }
    barrier();
    let allocations = live().allocations;
    let (routes, objects) = contents(table);
    (routes, objects, own_stats(table), allocations)
}

fn contents(table: &Table) -> (Vec<(Route, Vec<RouteLeg>)>, Vec<String>) {
    let routes = dump(table, Selector::All, 16).into_iter().map(|route| {
        let legs = match route.next_hop {
            NextHop::Object(id) if id.number().is_none() => table.legs_of(id).unwrap().to_vec(),
            _ => Vec::new(),
        };
        (route, legs)
    });
    let (mut objects, mut from) = (Vec::new(), Some(0));
    while let Some((id, object)) = from.and_then(|from| table.next_object(from, None).unwrap()) {
        objects.push(format!("{id}: {object:?}"));
        from = id.checked_add(1);
    }
    (routes.collect(), objects)
}

/// Returns the contents without the identities of legs, which differ in each attempt.
fn anonymous(table: &Table) -> (Vec<(Route, Vec<RouteLeg>)>, Vec<String>) {
    let (mut routes, objects) = contents(table);
    for (route, legs) in &mut routes {
        if !legs.is_empty() {
            route.next_hop = NextHop::Object(HopId::new(0));
        }
    }
    (routes, objects)
}

/// Makes each allocation of a change fail, and returns their number.
fn allocations_of(name: &str, steps: &[Step], change: Step) -> u64 {
    for nth in 1.. {
        let table = before(steps);
        let unchanged = state(&table);
        let injection = failslab::fail_nth(nth);
        let done = change(&table);
        let has_fired = injection.has_fired();
        drop(injection);
        if !has_fired {
            assert_eq!(done, Ok(()), "{name}");
            return nth - 1;
        }
        assert_eq!(done, Err(ENOMEM), "{name}, allocation {nth}");
        assert_eq!(state(&table), unchanged, "{name}, allocation {nth}");

        // With memory the retry succeeds, with the same result as the first attempt.
        change(&table).unwrap();
        let direct = before(steps);
        change(&direct).unwrap();
        assert_eq!(
            anonymous(&table),
            anonymous(&direct),
            "{name}, allocation {nth}"
        );
    }
    unreachable!()
}

#[test]
fn a_change_of_objects_without_memory_applies_nothing() {
    let start = live();
    for (name, steps, change) in CASES {
        let allocations = allocations_of(name, steps, *change);
        println!("{allocations:2} allocations: {name}");
        let needs_none = ["a next hop for legs", "a route with an object"].contains(name);
        assert!(needs_none || allocations > 0, "{name}");
    }

    // Removal needs no memory, and a reader of legs gets all of them or `ENOMEM`.
    let table = before(&[|table| add_legs(table, 200)]);
    let injection = failslab::fail_nth(1);
    assert!(table.remove_object(3).is_ok() && !injection.has_fired());
    drop(injection);
    let id = match dump(&table, Selector::All, 16)[0].next_hop {
        NextHop::Object(id) => id,
        other => panic!("{other:?}"),
    };
    for nth in 1.. {
        let injection = failslab::fail_nth(nth);
        let found = table.legs_of(id);
        let has_fired = injection.has_fired();
        drop(injection);
        match found {
            Ok(found) => assert_eq!(&found[..], &legs(200)[..]),
            Err(error) => assert!(has_fired && error == ENOMEM),
        }
        if !has_fired {
            assert!(nth > 1);
            break;
        }
    }
    drop(table);
    barrier();
    assert_eq!(live(), start);
}
