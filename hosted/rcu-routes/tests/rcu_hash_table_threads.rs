// SPDX-License-Identifier: GPL-2.0

//! Readers search a hash table while one thread changes it. AddressSanitizer runs this too.

use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Entry, HashTable, Keyed, Reclaim, Retired, Softirq, UniqueRcuBox,
        UpdaterLock,
    },
    testing::{Checksum, Random, Role, StopFlag},
};
use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The duration of the readers' and the updater's runs.
const DURATION: Duration = Duration::from_secs(2);

struct Element {
    key: u64,
    version: u64,
    checksum: Checksum,
}

impl Element {
    fn entry(key: u64, version: u64) -> UniqueRcuBox<Entry<Self>> {
        let checksum = Checksum::of(key, version);
        let element = Self {
            key,
            version,
            checksum,
        };
        Entry::new(element, GFP_KERNEL).unwrap()
    }
}

impl Keyed for Element {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.key
    }
}

impl Reclaim for Element {
    type Context = Softirq;
}

/// A table, protected by its updaters' lock.
#[pin_data]
struct State<const BUCKETS: usize> {
    #[pin]
    table: HashTable<Element, State<BUCKETS>, BUCKETS>,
}

type Locked<const BUCKETS: usize> = UpdaterLock<State<BUCKETS>>;

fn shared<const BUCKETS: usize>() -> Arc<Locked<BUCKETS>> {
    let state = pin_init!(State { table <- HashTable::new([1, 2]) });
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "table")), GFP_KERNEL).unwrap()
}

fn insert<const BUCKETS: usize>(
    shared: &Locked<BUCKETS>,
    key: u64,
    version: u64,
) -> Option<Retired<Entry<Element>>> {
    let entry = Element::entry(key, version);
    shared.lock().select(|state| &state.table).insert(entry)
}

fn remove<const BUCKETS: usize>(
    shared: &Locked<BUCKETS>,
    key: u64,
) -> Option<Retired<Entry<Element>>> {
    shared.lock().select(|state| &state.table).remove(&key)
}

const KEYS: u64 = 48;

/// Checks the element found under a key. A permanent key must have one. An element must not be
/// older than one seen before under its key.
fn check_found(key: u64, found: Option<&Element>, newest: &mut HashMap<u64, u64>) {
    let Some(found) = found else {
        assert!(!Role::of(key).is_permanent(), "{key} was not found");
        return;
    };
    found.checksum.verify(found.key, found.version);
    assert_eq!(found.key, key);
    if Role::of(key).is_permanent() {
        let newest = newest.entry(key).or_default();
        assert!(
            found.version >= *newest,
            "a version older than one seen before"
        );
        *newest = found.version;
    }
}

/// Searches until the flag is set. Returns the number of rounds.
fn search<const BUCKETS: usize>(shared: &Locked<BUCKETS>, stop: &StopFlag, seed: u64) -> usize {
    let (mut random, mut newest, mut rounds) = (Random::new(seed), HashMap::new(), 0);
    while !stop.is_set() {
        let guard = read_lock();
        for _ in 0..16 {
            let key = random.below(KEYS as usize) as u64;
            check_found(key, shared.table.get(&key, &guard), &mut newest);
        }
        let mut permanent = HashSet::new();
        for element in shared.table.iter(&guard) {
            check_found(element.key, Some(element), &mut newest);
            if Role::of(element.key).is_permanent() {
                let is_first = permanent.insert(element.key);
                assert!(is_first, "{} is present twice", element.key);
            }
        }
        let found = permanent.len() as u64;
        assert_eq!(found, KEYS / 2, "a permanent key was skipped");
        rounds += 1;
    }
    rounds
}

/// Inserts, replaces and removes elements for [`DURATION`]. Returns the number of changes.
fn churn<const BUCKETS: usize>(shared: &Locked<BUCKETS>) -> u64 {
    let (mut random, mut version) = (Random::new(5), 0);
    let end = Instant::now() + DURATION;
    while Instant::now() < end {
        version += 1;
        let key = random.below(KEYS as usize) as u64;
        let old = match Role::of(key) {
            Role::Kept => None,
            Role::Toggled if random.below(2) == 0 => remove(shared, key),
            _ => insert(shared, key, version),
        };
        match (old, version % 64) {
            (Some(old), 0) => drop(old.synchronize()),
            (Some(old), 1..20) => drop(old),
            (Some(old), _) => old.call_rcu(),
            (None, _) => {}
        }
    }
    version
}

fn readers_find_permanent_keys<const BUCKETS: usize>() {
    let shared = shared::<BUCKETS>();
    for key in (0..KEYS).filter(|key| Role::of(*key).is_permanent()) {
        assert!(insert(&shared, key, 0).is_none());
    }
    let (stop, rounds) = (StopFlag::new(), AtomicUsize::new(0));
    let changes = thread::scope(|scope| {
        let _stop = stop.on_drop();
        for seed in 0..2 {
            let (shared, stop, rounds) = (&shared, &stop, &rounds);
            scope.spawn(move || {
                rounds.fetch_add(search(shared, stop, seed), Ordering::Relaxed);
            });
        }
        churn(&shared)
    });
    let rounds = rounds.into_inner();
    println!("{rounds} rounds, {changes} changes");
    assert!(rounds > 100 && changes > 100);
    drop(shared);
    barrier();
}

#[test]
fn readers_find_permanent_keys_in_one_bucket() {
    readers_find_permanent_keys::<1>();
}

#[test]
fn readers_find_permanent_keys_in_many_buckets() {
    readers_find_permanent_keys::<16>();
}
