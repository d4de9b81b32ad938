// SPDX-License-Identifier: GPL-2.0

//! Code of the user that the library calls: hashes, comparisons and teardowns. Here it changes the
//! structure that the caller reads, or panics.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use rcu_routes::{
    rcu::{
        barrier, read_lock, synchronize, Entry, HashTable, Keyed, List, NewBuckets, Reclaim,
        ResizableTable, Retired, Softirq, UpdaterLock,
    },
    testing::{Drops, Random},
};
use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    panic::{catch_unwind, AssertUnwindSafe},
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

const KEYS: usize = 6;
const CANARY: u64 = 0x1ce1_ceba_be00;

thread_local! {
    /// What the thread does when the library calls code of the user.
    static HOOK: Cell<Option<Box<dyn FnMut()>>> = const { Cell::new(None) };
}

/// Runs the hook, unless this is called by the hook.
fn run_hook() {
    if let Some(mut hook) = HOOK.take() {
        hook();
        HOOK.set(Some(hook));
    }
}

struct Key(usize);

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        run_hook();
        self.0.hash(hasher);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        run_hook();
        self.0 == other.0
    }
}

impl Eq for Key {}

struct Object {
    key: Key,
    canary: u64,
    is_torn_down: AtomicBool,
    drops: Drops,
}

impl Object {
    fn verify(&self) {
        assert_eq!(*std::hint::black_box(&self.canary), CANARY);
    }

    fn tear_down(self: Pin<&Self>) {
        self.verify();
        assert!(!self.is_torn_down.swap(true, Ordering::Relaxed));
        run_hook();
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.verify();
        self.canary = 0;
        self.drops.add();
    }
}

impl Keyed for Object {
    type Key = Key;

    fn key(&self) -> &Key {
        &self.key
    }
}

impl Reclaim for Object {
    type Context = Softirq;
    const TEARDOWN: Option<fn(Pin<&Self>)> = Some(Self::tear_down);
}

/// Readers change the state, so its lock is a spin lock.
type Shared = Arc<UpdaterLock<State, SpinLock<()>>>;

#[pin_data]
struct State {
    list: List<Object, State>,
    #[pin]
    table: HashTable<Object, State, 2>,
    resizable: ResizableTable<Object, State>,
}

/// A state, and the number of objects that were created for it.
struct Attacked {
    state: Shared,
    created: AtomicUsize,
    drops: Drops,
}

impl Attacked {
    fn new(drops: &Drops) -> Self {
        let buckets = NewBuckets::new(1, GFP_KERNEL).unwrap();
        let state = pin_init!(State {
            list: List::new(),
            table <- HashTable::new([1, 2]),
            resizable: ResizableTable::new(buckets, [1, 2]),
        });
        let state = UpdaterLock::new(state, new_spinlock!((), "state"));
        Self {
            state: Arc::pin_init(state, GFP_KERNEL).unwrap(),
            created: AtomicUsize::new(0),
            drops: drops.clone(),
        }
    }

    fn object(&self, key: usize) -> Object {
        self.created.fetch_add(1, Ordering::Relaxed);
        Object {
            key: Key(key),
            canary: CANARY,
            is_torn_down: AtomicBool::new(false),
            drops: self.drops.clone(),
        }
    }

    /// Makes a random change.
    fn change(&self, random: &mut Random) {
        let key = random.below(KEYS);
        let entry = || Entry::new(self.object(key), GFP_ATOMIC).unwrap();
        let mut updater = self.state.lock();
        match random.below(12) {
            0..3 => drop(updater.select(|state| &state.table).insert(entry())),
            3 => drop(updater.select(|state| &state.table).remove(&Key(key))),
            4 => updater
                .select(|state| &state.table)
                .clear(Retired::call_rcu),
            5 | 6 => {
                let new = Entry::resizable(self.object(key), GFP_ATOMIC).unwrap();
                drop(updater.select(|state| &state.resizable).insert(new));
            }
            7 => drop(updater.select(|state| &state.resizable).remove(&Key(key))),
            8 => {
                let new = NewBuckets::new(1 + key % 3, GFP_ATOMIC).unwrap();
                drop(updater.select(|state| &state.resizable).resize(new));
            }
            9 | 10 => updater.select(|state| &state.list).push_front(entry()),
            _ => drop(updater.select(|state| &state.list).clear()),
        }
    }

    /// Reads each structure as one reader, and checks what it found at the end.
    fn read(&self, key: usize) {
        let guard = read_lock();
        let mut found: Vec<&Object> = Vec::new();
        found.extend(self.state.table.get(&Key(key), &guard));
        found.extend(self.state.resizable.get(&Key(key), &guard));
        found.extend(
            self.state
                .table
                .iter(&guard)
                .filter(|object| object.key == Key(key)),
        );
        found.extend(
            self.state
                .list
                .iter(&guard)
                .filter(|object| object.key == Key(key)),
        );
        found.into_iter().for_each(Object::verify);
    }

    /// Compares the lengths of the tables with their entries.
    fn verify_lengths(&self) {
        let mut updater = self.state.lock();
        let table = updater.select(|state| &state.table);
        assert_eq!(table.iter().count(), table.len());
        let table = updater.select(|state| &state.resizable);
        let found = (0..KEYS).filter(|&key| table.get(&Key(key)).is_some());
        assert_eq!(found.count(), table.len());
    }
}

#[test]
fn hashes_and_comparisons_of_a_reader_change_what_it_reads() {
    let drops = Drops::default();
    let attacked = Arc::new(Attacked::new(&drops), GFP_KERNEL).unwrap();
    let mut random = Random::new(1);
    for _ in 0..3_000 {
        attacked.change(&mut random);
        let (inner, mut changes) = (attacked.clone(), Random::new(random.word()));
        HOOK.set(Some(Box::new(move || inner.change(&mut changes))));
        attacked.read(random.below(KEYS));
        drop(HOOK.take());
        attacked.verify_lengths();
    }
    let created = attacked.created.load(Ordering::Relaxed);
    drop(attacked);
    barrier();
    assert_eq!(drops.count(), created);
}

#[test]
fn hashes_comparisons_and_teardowns_may_panic() {
    let drops = Drops::default();
    let mut created = 0;
    for seed in 0..1_000 {
        let attacked = Attacked::new(&drops);
        let mut random = Random::new(seed);
        (0..6).for_each(|_| attacked.change(&mut random));
        let mut left = random.below(12);
        HOOK.set(Some(Box::new(move || {
            left = left.checked_sub(1).expect("the injected panic");
        })));
        for _ in 0..4 {
            let _ = catch_unwind(AssertUnwindSafe(|| attacked.change(&mut random)));
            let _ = catch_unwind(AssertUnwindSafe(|| attacked.read(0)));
        }
        drop(HOOK.take());
        attacked.verify_lengths();
        // The next resize must not follow what a resize that panicked has left.
        synchronize();
        for _ in 0..6 {
            attacked.change(&mut random);
            attacked.read(random.below(KEYS));
        }
        attacked.verify_lengths();
        created += attacked.created.load(Ordering::Relaxed);
    }
    barrier();
    assert_eq!(drops.count(), created);
}
