// SPDX-License-Identifier: GPL-2.0

//! `rcu/work.rs` and `rcu/drain.rs`.

use litmus::{
    checker::one_of,
    kernel::{self, prelude::*},
    object::Object,
    rcu::{CallbackDrain, Rcu, RcuBox, Reclaim, Retired, Softirq},
};
use loom::thread;
use std::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    Arc, Mutex,
};

/// A callback passes an object on while the work for another is at it.
pub fn pending_objects() {
    let drain = CallbackDrain::new();
    kernel::hold_callbacks();
    retired(1).queue_work();
    kernel::held_callback()();
    // The work that was just queued knows nothing of this object but what the list orders.
    retired(2).queue_work();
    kernel::held_callback()();
    drop(drain);
}

/// Two callbacks pass objects on at once, and none gets lost.
pub fn racing_callbacks() {
    let drain = CallbackDrain::new();
    let reclaimed = Arc::default();
    kernel::hold_callbacks();
    kernel::hold_work();
    counted(&reclaimed).queue_work();
    let other = thread::spawn(kernel::held_callback());
    counted(&reclaimed).queue_work();
    kernel::held_callback()();
    other.join().unwrap();
    kernel::run_work();
    assert_eq!(reclaimed.load(Relaxed), 2);
    drop(drain);
}

/// Two drains are made at once, and who has made one of them goes on to use the work item.
pub fn racing_drains() {
    kernel::hold_callbacks();
    let other = thread::spawn(CallbackDrain::new);
    let drain = CallbackDrain::new();
    retired(1).queue_work();
    kernel::held_callback()();
    // What comes now is of no interest.
    loom::stop_exploring();
    drop(other.join().unwrap());
    drop(drain);
}

/// Who finds that there is a drain uses the work item that its making has initialised.
pub fn found_drain() {
    let reclaimed = Arc::default();
    let old = counted(&reclaimed);
    let drain = thread::spawn(CallbackDrain::new);
    old.queue_work();
    drop(drain.join().unwrap());
    // If he finds none, the object is leaked.
    one_of(&[0, 1], &reclaimed.load(Relaxed));
}

/// A callback queues another, and that one a third: the drain is passed when all are done.
pub fn nested_callbacks() {
    let drain = CallbackDrain::new();
    let reclaimed = Arc::default();
    let third = counted(&reclaimed);
    let second = then(third, Retired::call_rcu);
    then(second, Retired::call_rcu).call_rcu();
    drop(drain);
    kernel::unload();
    assert_eq!(reclaimed.load(Relaxed), 1, "what finds no drain is leaked");
}

/// Work queues a callback: the drain is passed when both are done.
pub fn callback_of_work() {
    let drain = CallbackDrain::new();
    let reclaimed = Arc::default();
    then(counted(&reclaimed), Retired::call_rcu).queue_work();
    drop(drain);
    kernel::unload();
    assert_eq!(reclaimed.load(Relaxed), 1, "what finds no drain is leaked");
}

/// Somebody queues a callback while the last drain is dropped: he finds none, or is waited for.
pub fn dropped_drain() {
    let drain = CallbackDrain::new();
    let reclaimed = Arc::default();
    let old = counted(&reclaimed);
    let other = thread::spawn(move || old.call_rcu());
    drop(drain);
    kernel::unload();
    other.join().unwrap();
    // If he finds none, the object is leaked.
    one_of(&[0, 1], &reclaimed.load(Relaxed));
}

/// An object with something to do when it is reclaimed.
struct Then {
    object: Object,
    next: Mutex<Box<dyn FnMut() + Send>>,
}

impl Reclaim for Then {
    type Context = Softirq;

    fn reclaim(mut this: RcuBox<Self>) {
        this.object.write(3);
        (this.next.get_mut().unwrap())();
    }
}

/// An object that gives `next` its `ending` when it is reclaimed.
fn then<T: Reclaim>(next: Retired<T>, ending: fn(Retired<T>)) -> Retired<Then> {
    let mut next = Some(next);
    let next = move || next.take().into_iter().for_each(ending);
    let object = Object::new(1);
    let next = Mutex::new(Box::new(next) as Box<_>);
    retire(RcuBox::new(Then { object, next }, GFP_KERNEL).unwrap())
}

/// An object that counts how many are reclaimed.
struct Counted {
    object: Object,
    reclaimed: Arc<AtomicUsize>,
}

impl Reclaim for Counted {
    type Context = Softirq;

    fn reclaim(mut this: RcuBox<Self>) {
        this.object.write(3);
        this.reclaimed.fetch_add(1, Relaxed);
    }
}

fn counted(reclaimed: &Arc<AtomicUsize>) -> Retired<Counted> {
    let object = Object::new(1);
    let reclaimed = reclaimed.clone();
    retire(RcuBox::new(Counted { object, reclaimed }, GFP_KERNEL).unwrap())
}

fn retired(number: usize) -> Retired<Object> {
    retire(Object::boxed(number))
}

fn retire<T: Reclaim>(object: RcuBox<T>) -> Retired<T> {
    Rcu::new(object).replace(None).unwrap()
}
