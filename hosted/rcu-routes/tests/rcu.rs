// SPDX-License-Identifier: GPL-2.0

//! The life of RCU-protected objects: each is reclaimed exactly once and only after its grace
//! period.

use kernel::{alloc::failslab, new_mutex, prelude::*};
use rcu_routes::{
    rcu::{
        barrier, read_lock, synchronize, CallbackDrain, FullGracePeriod, GracePeriod, Locked,
        Polled, Rcu, RcuBox, Reclaim, Retired, Softirq, Srcu, SrcuPointer, UniqueRcuBox,
        UpdaterLock,
    },
    testing::{
        drain_callbacks, panic_message, wait_until, Counted, Drops, HeldReader, SETTLE_TIME,
    },
};
use std::{
    mem::{self, ManuallyDrop},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        Arc,
    },
    thread,
};

/// Returns an object that was published and unpublished.
fn retired(drops: &Drops) -> Retired<Counted> {
    let pointer = Rcu::new(drops.object(1));
    pointer.replace(None).unwrap()
}

/// Returns a pointer and a reader of its object. The reader checks the object again after its
/// release.
fn held(drops: &Drops) -> (Arc<Rcu<Counted>>, HeldReader) {
    let pointer = Arc::new(Rcu::new(drops.object(42)));
    let (theirs, seen_drops) = (pointer.clone(), drops.clone());
    let reader = HeldReader::start_with(move |guard, wait| {
        let object = theirs.dereference(guard).unwrap();
        assert_eq!(object.value, 42);
        wait();
        assert_eq!(seen_drops.count(), 0, "reclaimed under a reader");
        assert_eq!(object.value, 42);
    });
    (pointer, reader)
}

