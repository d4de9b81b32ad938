// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu_table/fib/word.rs`.

use litmus::{
    checker::assert_one_of,
    rcu::{read_lock, synchronize},
    table_words::{CountedLink, ReusedNumber, TableArray, TableLink},
};
use loom::thread;
use std::rc::Rc;

/// An updater replaces a node during a lookup, and writes to the old one after a grace period.
pub fn replace() {
    let link = Rc::new(TableLink::new(1));
    let updater = thread::spawn({
        let link = link.clone();
        move || {
            let mut old = link.replace(2).unwrap();
            synchronize();
            old.write(10);
        }
    });
    assert_one_of(&[1, 2], &link.read(&read_lock()).unwrap());
    updater.join().unwrap();
    link.cut();
}

/// An updater replaces a node by the only child of that node, and so removes a level.
pub fn replace_by_child() {
    let parent = Rc::new(TableLink::new(1));
    let updater = thread::spawn({
        let parent = parent.clone();
        move || {
            let child = TableLink::new(2);
            let mut old = parent.replace_by(&child).unwrap();
            synchronize();
            old.write(10);
        }
    });
    assert_one_of(&[1, 2], &parent.read(&read_lock()).unwrap());
    updater.join().unwrap();
    parent.cut();
}

/// An updater removes a node during a lookup.
pub fn cut() {
    let link = Rc::new(TableLink::new(1));
    let updater = thread::spawn({
        let link = link.clone();
        move || {
            let mut old = link.cut().unwrap();
            synchronize();
            old.write(10);
        }
    });
    assert_one_of(&[Some(1), None], &link.read(&read_lock()));
    updater.join().unwrap();
}

/// An updater replaces the full array of answers, and then publishes the number of a new answer.
pub fn grow() {
    let answers = Rc::new(TableArray::new(1));
    let updater = thread::spawn({
        let answers = answers.clone();
        move || answers.grow(2)
    });
    // A number without its answer would read as None.
    assert_one_of(&[Some(1), Some(2)], &answers.read(&read_lock()));
    updater.join().unwrap();
    answers.free();
}

/// An updater publishes a node and counts the change. A reader loads the count and then the node.
pub fn count() {
    let link = Rc::new(CountedLink::new(1));
    let updater = thread::spawn({
        let link = link.clone();
        move || link.replace(2)
    });
    // (1, 1) would be a count whose change the reader does not see.
    let allowed = [(0, Some(1)), (0, Some(2)), (1, Some(2))];
    assert_one_of(&allowed, &link.read(&read_lock()));
    drop(updater.join().unwrap());
    link.cut();
}

/// An updater counts a reuse and publishes the number. A reader loads the number and then the count.
pub fn reuse() {
    let number = Rc::new(ReusedNumber::new(0));
    let updater = thread::spawn({
        let number = number.clone();
        move || number.reuse()
    });
    // (1, 0) would be a reused number whose reuse the reader does not see.
    assert_one_of(&[(0, 0), (0, 1), (1, 1)], &number.read());
    updater.join().unwrap();
}
