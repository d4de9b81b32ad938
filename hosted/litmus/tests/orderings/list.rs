// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/list.rs` and `rcu/hash_table.rs`, and so of `rcu/chain.rs` and `rcu/cleared.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{prelude::*, sync::Mutex},
    object::Object,
    ordering::confine,
    rcu::{
        read_lock, Entry, HashTable, Keyed, List, Reclaim, Retired, Softirq, UniqueRcuBox,
        UpdateSide, UpdaterLock,
    },
};
use loom::thread;
use std::rc::Rc;

/// An updater inserts entries into a list during a reader's walk.
pub fn push() {
    walk_during(&[1], &[&[1], &[2, 1], &[1, 3], &[2, 1, 3]], |state| {
        state.update(|list| {
            list.push_front(entry(2));
            list.push_back(entry(3));
        });
    });
}

/// An updater removes an entry during a reader's walk, and writes to it after a grace period.
pub fn remove() {
    walk_during(&[1, 2], &[&[1, 2], &[2]], |state| {
        let old = state.update(|list| list.remove_first(|object| object.read() == 1));
        old.unwrap().synchronize().write(10);
    });
}

/// An updater appends an entry and removes the one before it. A reader reaches the new entry
/// through the link that the removal changed.
pub fn remove_before_new() {
    walk_during(&[1], &[&[1], &[1, 2], &[2]], |state| {
        let old = state.update(|list| {
            list.push_back(entry(2));
            confine(|| list.pop_front())
        });
        old.unwrap().synchronize().write(10);
    });
}

/// An updater replaces an entry during a reader's walk, and writes to the old one after a grace
/// period.
pub fn replace() {
    walk_during(&[1, 2], &[&[1, 2], &[3, 2]], |state| {
        let old = state.update(|list| list.cursor().replace_current(entry(3)));
        old.ok().unwrap().synchronize().write(10);
    });
}

/// An updater clears the list during a reader's walk, and writes to the entries after a grace
/// period.
pub fn clear() {
    walk_during(&[1, 2], &[&[1, 2], &[]], |state| {
        let all = state.update(|list| list.clear());
        all.synchronize().for_each(|mut entry| entry.write(10));
    });
}

/// An updater removes an entry, and inserts it elsewhere after a grace period.
pub fn insert_again() {
    walk_during(&[1, 2], &[&[1, 2], &[2], &[2, 3]], |state| {
        let old = state.update(|list| list.pop_front());
        let mut old = old.unwrap().synchronize();
        old.write(3);
        state.update(|list| list.push_back(old));
    });
}

/// Two updaters with a lock append entries.
pub fn excluded_updaters() {
    let state = State::with(&[]);
    let other = thread::spawn({
        let state = state.clone();
        move || state.update(|list| list.push_back(entry(1)))
    });
    state.update(|list| list.push_back(entry(2)));
    other.join().unwrap();
    assert_one_of(&[vec![1, 2], vec![2, 1]], &state.numbers());
}

/// An updater replaces an entry of a hash table during a lookup, and writes to the old one after a
/// grace period.
pub fn hash_table() {
    let table = Table::empty();
    table.insert(1, 1);
    let updater = thread::spawn({
        let table = table.clone();
        move || {
            let old = table.insert(1, 2);
            table.insert(2, 1);
            old.unwrap().synchronize().number.write(10);
        }
    });
    let guard = read_lock();
    let seen = table.0.entries.get(&1, &guard).unwrap().number.read();
    assert_one_of(&[1, 2], &seen);
    drop(guard);
    updater.join().unwrap();
}

/// Two updaters with a lock insert entries into a hash table, which counts them.
pub fn counted_entries() {
    let table = Table::empty();
    let other = thread::spawn({
        let table = table.clone();
        move || assert!(table.insert(1, 1).is_none())
    });
    assert!(table.insert(2, 1).is_none());
    other.join().unwrap();
    assert_eq!(table.0.lock().select(|table| &table.entries).len(), 2);
}

/// Runs `updater` in a thread while this thread walks the list.
#[track_caller]
fn walk_during(
    numbers: &[usize],
    allowed: &[&[usize]],
    updater: impl FnOnce(&SharedList) + 'static,
) {
    let state = State::with(numbers);
    let updater = thread::spawn({
        let state = state.clone();
        move || updater(&state)
    });
    assert_one_of(allowed, &&*state.numbers());
    updater.join().unwrap();
}

struct State {
    list: List<Object, State>,
}

struct SharedList(Pin<KBox<UpdaterLock<State>>>);

impl State {
    fn with(numbers: &[usize]) -> Rc<SharedList> {
        let state = UpdaterLock::new(Self { list: List::new() }, Mutex::new(()));
        let state = SharedList(KBox::pin_init(state, GFP_KERNEL).unwrap());
        for &number in numbers {
            state.update(|list| list.push_back(entry(number)));
        }
        Rc::new(state)
    }
}

impl SharedList {
    fn update<R>(&self, update: impl FnOnce(&mut UpdateSide<'_, List<Object, State>>) -> R) -> R {
        update(&mut self.0.lock().select(|state| &state.list))
    }

    fn numbers(&self) -> Vec<usize> {
        let guard = read_lock();
        self.0.list.iter(&guard).map(Object::read).collect()
    }
}

fn entry(number: usize) -> UniqueRcuBox<Entry<Object>> {
    Entry::new(Object::new(number), GFP_KERNEL).unwrap()
}

struct Numbered {
    key: usize,
    number: Object,
}

impl Keyed for Numbered {
    type Key = usize;

    fn key(&self) -> &usize {
        &self.key
    }
}

impl Reclaim for Numbered {
    type Context = Softirq;
}

#[pin_data]
struct Table {
    #[pin]
    entries: HashTable<Numbered, Table, 1>,
}

struct SharedTable(Pin<KBox<UpdaterLock<Table>>>);

impl Table {
    fn empty() -> Rc<SharedTable> {
        let table = pin_init!(Self { entries <- HashTable::new([0, 0]) });
        let table = UpdaterLock::new(table, Mutex::new(()));
        Rc::new(SharedTable(KBox::pin_init(table, GFP_KERNEL).unwrap()))
    }
}

impl SharedTable {
    fn insert(&self, key: usize, number: usize) -> Option<Retired<Entry<Numbered>>> {
        let number = Object::new(number);
        let new = Entry::new(Numbered { key, number }, GFP_KERNEL).unwrap();
        self.0.lock().select(|table| &table.entries).insert(new)
    }
}