#[test]
fn call_rcu_reclaims_once_after_the_reader() {
    let drops = Drops::default();
    let (pointer, reader) = held(&drops);
    pointer.replace(None).unwrap().call_rcu();
    thread::sleep(SETTLE_TIME);
    assert_eq!(drops.count(), 0);
    reader.release();
    barrier();
    assert_eq!(drops.count(), 1);
    barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn dropping_a_retired_object_defers_its_reclaim() {
    let drops = Drops::default();
    let (pointer, reader) = held(&drops);
    drop(pointer.replace(None).unwrap());
    thread::sleep(SETTLE_TIME);
    assert_eq!(drops.count(), 0);
    reader.release();
    barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn synchronize_returns_the_object_after_the_reader() {
    let drops = Drops::default();
    let (pointer, reader) = held(&drops);
    let retired = pointer.replace(None).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let waiter = {
        let done = done.clone();
        thread::spawn(move || {
            let mut object = retired.synchronize();
            done.store(true, Ordering::SeqCst);
            assert_eq!(object.value, 42);
            object.value = 43;
            object
        })
    };
    thread::sleep(SETTLE_TIME);
    assert!(!done.load(Ordering::SeqCst));
    reader.release();
    let object = waiter.join().unwrap();
    assert_eq!((object.value, drops.count()), (43, 0));
    drop(object);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_reclaimed_object_can_be_published_again() {
    let drops = Drops::default();
    let pointer = Rcu::new(drops.object(1));
    let mut object = pointer.replace(None).unwrap().synchronize();
    object.value = 2;
    assert!(pointer.replace(Some(object)).is_none());
    assert_eq!(pointer.dereference(&read_lock()).unwrap().value, 2);
    drop(pointer);
    assert_eq!(drops.count(), 1);
}

#[test]
fn synchronize_without_readers_returns() {
    let drops = Drops::default();
    drop(retired(&drops).synchronize());
    synchronize();
    assert_eq!(drops.count(), 1);
}

#[test]
fn overlapping_readers_do_not_block_reclaim_forever() {
    let drops = Drops::default();
    let mut reader = HeldReader::start();
    retired(&drops).call_rcu();
    wait_until("the object is reclaimed", || {
        // Readers overlap, but each one ends.
        mem::replace(&mut reader, HeldReader::start()).release();
        drops.count() > 0
    });
    reader.release();
}

#[test]
fn every_one_of_many_objects_is_reclaimed_exactly_once() {
    const EACH: usize = 1000;
    let [called, dropped, waited] = [(); 3].map(|()| Drops::default());
    for _ in 0..EACH {
        retired(&called).call_rcu();
        drop(retired(&dropped));
    }
    for _ in 0..10 {
        drop(retired(&waited).synchronize());
    }
    barrier();
    let counts = [called.count(), dropped.count(), waited.count()];
    assert_eq!(counts, [EACH, EACH, 10]);
}

#[test]
fn dropping_a_pointer_drops_its_object() {
    let drops = Drops::default();
    drop(Rcu::new(drops.object(1)));
    assert_eq!(drops.count(), 1);
    drop(Rcu::<Counted>::null());
}

#[test]
fn take_leaves_a_null_pointer() {
    let drops = Drops::default();
    let mut pointer = Rcu::new(drops.object(7));
    let object = pointer.take().unwrap();
    assert_eq!(object.value, 7);
    assert!(pointer.take().is_none());
    assert!(pointer.dereference(&read_lock()).is_none());
    drop(pointer);
    assert_eq!(drops.count(), 0);
    drop(object);
    assert_eq!(drops.count(), 1);
}

#[test]
fn replace_returns_the_old_object() {
    let drops = Drops::default();
    let pointer = Rcu::null();
    assert!(pointer.dereference(&read_lock()).is_none());
    assert!(pointer.replace(None).is_none());
    assert!(pointer.replace(Some(drops.object(1))).is_none());
    let old = pointer.replace(Some(drops.object(2))).unwrap();
    assert_eq!(old.synchronize().value, 1);
    assert_eq!(pointer.dereference(&read_lock()).unwrap().value, 2);
    let old = pointer.replace(None).unwrap();
    assert_eq!(old.synchronize().value, 2);
    assert!(pointer.dereference(&read_lock()).is_none());
}

#[test]
fn an_unpublished_object_is_mutable_and_dropped_at_once() {
    let drops = Drops::default();
    let mut object = drops.object(1);
    object.value += 1;
    assert_eq!(object.value, 2);
    drop(object);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_failed_allocation_drops_the_value_and_updates_allocate_nothing() {
    let drops = Drops::default();
    let injection = failslab::fail_nth(1);
    let value = Counted {
        value: 1,
        drops: drops.clone(),
    };
    assert!(UniqueRcuBox::new(value, GFP_KERNEL).is_err());
    assert!(injection.has_fired());
    drop(injection);
    assert_eq!(drops.count(), 1);

    // Publishing and retiring allocate nothing.
    let pointer = Rcu::new(drops.object(1));
    let [second, third, fourth] = [2, 3, 4].map(|value| drops.object(value));
    let injection = failslab::fail_nth(1);
    pointer.replace(Some(second)).unwrap().call_rcu();
    drop(pointer.replace(Some(third)));
    let polled = pointer.replace(Some(fourth)).unwrap().start_poll();
    drop(pointer.replace(None).unwrap().synchronize());
    assert!(!injection.has_fired());
    drop((injection, polled));
    barrier();
    assert_eq!(drops.count(), 1 + 4);
}

#[test]
fn pointers_objects_and_cookies_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<UniqueRcuBox<Counted>>();
    check::<RcuBox<Counted>>();
    check::<Rcu<Counted>>();
    check::<SrcuPointer<Counted>>();
    check::<Retired<Counted>>();
    check::<Retired<Counted, &Srcu>>();
    check::<Polled<Counted>>();
    check::<UpdaterLock<Rcu<Counted>>>();
    check::<GracePeriod>();
    check::<FullGracePeriod>();
}

#[test]
fn reclaim_of_the_type_is_called_instead_of_drop() {
    static RECLAIMED: AtomicUsize = AtomicUsize::new(0);
    struct Special(u64);
    impl Reclaim for Special {
        type Context = Softirq;
        const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
    }

    impl Special {
        fn reclaim(this: UniqueRcuBox<Self>) {
            RECLAIMED.fetch_add(this.0 as usize, Ordering::SeqCst);
        }
    }
    let pointer = Rcu::new(UniqueRcuBox::new(Special(5), GFP_KERNEL).unwrap());
    pointer.replace(None).unwrap().call_rcu();
    barrier();
    assert_eq!(RECLAIMED.load(Ordering::SeqCst), 5);
}

#[test]
fn a_callback_can_retire_objects() {
    struct Outer(Rcu<Counted>);
    impl Reclaim for Outer {
        type Context = Softirq;
        const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
    }

    impl Outer {
        fn reclaim(this: UniqueRcuBox<Self>) {
            this.0.replace(None).unwrap().call_rcu();
        }
    }
    let drops = Drops::default();
    let outer = UniqueRcuBox::new(Outer(Rcu::new(drops.object(1))), GFP_KERNEL).unwrap();
    Rcu::new(outer).replace(None).unwrap().call_rcu();
    drain_callbacks();
    assert_eq!(drops.count(), 1);
}

#[test]
fn barrier_waits_for_callbacks_behind_a_reader() {
    let drops = Drops::default();
    let (pointer, reader) = held(&drops);
    pointer.replace(None).unwrap().call_rcu();
    let releaser = thread::spawn(move || {
        thread::sleep(SETTLE_TIME);
        reader.release();
    });
    barrier();
    assert_eq!(drops.count(), 1);
    releaser.join().unwrap();
}

#[test]
fn the_drain_waits_for_callbacks() {
    let drops = Drops::default();
    let drain = CallbackDrain::new().unwrap();
    for _ in 0..100 {
        retired(&drops).call_rcu();
    }
    drop(drain);
    assert_eq!(drops.count(), 100);
}

/// Two arrays: the second is the complement of the first.
struct Pair([u64; 8], [u64; 8]);
impl Reclaim for Pair {
    type Context = Softirq;
}

fn pair(value: u64) -> UniqueRcuBox<Pair> {
    UniqueRcuBox::new(Pair([value; 8], [!value; 8]), GFP_KERNEL).unwrap()
}

#[test]
fn readers_see_whole_objects_in_the_order_of_publication() {
    const LAST: u64 = 20_000;
    let pointer = Rcu::new(pair(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while newest < LAST {
                    let guard = read_lock();
                    let seen = pointer.dereference(&guard).unwrap();
                    let value = seen.0[0];
                    assert_eq!(seen.0, [value; 8]);
                    assert_eq!(seen.1, [!value; 8]);
                    assert!(value >= newest, "{value} after {newest}");
                    newest = value;
                }
            });
        }
        for value in 1..=LAST {
            let old = pointer.replace(Some(pair(value))).unwrap();
            match value % 3 {
                0 => old.call_rcu(),
                1 => old.kvfree_rcu(),
                _ => drop(old),
            }
        }
    });
    barrier();
}

