// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/pointer.rs` and `rcu/published.rs`, and so of `rcu/retired.rs`, `rcu/polled.rs`
//! and `rcu/updater.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{self, prelude::*, sync::Mutex},
    object::Object,
    rcu::{close_drain, open_drain, read_lock, Locked, Rcu, UpdaterLock},
};
use loom::thread;
use std::rc::Rc;

/// The kernel's litmus test MP+onceassign+derefonce, with an exchange instead of the store.
pub fn message_passing() {
    let pointer = Rc::new(Rcu::new(Object::boxed(1)));
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(Some(Object::boxed(2)))
    });
    read(&pointer, &[1, 2]);
    let old = updater.join().unwrap();
    assert_eq!(old.unwrap().synchronize().read(), 1);
}

/// The kernel's litmus test MP+onceassign+derefonce.
pub fn message_passing_under_lock() {
    let state = locked(1);
    let updater = thread::spawn({
        let state = state.clone();
        move || {
            let mut updater = state.lock();
            let mut pointer = updater.select(|state| &state.pointer);
            pointer.replace(Some(Object::boxed(2)))
        }
    });
    read(&state.pointer, &[1, 2]);
    let old = updater.join().unwrap();
    assert_eq!(old.unwrap().synchronize().read(), 1);
}

/// Two updaters without a lock. Each may reclaim the object that the other published.
pub fn racing_updaters() {
    let pointer = Rc::new(Rcu::new(Object::boxed(0)));
    let update = |pointer: &Rcu<Object>, number| {
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

/// Two updaters with a lock, which compute the new object from the old one.
pub fn excluded_updaters() {
    let state = locked(0);
    let update = |state: &UpdaterLock<State>| {
        let mut updater = state.lock();
        let mut pointer = updater.select(|state| &state.pointer);
        let old = pointer.copy_update(|old| Ok::<_, Error>(Object::boxed(old.unwrap().read() + 1)));
        drop(updater);
        old.unwrap().unwrap().synchronize().write(10);
    };
    let other = thread::spawn({
        let state = state.clone();
        move || update(&state)
    });
    update(&state);
    other.join().unwrap();
    read(&state.pointer, &[2]);
}

/// A reader, and an updater that writes to the old object after a grace period.
pub fn grace_period() {
    unpublish(|pointer| {
        pointer.replace(None).unwrap().synchronize().write(2);
    });
}

/// A reader, and an updater whose grace period does not wait for it.
pub fn missing_grace_period() {
    kernel::break_grace_periods();
    grace_period();
}

/// A reader, and an updater that polls for the end of a grace period.
pub fn polled_grace_period() {
    unpublish(|pointer| {
        let mut old = pointer.replace(None).unwrap().start_poll();
        let mut old = loop {
            match old.try_reclaim() {
                Ok(old) => break old,
                Err(again) => old = again,
            }
            thread::yield_now();
        };
        old.write(2);
    });
}

/// A reader, and an updater that queues a callback, which frees the object.
pub fn callback() {
    open_drain();
    unpublish(|pointer| pointer.replace(None).unwrap().call_rcu());
    close_drain();
}

fn unpublish(updater: impl FnOnce(&Rcu<Object>) + 'static) {
    let pointer = Rc::new(Rcu::new(Object::boxed(1)));
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || updater(&pointer)
    });
    let guard = read_lock();
    let seen = pointer.dereference(&guard).map(Object::read);
    assert_one_of(&[Some(1), None], &seen);
    drop(guard);
    updater.join().unwrap();
}

/// A reader and an updater end before a thread takes the object through `&mut`.
pub fn take_after_join() {
    let pointer = Rc::new(Rcu::new(Object::boxed(1)));
    let reader = thread::spawn({
        let pointer = pointer.clone();
        move || read(&pointer, &[1, 2])
    });
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(Some(Object::boxed(2)))
    });
    reader.join().unwrap();
    let old = updater.join().unwrap();
    let Some(mut pointer) = Rc::into_inner(pointer) else {
        unreachable!("all other references are dropped");
    };
    let mut taken = pointer.take().unwrap();
    assert_eq!(taken.read(), 2);
    taken.write(3);
    old.unwrap().synchronize().write(4);
    // The pointer's drop frees the object.
    pointer.replace(Some(taken));
}

/// An updater joins another one and reads the object that it published.
#[expect(unsafe_code, reason = "reads without the lock of the updaters")]
pub fn protected_by_join() {
    let pointer = Rc::new(Rcu::new(Object::boxed(1)));
    let updater = thread::spawn({
        let pointer = pointer.clone();
        move || pointer.replace(Some(Object::boxed(2)))
    });
    let old = updater.join().unwrap();
    // SAFETY: The only updater is joined, so nothing changes the pointer.
    let current = unsafe { pointer.protected() };
    assert_eq!(current.unwrap().read(), 2);
    assert_eq!(old.unwrap().synchronize().read(), 1);
}

#[track_caller]
fn read<U>(pointer: &Rcu<Object, U>, allowed: &[usize]) {
    let guard = read_lock();
    assert_one_of(allowed, &pointer.dereference(&guard).unwrap().read());
}

struct State {
    pointer: Rcu<Object, Locked<State>>,
}

fn locked(number: usize) -> Rc<Pin<KBox<UpdaterLock<State>>>> {
    let pointer = Rcu::locked(Some(Object::boxed(number)));
    let state = UpdaterLock::new(State { pointer }, Mutex::new(()));
    Rc::new(KBox::pin_init(state, GFP_KERNEL).unwrap())
}
