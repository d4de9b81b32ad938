// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/srcu_pointer.rs` and `rcu/published.rs`, and so of `rcu/srcu_retired.rs` and
//! `rcu/srcu.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{self, prelude::*, sync::LockClassKey},
    object::Object,
    rcu::{close_drain, open_drain, Reclaim, Softirq, Srcu, SrcuPointer, UniqueRcuBox},
};
use loom::{cell::UnsafeCell, thread};
use std::{
    mem::ManuallyDrop,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

/// The kernel's litmus test MP+onceassign+derefonce, with an exchange instead of the store.
pub fn message_passing() {
    open_drain();
    let pointer = pointer(1);
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(Some(Object::boxed(2))).unwrap().call_srcu()
    });
    let reader = pointer.read_lock();
    assert_one_of(&[1, 2], &reader.dereference().unwrap().read());
    drop(reader);
    updater.join().unwrap();
    // The orders of the remaining operations do not matter.
    loom::stop_exploring();
    drop(pointer);
    close_drain();
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

/// A drain waits for the callback of a domain that is never dropped.
pub fn leaked_domain() {
    open_drain();
    let pointer = ManuallyDrop::new(domain_of(None));
    let memory = Arc::<Mutex<UnsafeCell<()>>>::default();
    let object = UniqueRcuBox::new(Noted(memory.clone()), GFP_KERNEL).unwrap();
    pointer.retire(object).call_srcu();
    close_drain();
    kernel::unload();
    // The callback's write is ordered before this read.
    memory.lock().unwrap().with(|_| ());
}

/// An object whose reclaim writes to memory.
struct Noted(Arc<Mutex<UnsafeCell<()>>>);

impl Reclaim for Noted {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(|this| {
        let memory = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.with_mut(|_| ());
    });
}

fn pointer(number: usize) -> Rc<Pin<KBox<SrcuPointer<Object>>>> {
    Rc::new(domain_of(Some(Object::boxed(number))))
}

fn domain_of<T: Reclaim>(first: Option<UniqueRcuBox<T>>) -> Pin<KBox<SrcuPointer<T>>> {
    static CLASS: LockClassKey = LockClassKey::new();
    let domain = Srcu::new(c"litmus", Pin::static_ref(&CLASS));
    KBox::pin_init(SrcuPointer::new(first, domain), GFP_KERNEL).unwrap()
}
