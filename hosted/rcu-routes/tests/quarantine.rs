// SPDX-License-Identifier: GPL-2.0

//! Quarantine: a node is poisoned after its grace period, and every node is freed in the end.

use kernel::{alloc::live, sync::Arc};
use rcu_routes::{
    rcu_table::{
        quarantined_objects, read_lock, Mode, Operation, Quarantine, ReclaimMode, Reload, Settings,
        Table, Transaction, UnlinkedNode,
    },
    testing::{
        address, drain_callbacks, get, prefix, route, run, run_alone, table_with_settings,
        wait_until, SETTLE_TIME, TIMEOUT,
    },
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

static SETTINGS: Settings = Settings::with_quarantine(&QUARANTINE);
static QUARANTINE: TestQuarantine = TestQuarantine {
    poisons_early: AtomicBool::new(false),
};

struct TestQuarantine {
    /// Injects the bug to detect: a node is poisoned as soon as it is unlinked.
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

/// Each kind of change that retires nodes on the path to 10.1.2.3.
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

/// Returns whether a reader that entered before the change finds a poisoned node on the path to
/// 10.1.2.3 within `timeout`.
fn is_poisoned_under_reader(change: Change, timeout: Duration) -> bool {
    let table = filled();
    let (entered, leave) = (AtomicBool::new(false), AtomicBool::new(false));
    let before = get(&table, "10.1.2.3");
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let guard = read_lock();
            let path = table.snapshot(&guard).lookup_path(address("10.1.2.3"));
            assert_eq!((path.len(), path.first_poisoned()), (2, None));
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
        while start.elapsed() < timeout && !reader.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        leave.store(true, Ordering::Release);
        reader.join().expect("the reader")
    })
}

#[test]
fn no_node_is_poisoned_under_a_reader() {
    let _turn = run_alone();
    QUARANTINE.poison_early(false);
    for mode in [ReclaimMode::Call, ReclaimMode::Synchronize] {
        SETTINGS.set_reclaim(mode);
        for (name, change) in CHANGES {
            let is_poisoned = is_poisoned_under_reader(change, SETTLE_TIME);
            assert!(!is_poisoned, "{name}, {mode:?}");
        }
    }
}

#[test]
fn a_node_poisoned_without_a_grace_period_is_detected() {
    let _turn = run_alone();
    QUARANTINE.poison_early(true);
    for mode in ReclaimMode::ALL {
        SETTINGS.set_reclaim(mode);
        for (name, change) in CHANGES {
            let is_poisoned = is_poisoned_under_reader(change, TIMEOUT);
            assert!(is_poisoned, "{name}, {mode:?}");
        }
    }
}

/// Asserts that the nodes retired by a change are counted until they are freed.
fn check_reclaim(mode: ReclaimMode, change: Change) {
    let before = live();
    let table = filled();
    drain_callbacks();
    let start = table.stats().unwrap();
    change(&table);
    drain_callbacks();
    // Reading the statistics detects the end of `kvfree_rcu()`'s and the next hops' grace period.
    let mut stats = table.stats().unwrap();
    wait_until("all nodes are reclaimed", || {
        drain_callbacks();
        stats = table.stats().unwrap();
        stats.retired_objects == 0
    });
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
    drain_callbacks();
    assert_eq!(live(), before, "{mode:?}");
}

#[test]
fn every_retired_node_is_freed() {
    let _turn = run_alone();
    for early in [false, true] {
        QUARANTINE.poison_early(early);
        for mode in ReclaimMode::ALL {
            SETTINGS.set_reclaim(mode);
            for (_, change) in CHANGES {
                check_reclaim(mode, change);
            }
        }
    }
}

#[test]
fn updaters_over_the_limit_wait_for_quarantined_nodes() {
    let _turn = run_alone();
    QUARANTINE.poison_early(false);
    SETTINGS.set_reclaim(ReclaimMode::Call);
    let table = filled();
    drain_callbacks();
    SETTINGS.set_reclaim_max_kb(0);
    run(&table, "change 10.1.2.0/24 dev eth1").unwrap();
    let stats = table.stats().unwrap();
    SETTINGS.set_reclaim_max_kb(Settings::new().reclaim_max_kb());
    assert_eq!((stats.retired_objects, quarantined_objects()), (0, 0));
}
