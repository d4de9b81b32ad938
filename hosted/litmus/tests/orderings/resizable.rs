// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/resizable_table.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{prelude::*, sync::Mutex},
    object::Object,
    rcu::{
        read_lock, Entry, Keyed, NewBuckets, Reclaim, ResizableEntry, ResizableTable, Retired,
        Softirq, UpdaterLock,
    },
};
use loom::thread;
use std::rc::Rc;

/// An updater replaces an entry during a lookup, and writes to the old one after a grace period.
pub fn replace() {
    let table = Table::with(&[(1, 1)]);
    let updater = thread::spawn({
        let table = table.clone();
        move || {
            let old = table.insert(1, 2);
            old.unwrap().synchronize().number.write(10);
        }
    });
    assert_one_of(&[1, 2], &table.find(1));
    updater.join().unwrap();
}

/// An updater moves an entry into another bucket array during a lookup. Then it removes the entry,
/// and writes to it after a grace period.
pub fn resize() {
    let table = Table::with(&[(1, 1)]);
    let updater = thread::spawn({
        let table = table.clone();
        move || {
            assert!(table.resize(1));
            let old = table.insert(1, 2);
            old.unwrap().synchronize().number.write(10);
        }
    });
    assert_one_of(&[1, 2], &table.find(1));
    updater.join().unwrap();
}

/// An updater resizes a table twice during a lookup. The second resize distributes the entries of a
/// bucket, so that a reader would lose its way if it still used the links of the first array.
pub fn resize_twice() {
    let table = Table::with(&[(1, 1), (2, 2), (3, 3)]);
    let updater = thread::spawn({
        let table = table.clone();
        move || {
            assert!(table.resize(1));
            table.resize(4);
        }
    });
    assert_one_of(&[3], &table.find(3));
    updater.join().unwrap();
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

struct Table {
    entries: ResizableTable<Numbered, Table>,
}

struct Shared(Pin<KBox<UpdaterLock<Table>>>);

impl Table {
    fn with(numbers: &[(usize, usize)]) -> Rc<Shared> {
        let entries = ResizableTable::new(buckets(1), [0, 0]);
        let table = UpdaterLock::new(Self { entries }, Mutex::new(()));
        let table = Shared(KBox::pin_init(table, GFP_KERNEL).unwrap());
        for &(key, number) in numbers {
            assert!(table.insert(key, number).is_none());
        }
        assert_eq!(
            table.0.lock().select(|table| &table.entries).len(),
            numbers.len()
        );
        Rc::new(table)
    }
}

impl Shared {
    fn find(&self, key: usize) -> usize {
        let guard = read_lock();
        let found = self.0.entries.get(&key, &guard);
        found.expect("the key is always in the table").number.read()
    }

    fn insert(&self, key: usize, number: usize) -> Option<Retired<ResizableEntry<Numbered>>> {
        let number = Object::new(number);
        let new = Entry::resizable(Numbered { key, number }, GFP_KERNEL).unwrap();
        self.0.lock().select(|table| &table.entries).insert(new)
    }

    fn resize(&self, len: usize) -> bool {
        let new = buckets(len);
        let mut updater = self.0.lock();
        updater.select(|table| &table.entries).resize(new).is_ok()
    }
}

fn buckets(len: usize) -> NewBuckets<Numbered> {
    NewBuckets::new(len, GFP_KERNEL).unwrap()
}
