// SPDX-License-Identifier: GPL-2.0

//! What RCU does not guarantee: the tests show that it happens.

use kernel::prelude::*;
use rcu_routes::rcu::{read_lock, Rcu, Reclaim, Softirq, UniqueRcuBox};

struct Version(u32);

impl Reclaim for Version {
    type Context = Softirq;
}

fn published(version: u32) -> Rcu<Version> {
    Rcu::new(UniqueRcuBox::new(Version(version), GFP_KERNEL).unwrap())
}

/// Publishes the next version. The memory was allocated outside any reader.
fn update(pointer: &Rcu<Version>, new: UniqueRcuBox<Version>) {
    pointer.replace(Some(new)).unwrap().call_rcu();
}

fn next() -> UniqueRcuBox<Version> {
    UniqueRcuBox::new(Version(2), GFP_KERNEL).unwrap()
}

#[test]
fn two_readers_see_two_updates_in_opposite_orders() {
    let (a, b) = (published(1), published(1));
    let (new_a, new_b) = (next(), next());
    let (first, second) = (read_lock(), read_lock());
    // One reader begins with each pointer.
    let a_of_first = a.dereference(&first).unwrap().0;
    let b_of_second = b.dereference(&second).unwrap().0;
    update(&a, new_a);
    update(&b, new_b);
    let b_of_first = b.dereference(&first).unwrap().0;
    let a_of_second = a.dereference(&second).unwrap().0;
    // To the first reader only the update of b has happened, to the second only that of a.
    assert_eq!((a_of_first, b_of_first), (1, 2));
    assert_eq!((a_of_second, b_of_second), (2, 1));
}

#[test]
fn a_reader_reads_an_object_after_its_replacement() {
    let pointer = published(1);
    let new = next();
    let guard = read_lock();
    let old = pointer.dereference(&guard).unwrap();
    update(&pointer, new);
    let fresh = pointer.dereference(&guard).unwrap();
    assert_eq!((old.0, fresh.0), (1, 2));
}
