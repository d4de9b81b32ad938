// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/srcu_pointer.rs` and `rcu/published.rs`, and so of `rcu/srcu_retired.rs` and
//! `rcu/srcu.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{prelude::*, sync::LockClassKey},
    object::Object,
    rcu::{Srcu, SrcuPointer},
};
use loom::thread;
use std::rc::Rc;

/// The kernel's litmus test MP+onceassign+derefonce, with an exchange instead of the store.
pub fn message_passing() {
    let pointer = pointer(1);
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(Some(Object::boxed(2))).unwrap().call_srcu()
    });
    let reader = pointer.read_lock();
    assert_one_of(&[1, 2], &reader.dereference().unwrap().read());
    drop(reader);
    updater.join().unwrap();
}

/// Two updaters. Each may reclaim the object that the other published.
pub fn racing_updaters() {
    let pointer = pointer(0);
    let update = |pointer: &SrcuPointer<Object>, number| {
        let old = pointer.replace(Some(Object::boxed(number)));
        let mut old = old.unwrap().synchronize();
        let number = old.read();
        old.write(10);
        number
    };
    let other = thread::spawn({
        let pointer = pointer.clone();
        move || update(&pointer, 1)
    });
    let taken = [update(&pointer, 2), other.join().unwrap()];
    let left = pointer.replace(None).unwrap().synchronize().read();
    assert_one_of(&[([0, 2], 1), ([1, 0], 2)], &(taken, left));
}

/// A reader, and an updater that writes to the old object after a grace period.
pub fn grace_period() {
    let pointer = pointer(1);
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(None).unwrap().synchronize().write(2)
    });
    let reader = pointer.read_lock();
    assert_one_of(&[Some(1), None], &reader.dereference().map(Object::read));
    drop(reader);
    updater.join().unwrap();
}

fn pointer(number: usize) -> Rc<Pin<KBox<SrcuPointer<Object>>>> {
    static CLASS: LockClassKey = LockClassKey::new();
    let domain = Srcu::new(c"litmus", Pin::static_ref(&CLASS));
    let pointer = SrcuPointer::new(Some(Object::boxed(number)), domain);
    Rc::new(KBox::pin_init(pointer, GFP_KERNEL).unwrap())
}