#[test]
fn racing_updaters_lose_no_object() {
    let drops = Drops::default();
    let pointer = Rcu::new(drops.object(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for value in 0..1000 {
                    let old = pointer.replace(Some(drops.object(value)));
                    old.expect("the pointer is never null").call_rcu();
                }
            });
        }
    });
    barrier();
    assert_eq!(drops.count(), 4000);
    drop(pointer);
    assert_eq!(drops.count(), 4001);
}

/// Returns the message of the panic that `body` causes under a guard, as in a debug kernel.
fn panic_message_under_a_guard(body: impl FnOnce()) -> String {
    let guard = read_lock();
    let message = panic_message(body);
    drop(guard);
    assert!(message.contains("read-side critical section"), "{message}");
    message
}

#[test]
fn synchronize_under_a_guard_panics() {
    panic_message_under_a_guard(synchronize);
}

#[test]
fn barrier_under_a_guard_panics() {
    panic_message_under_a_guard(barrier);
}

#[test]
fn dropping_the_drain_under_a_guard_panics() {
    panic_message_under_a_guard(|| drop(CallbackDrain::new().unwrap()));
}

#[test]
fn synchronize_of_a_retired_object_under_a_guard_panics_and_defers_reclaim() {
    let drops = Drops::default();
    let retired = retired(&drops);
    panic_message_under_a_guard(|| drop(retired.synchronize()));
    barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn gfp_kernel_allocations_panic_under_a_guard() {
    let message = panic_message_under_a_guard(|| drop(pair(1)));
    assert!(message.contains("GFP_KERNEL"), "{message}");
}

#[test]
fn gfp_atomic_allocations_work_under_a_guard() {
    let _guard = read_lock();
    assert!(UniqueRcuBox::new(Pair([0; 8], [0; 8]), GFP_ATOMIC).is_ok());
}

#[test]
fn guards_nest() {
    let drops = Drops::default();
    let pointer = Rcu::new(drops.object(3));
    let outer = read_lock();
    drop(read_lock());
    assert_eq!(pointer.dereference(&outer).unwrap().value, 3);
    panic_message_under_a_guard(synchronize);
    drop(outer);
    synchronize();
}

/// A state with a lifetime.
struct Named<'x> {
    config: Rcu<Counted, Locked<Named<'x>>>,
    _name: &'x str,
}

#[test]
fn a_borrow_for_the_lifetime_of_the_state_is_rejected() {
    let name = String::from("name");
    let named = |_name| Named {
        config: Rcu::locked(None),
        _name,
    };
    let theirs = ManuallyDrop::new(named(&name));
    let ours = UpdaterLock::new(named(&name), new_mutex!((), "ours"));
    let ours = KBox::pin_init(ours, GFP_KERNEL).unwrap();
    let mut updater = ours.lock();
    assert_eq!(updater.try_select(|_| &theirs.config).err(), Some(EINVAL));
    assert!(updater.try_select(|ours| &ours.config).is_ok());
}
