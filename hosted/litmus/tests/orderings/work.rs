// SPDX-License-Identifier: GPL-2.0

//! Tests of `rcu/work.rs` and `rcu/drain.rs`.

use litmus::{
    checker::assert_one_of,
    kernel::{self, prelude::*},
    object::Object,
    rcu::{close_drain, open_drain, Anywhere, CallbackDrain, Rcu, Reclaim, Retired, UniqueRcuBox},
};
use loom::thread;
use std::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    Arc, Mutex,
};

/// A callback adds an object to the work's list while the work reclaims another one.
pub fn pending_objects() {
    open_drain();
    let drain = CallbackDrain::new().unwrap();
    kernel::defer_callbacks();
    retired(1).queue_work();
    kernel::deferred_callback()();
    // Only the list orders this object before the work that was just queued.
    retired(2).queue_work();
    kernel::deferred_callback()();
    drop(drain);
    close_drain();
}

/// Two callbacks add objects to the work's list at the same time.
pub fn racing_callbacks() {
    open_drain();
    let reclaimed = Arc::default();
    kernel::defer_callbacks();
    kernel::defer_work();
    counted(&reclaimed).queue_work();
    let other = thread::spawn(kernel::deferred_callback());
    counted(&reclaimed).queue_work();
    kernel::deferred_callback()();
    other.join().unwrap();
    kernel::run_deferred_work();
    assert_eq!(reclaimed.load(Relaxed), 2);
    close_drain();
}

/// Two threads create drains at the same time, and one of them then uses the work item.
pub fn racing_drains() {
    kernel::defer_callbacks();
    let other = thread::spawn(open_drain);
    open_drain();
    retired(1).queue_work();
    kernel::deferred_callback()();
    // The orders of the remaining operations do not matter.
    loom::stop_exploring();
    other.join().unwrap();
    close_drain();
}

/// An updater that sees a drain uses the work item that the drain's creation initialised.
pub fn visible_drain() {
    let reclaimed = Arc::default();
    let old = counted(&reclaimed);
    let drain = thread::spawn(open_drain);
    old.queue_work();
    drain.join().unwrap();
    close_drain();
    // If the updater sees no drain, the object is leaked.
    assert_one_of(&[0, 1], &reclaimed.load(Relaxed));
}

/// A callback queues a second one, which queues a third. The drain waits for all of them.
pub fn nested_callbacks() {
    open_drain();
    let reclaimed = Arc::default();
    let third = counted(&reclaimed);
    let second = then(third, Retired::call_rcu);
    then(second, Retired::call_rcu).call_rcu();
    close_drain();
    kernel::unload();
    assert_eq!(
        reclaimed.load(Relaxed),
        1,
        "an object was leaked for lack of a drain"
    );
}

/// Work queues a callback. The drain waits for both.
pub fn callback_of_work() {
    open_drain();
    let reclaimed = Arc::default();
    then(counted(&reclaimed), Retired::call_rcu).queue_work();
    close_drain();
    kernel::unload();
    assert_eq!(
        reclaimed.load(Relaxed),
        1,
        "an object was leaked for lack of a drain"
    );
}

/// An updater queues a callback during unload. It sees no drain, or unload waits for its callback.
pub fn closed_drain() {
    open_drain();
    let reclaimed = Arc::default();
    let old = counted(&reclaimed);
    let other = thread::spawn(move || old.call_rcu());
    close_drain();
    kernel::unload();
    other.join().unwrap();
    // If the updater sees no drain, the object is leaked.
    assert_one_of(&[0, 1], &reclaimed.load(Relaxed));
}

/// An object that calls `next` when it is reclaimed.
struct Then {
    object: Object,
    next: Mutex<Box<dyn FnMut() + Send>>,
}

impl Reclaim for Then {
    type Context = Anywhere;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Then {
    fn reclaim(mut this: UniqueRcuBox<Self>) {
        this.object.write(3);
        (this.next.get_mut().unwrap())();
    }
}

/// Returns an object that passes `next` to `ending` when it is reclaimed.
fn then<T: Reclaim>(next: Retired<T>, ending: fn(Retired<T>)) -> Retired<Then> {
    let mut next = Some(next);
    let next = move || next.take().into_iter().for_each(ending);
    let object = Object::new(1);
    let next = Mutex::new(Box::new(next) as Box<_>);
    retire(UniqueRcuBox::new(Then { object, next }, GFP_KERNEL).unwrap())
}

/// An object that increments a counter when it is reclaimed.
struct Counted {
    object: Object,
    reclaimed: Arc<AtomicUsize>,
}

impl Reclaim for Counted {
    type Context = Anywhere;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Counted {
    fn reclaim(mut this: UniqueRcuBox<Self>) {
        this.object.write(3);
        this.reclaimed.fetch_add(1, Relaxed);
    }
}

fn counted(reclaimed: &Arc<AtomicUsize>) -> Retired<Counted> {
    let object = Object::new(1);
    let reclaimed = reclaimed.clone();
    retire(UniqueRcuBox::new(Counted { object, reclaimed }, GFP_KERNEL).unwrap())
}

fn retired(number: usize) -> Retired<Object> {
    retire(Object::boxed(number))
}

fn retire<T: Reclaim>(object: UniqueRcuBox<T>) -> Retired<T> {
    Rcu::new(object).replace(None).unwrap()
}
