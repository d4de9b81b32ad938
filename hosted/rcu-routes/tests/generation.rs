// SPDX-License-Identifier: GPL-2.0

//! An updater publishes a change, counts it in the table's generation, and then retires what the
//! change has replaced. So a lookup sees each change that a generation counts, and a reader that
//! delays reclaim does not delay the count.

use kernel::sync::Arc;
use rcu_routes::{
    rcu_table::{
        read_lock, Mode, NextHop, Operation, Quarantine, Reload, Route, Settings, Table,
        Transaction, UnlinkedNode,
    },
    testing::{address, get, operation, route, run, table, table_with_settings, StopFlag},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
    thread,
};

static SETTINGS: Settings = Settings::with_quarantine(&OBSERVER);
static OBSERVER: Observer = Observer {
    observed: Mutex::new((None, Vec::new())),
};

/// The generation, and the route of 10.1.2.3.
type Observation = (u64, String);

/// Observes the table each time an updater retires a node.
struct Observer {
    observed: Mutex<(Option<Arc<Table>>, Vec<Observation>)>,
}

impl Quarantine for Observer {
    fn unlinked(&self, _node: UnlinkedNode<'_>) {
        let mut observed = self.observed.lock().unwrap();
        if let Some(table) = &observed.0 {
            let seen = (table.generation(), get(table, "10.1.2.3"));
            observed.1.push(seen);
        }
    }
}

type Change = fn(&Arc<Table>);

/// Each kind of change that retires nodes, and the route of 10.1.2.3 after it.
const CHANGES: [(&str, Change, &str); 6] = [
    (
        "change",
        |table| run(table, "change 10.1.2.0/24 dev b").unwrap(),
        "10.1.2.0/24 dev b",
    ),
    (
        "removal",
        |table| run(table, "del 10.1.2.0/24").unwrap(),
        "10.0.0.0/8 dev a",
    ),
    (
        "transaction",
        |table| {
            let mut transaction = Transaction::new();
            for line in ["change 10.1.2.0/24 dev b", "del 10.0.0.0/8"] {
                transaction.push(operation(line)).unwrap();
            }
            transaction.commit(table).unwrap();
        },
        "10.1.2.0/24 dev b",
    ),
    (
        "batch",
        |table| {
            let line = |number| format!("replace 10.1.2.0/24 dev d{number}");
            let lines = [0, 1, 2, 3, 4].map(|number| operation(&line(number)));
            table.apply(&lines).unwrap();
        },
        "10.1.2.0/24 dev d4",
    ),
    ("flush", |table| table.flush(None).unwrap(), "none"),
    (
        "reload",
        |table| {
            let mut reload = Reload::new(table.clone()).unwrap();
            reload.apply(&operation("add 10.0.0.0/8 dev c")).unwrap();
            reload.commit().unwrap();
        },
        "10.0.0.0/8 dev c",
    ),
];

#[test]
fn each_kind_of_change_is_published_and_counted_before_it_retires_a_node() {
    for (name, change, after) in CHANGES {
        let table = table_with_settings(&SETTINGS);
        for line in ["10.0.0.0/8 dev a", "10.1.2.0/24 dev a"] {
            table.insert(&route(line), Mode::Add).unwrap();
        }
        let expected = (table.generation() + 1, String::from(after));
        OBSERVER.observed.lock().unwrap().0 = Some(table.clone());
        change(&table);
        let observed = std::mem::take(&mut *OBSERVER.observed.lock().unwrap()).1;
        assert!(!observed.is_empty(), "{name} retires no node");
        for seen in observed {
            assert_eq!(seen, expected, "{name}");
        }
        assert_eq!(table.generation(), expected.0, "{name}");
    }
}

/// The changes that the writer makes.
const WRITES: u32 = 20_000;

/// Returns the route of 10.1.2.0/24 after the writer's change `number`.
fn numbered(number: u32) -> Route {
    Route {
        next_hop: NextHop::Via(Ipv4Addr::from_bits(number).into(), None),
        ..route("10.1.2.0/24 dev a")
    }
}

fn number_of(found: Option<NextHop>) -> u32 {
    match found {
        Some(NextHop::Via(IpAddr::V4(gateway), _)) => gateway.to_bits(),
        other => panic!("found {other:?}, expected a gateway"),
    }
}

#[test]
fn a_lookup_sees_each_change_that_the_generation_counts() {
    let table = table();
    table.insert(&numbered(0), Mode::Add).unwrap();
    let (first, stop) = (table.generation(), StopFlag::new());
    let served = address("10.1.2.3");
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut newer = 0_u32;
            while !stop.is_set() {
                let counted = table.generation() - first;
                let found = number_of(table.next_hop(served, &read_lock()));
                assert!(u64::from(found) >= counted, "found {found} of {counted}");
                newer += u32::from(u64::from(found) > counted);
            }
            newer
        });
        let stopper = stop.on_drop();
        for number in 1..=WRITES {
            let change = Operation::Insert(numbered(number), Mode::Replace);
            // A transaction publishes new roots; a single change stores a link.
            if number % 2 == 0 {
                let mut transaction = Transaction::new();
                transaction.push(change).unwrap();
                transaction.commit(&table).unwrap();
            } else {
                change.apply(&table).unwrap();
            }
        }
        drop(stopper);
        let newer = reader.join().expect("each lookup sees the counted changes");
        println!("{newer} lookups saw a change that was not counted yet");
    });
    assert_eq!(table.generation() - first, u64::from(WRITES));
}
