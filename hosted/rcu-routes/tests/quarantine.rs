// SPDX-License-Identifier: GPL-2.0

//! Nodes in quarantine: when they are marked, and that all of them are freed in the end.

use kernel::{alloc::live, sync::Arc};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{
        quarantined_objects, read_lock, Mode, Operation, Quarantine, ReclaimMode, Reload, Settings,
        Table, Transaction, UnlinkedNode,
    },
    testing::{address, get, prefix, route, run, table_with_settings},
};
use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex, MutexGuard,
    },
    thread,
    time::{Duration, Instant},
};

static SETTINGS: Settings = Settings::with_quarantine(&QUARANTINE);
static QUARANTINE: TestQuarantine = TestQuarantine {
    poisons_early: AtomicBool::new(false),
};

struct TestQuarantine {
    /// Whether a node is poisoned as soon as it is unlinked: the bug to be seen.
    poisons_early: AtomicBool,
}

impl TestQuarantine {
    fn poison_early(&self, early: bool) {
        self.poisons_early.store(early, Ordering::Relaxed);
    }
}

impl Quarantine for TestQuarantine {
    fn unlinked(&self, node: UnlinkedNode<'_>) {
        if self.poisons_early.load(Ordering::Relaxed) {
            node.poison();
        }
    }
}

/// The settings and the counts are shared. Nothing is left of the test before.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    settle();
    one
}

/// Waits for callbacks, and for those that these have queued.
fn settle() {
    barrier();
    barrier();
}

const ROUTES: [&str; 4] = [
    "10.0.0.0/8 dev eth0",
    "10.1.2.0/24 dev eth0",
    "2001:db8::/32 dev eth0",
    "2001:db8::1/128 dev eth0",
];

fn filled() -> Arc<Table> {
    let table = table_with_settings(&SETTINGS);
    for line in ROUTES {
        table.insert(&route(line), Mode::Add).unwrap();
    }
    table
}

type Change = fn(&Arc<Table>);

/// A change of the nodes on the way to 10.1.2.3 by each path on which nodes are retired.
const CHANGES: [(&str, Change); 5] = [
    ("change", |table| {
        run(table, "change 10.1.2.0/24 dev eth1").unwrap()
    }),
    ("removal", |table| run(table, "del 10.1.2.0/24").unwrap()),
    ("transaction", |table| {
        let mut transaction = Transaction::new();
        let remove = Operation::Remove(prefix("10.1.2.0/24"), None, None);
        transaction.push(remove).unwrap();
        transaction.commit(table).unwrap();
    }),
    ("flush", |table| table.flush(None).unwrap()),
    ("reload", |table| {
        Reload::new(table.clone()).unwrap().commit().unwrap();
    }),
];

/// Whether a reader who was on the way to 10.1.2.3 before a change sees a mark there within a time.
fn is_marked_under_reader(change: Change, patience: Duration) -> bool {
    let table = filled();
    let (entered, leave) = (AtomicBool::new(false), AtomicBool::new(false));
    let before = get(&table, "10.1.2.3");
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let guard = read_lock();
            let path = table.snapshot(&guard).lookup_path(address("10.1.2.3"));
            assert_eq!((path.len(), path.first_poisoned()), (3, None));
            entered.store(true, Ordering::Release);
            while !leave.load(Ordering::Acquire) && path.first_poisoned().is_none() {
                thread::yield_now();
            }
            path.first_poisoned().is_some()
        });
        while !entered.load(Ordering::Acquire) {
            thread::yield_now();
        }
        scope.spawn(|| change(&table));
        while get(&table, "10.1.2.3") == before {
            thread::yield_now();
        }
        let start = Instant::now();
        while start.elapsed() < patience && !reader.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        leave.store(true, Ordering::Release);
        reader.join().expect("the reader")
    })
}

#[test]
fn no_node_is_marked_while_a_reader_is_there() {
    let _one = one_at_a_time();
    QUARANTINE.poison_early(false);
    for mode in [ReclaimMode::Call, ReclaimMode::Synchronize] {
        SETTINGS.set_reclaim(mode);
        for (name, change) in CHANGES {
            let marked = is_marked_under_reader(change, Duration::from_millis(50));
            assert!(!marked, "{name}, {mode:?}");
        }
    }
}

#[test]
fn a_node_is_marked_under_a_reader_when_told_to() {
    let _one = one_at_a_time();
    QUARANTINE.poison_early(true);
    for mode in ReclaimMode::ALL {
        SETTINGS.set_reclaim(mode);
        for (name, change) in CHANGES {
            let marked = is_marked_under_reader(change, Duration::from_secs(10));
            assert!(marked, "{name}, {mode:?}");
        }
    }
}

/// All nodes that were retired are counted as such until they are freed.
fn comes_back(mode: ReclaimMode, change: Change) {
    let before = live();
    let table = filled();
    settle();
    let start = table.stats();
    change(&table);
    settle();
    // What goes by `kvfree_rcu()` is asked for after a grace period, and so is the next hops' memory.
    let patience = Instant::now();
    let mut stats = table.stats();
    while stats.retired_objects > 0 && patience.elapsed() < Duration::from_secs(10) {
        settle();
        stats = table.stats();
    }
    assert_eq!(
        (stats.retired_objects, stats.retired_bytes),
        (0, 0),
        "{mode:?}"
    );
    assert!(
        stats.reclaimed_objects > start.reclaimed_objects,
        "{mode:?}"
    );
    assert_eq!(quarantined_objects(), 0, "{mode:?}");
    drop(table);
    settle();
    assert_eq!(live(), before, "{mode:?}");
}

#[test]
fn all_nodes_come_back() {
    let _one = one_at_a_time();
    for early in [false, true] {
        QUARANTINE.poison_early(early);
        for mode in ReclaimMode::ALL {
            SETTINGS.set_reclaim(mode);
            for (_, change) in CHANGES {
                comes_back(mode, change);
            }
        }
    }
}

#[test]
fn updaters_wait_until_nodes_have_left_quarantine() {
    let _one = one_at_a_time();
    QUARANTINE.poison_early(false);
    SETTINGS.set_reclaim(ReclaimMode::Call);
    let table = filled();
    settle();
    SETTINGS.set_reclaim_max_kb(0);
    run(&table, "change 10.1.2.0/24 dev eth1").unwrap();
    let stats = table.stats();
    SETTINGS.set_reclaim_max_kb(Settings::new().reclaim_max_kb());
    assert_eq!((stats.retired_objects, quarantined_objects()), (0, 0));
}
