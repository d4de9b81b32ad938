// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU: each object is reclaimed exactly once and only after its readers; readers can
//! sleep; domains do not wait for each other.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
    task::might_sleep,
};
use rcu_routes::{
    rcu::{
        self, new_srcu, read_lock, CallbackDrain, Flexible, Reclaim, Retired, Softirq, Srcu,
        SrcuGracePeriod, SrcuPointer, SrcuReader, UniqueRcuBox, Workqueue,
    },
    testing::{panic_message, wait_until, Counted, Drops, HeldReader, SETTLE_TIME},
};
use std::{
    mem,
    panic::catch_unwind,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        PoisonError, RwLock, RwLockReadGuard,
    },
    thread,
    time::Duration,
};

/// Returns a pointer to an object.
fn pointer(drops: &Drops) -> Arc<SrcuPointer<Counted>> {
    pointer_to(Some(drops.object(42)))
}

/// Returns a pointer to an object whose destructor sleeps.
fn pointer_to_sleeper(drops: &Drops) -> Arc<SrcuPointer<Sleeper>> {
    pointer_to(Some(sleeper(drops)))
}

fn sleeper(drops: &Drops) -> UniqueRcuBox<Sleeper> {
    let object = UniqueRcuBox::new(Sleeper(drops.clone()), GFP_KERNEL).unwrap();
    keep_reachable(&*object);
    object
}

struct Sleeper(Drops);

impl Drop for Sleeper {
    fn drop(&mut self) {
        might_sleep();
        self.0.add();
    }
}

impl Reclaim for Sleeper {
    type Context = Workqueue;
}

fn pointer_to<T: Reclaim + ?Sized>(new: Option<UniqueRcuBox<T>>) -> Arc<SrcuPointer<T>> {
    Arc::pin_init(SrcuPointer::new(new, new_srcu!()), GFP_KERNEL).unwrap()
}

fn domain() -> Arc<Srcu> {
    Arc::pin_init(new_srcu!("test"), GFP_KERNEL).unwrap()
}

/// Starts a reader of a pointer that stays in its critical section until it is released.
fn held<T: Reclaim>(pointer: &Arc<SrcuPointer<T>>) -> HeldReader {
    held_with(pointer, |_, wait| wait())
}

/// Starts such a reader with a body, which calls its second argument to wait for the release.
fn held_with<T: Reclaim>(
    pointer: &Arc<SrcuPointer<T>>,
    body: impl FnOnce(&SrcuReader<'_, T>, &dyn Fn()) + Send + 'static,
) -> HeldReader {
    let pointer = pointer.clone();
    HeldReader::spawn(move |wait| body(&pointer.read_lock(), wait))
}

/// Starts a reader that checks its object again after its release.
fn held_on_object(pointer: &Arc<SrcuPointer<Counted>>) -> HeldReader {
    held_with(pointer, |reader, wait| {
        let object = reader.dereference().unwrap();
        assert_eq!(object.value, 42);
        wait();
        assert_eq!(object.drops.count(), 0, "reclaimed under a reader");
        assert_eq!(object.value, 42);
    })
}

/// Keeps an object reachable for the leak checker: the test leaks it on purpose.
fn keep_reachable<T>(object: &T) {
    static KEPT: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push((&raw const *object).expose_provenance());
}

/// Held for reading while a test has a drain, for writing while the process must have none.
static DRAINS: RwLock<()> = RwLock::new(());

struct Drained {
    _drain: CallbackDrain,
    _drains: RwLockReadGuard<'static, ()>,
}

/// Creates a drain. No test that needs the absence of drains runs meanwhile.
fn drain() -> Drained {
    let _drains = DRAINS.read().unwrap_or_else(PoisonError::into_inner);
    Drained {
        _drain: CallbackDrain::new().unwrap(),
        _drains,
    }
}

/// Asserts that `reclaim` returns the object only after its reader.
fn waits_for_the_reader(reclaim: fn(Retired<Counted, &Srcu>) -> UniqueRcuBox<Counted>) {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = held_on_object(&pointer);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut object = reclaim(pointer.replace(None).unwrap());
            done.store(true, Ordering::SeqCst);
            assert_eq!(object.value, 42);
            object.value = 43;
            object
        });
        thread::sleep(SETTLE_TIME);
        assert!(!done.load(Ordering::SeqCst));
        reader.release();
        let object = waiter.join().unwrap();
        assert_eq!((object.value, drops.count()), (43, 0));
        drop(object);
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn synchronize_returns_the_object_after_the_reader() {
    waits_for_the_reader(|retired| retired.synchronize());
}

#[test]
fn synchronize_expedited_returns_the_object_after_the_reader() {
    waits_for_the_reader(|retired| retired.synchronize_expedited());
}

#[test]
fn polling_returns_the_object_after_the_reader() {
    waits_for_the_reader(|retired| {
        let mut polled = Some(retired.start_poll());
        let mut object = None;
        wait_until("the grace period is complete", || {
            match polled.take().unwrap().try_reclaim() {
                Ok(reclaimed) => object = Some(reclaimed),
                Err(again) => polled = Some(again),
            }
            object.is_some()
        });
        object.unwrap()
    });
}

/// Asserts that `retire` reclaims an object once and only after its reader.
fn defers<T: Reclaim>(
    pointer: fn(&Drops) -> Arc<SrcuPointer<T>>,
    retire: fn(Retired<T, &Srcu>),
    wait: fn(&Srcu),
) {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = held(&pointer);
    retire(pointer.replace(None).unwrap());
    thread::sleep(SETTLE_TIME);
    assert_eq!(drops.count(), 0);
    reader.release();
    wait(pointer.domain());
    assert_eq!(drops.count(), 1);
    wait(pointer.domain());
    drop(pointer);
    assert_eq!(drops.count(), 1);
}

/// Waits for callbacks and for the work that they queue.
fn wait_for_work(domain: &Srcu) {
    domain.barrier();
    drop(CallbackDrain::new().unwrap());
}

#[test]
fn call_srcu_reclaims_once_after_the_reader() {
    defers(pointer, |retired| retired.call_srcu(), Srcu::barrier);
}

#[test]
fn dropping_a_retired_object_defers_its_reclaim() {
    defers(pointer, |retired| drop(retired), Srcu::barrier);
}

#[test]
fn dropping_a_polled_object_defers_its_reclaim() {
    defers(pointer, |retired| drop(retired.start_poll()), Srcu::barrier);
}

#[test]
fn queue_work_reclaims_once_after_the_reader() {
    let _drain = drain();
    defers(
        pointer_to_sleeper,
        |retired| retired.queue_work(),
        wait_for_work,
    );
}

#[test]
fn queue_work_accepts_an_object_that_does_not_sleep() {
    let _drain = drain();
    defers(pointer, |retired| retired.queue_work(), wait_for_work);
}

#[test]
fn dropping_a_retired_object_that_sleeps_uses_process_context() {
    let _drain = drain();
    defers(pointer_to_sleeper, |retired| drop(retired), wait_for_work);
}

#[test]
fn work_without_a_drain_leaks_the_object() {
    let _no_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drops = Drops::default();
    let pointer = pointer_to_sleeper(&drops);
    drop(pointer.replace(Some(sleeper(&drops))).unwrap());
    pointer.replace(Some(sleeper(&drops))).unwrap().queue_work();
    pointer.domain().barrier();
    thread::sleep(SETTLE_TIME);
    assert_eq!(drops.count(), 0);
    drop(pointer);
    // The published object is dropped without work.
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_drain_waits_for_a_callback_that_queues_work() {
    let _no_other_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drops = Drops::default();
    let pointer = pointer_to_sleeper(&drops);
    let reader = held(&pointer);
    let drain = CallbackDrain::new().unwrap();
    drop(pointer.replace(None).unwrap());
    let dropping = thread::spawn(move || drop(drain));
    thread::sleep(SETTLE_TIME);
    assert!(!dropping.is_finished());
    reader.release();
    dropping.join().unwrap();
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_drain_waits_for_callbacks_of_a_domain_that_is_never_dropped() {
    let _no_other_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = held(&pointer);
    let drain = CallbackDrain::new().unwrap();
    pointer.replace(None).unwrap().call_srcu();
    let dropping = thread::spawn(move || drop(drain));
    thread::sleep(SETTLE_TIME);
    assert!(!dropping.is_finished());
    reader.release();
    dropping.join().unwrap();
    assert_eq!(drops.count(), 1);
    keep_reachable(&*pointer);
    std::mem::forget(pointer);
}

/// An object whose destructor retires the next one and drops its domain. The domain waits for the
/// next object's callback, so work queues work.
struct Chained {
    next: Option<Arc<SrcuPointer<Chained>>>,
    _counted: Counted,
}

impl Drop for Chained {
    fn drop(&mut self) {
        // All destructors together take longer than the drain's wait for RCU callbacks.
        thread::sleep(Duration::from_millis(30));
        if let Some(next) = self.next.take() {
            drop(next.replace(None));
        }
    }
}

impl Reclaim for Chained {
    type Context = Workqueue;
}

#[test]
fn the_drain_waits_for_work_that_queues_work() {
    const LENGTH: usize = 12;
    let drops = Drops::default();
    let _no_other_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drain = CallbackDrain::new().unwrap();
    let chain = (0..LENGTH).fold(None, |next, _| {
        let drops = drops.clone();
        let _counted = Counted { value: 0, drops };
        let object = UniqueRcuBox::new(Chained { next, _counted }, GFP_KERNEL).unwrap();
        Some(pointer_to(Some(object)))
    });
    drop(chain.unwrap().replace(None));
    drop(drain);
    assert_eq!(drops.count(), LENGTH);
}

#[test]
fn readers_can_sleep() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let mutex = Arc::pin_init(new_mutex!(1), GFP_KERNEL).unwrap();
    let mutex: &Mutex<u32> = &mutex;
    let reader = pointer.read_lock();
    might_sleep();
    *mutex.lock() += 1;
    drop(drops.object(1));
    rcu::synchronize();
    thread::sleep(Duration::from_millis(1));
    assert_eq!(reader.dereference().unwrap().value, 42);
    let guard = domain();
    let guard = guard.read_lock();
    might_sleep();
    drop(guard);
}

#[test]
fn cookies_are_complete_after_the_readers() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let domain = pointer.domain();
    let reader = held(&pointer);
    let started = SrcuGracePeriod::start(domain);
    let taken = SrcuGracePeriod::snapshot(domain);
    thread::sleep(SETTLE_TIME);
    assert!(!started.is_complete() && !taken.is_complete());
    reader.release();
    wait_until("the grace period is complete", || started.is_complete());
    domain.synchronize();
    assert!(started.is_complete() && taken.is_complete());
    // A complete cookie stays complete.
    assert!(started.is_complete() && taken.is_complete());
}

#[test]
fn a_snapshot_waits_for_a_grace_period_started_elsewhere() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let polled = pointer.replace(None).unwrap().snapshot();
    thread::sleep(SETTLE_TIME);
    assert!(!polled.is_complete());
    let polled = polled
        .try_reclaim()
        .err()
        .expect("no grace period was started");
    pointer.domain().synchronize();
    drop(polled.try_reclaim().ok().expect("a grace period has ended"));
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_request_during_a_grace_period_waits_for_the_next_one() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let domain = pointer.domain();
    let early = held(&pointer);
    let first = SrcuGracePeriod::start(domain);
    // After this the first grace period has made new readers use the other index.
    thread::sleep(SETTLE_TIME);
    let late = held(&pointer);
    let second = SrcuGracePeriod::start(domain);
    pointer.replace(None).unwrap().call_srcu();
    early.release();
    wait_until("a grace period ignores later readers", || {
        first.is_complete()
    });
    thread::sleep(SETTLE_TIME);
    assert!(!second.is_complete());
    assert_eq!(drops.count(), 0);
    late.release();
    domain.barrier();
    assert!(second.is_complete());
    assert_eq!(drops.count(), 1);
}

#[test]
fn overlapping_readers_do_not_block_reclaim_forever() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let mut reader = held(&pointer);
    pointer.replace(None).unwrap().call_srcu();
    wait_until("the object is reclaimed", || {
        // Readers overlap, but each one ends.
        mem::replace(&mut reader, held(&pointer)).release();
        drops.count() > 0
    });
    reader.release();
}

#[test]
fn domains_and_rcu_do_not_wait_for_each_other() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = held(&pointer);
    rcu::synchronize();
    let other = domain();
    other.synchronize();
    let section = pointer.read_lock();
    other.synchronize();
    rcu::barrier();
    drop(section);
    reader.release();

    let reader = HeldReader::start();
    pointer.domain().synchronize();
    reader.release();
}

#[test]
fn readers_nest() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let outer = pointer.read_lock();
    let inner = pointer.read_lock();
    pointer.replace(None).unwrap().call_srcu();
    drop(outer);
    thread::sleep(SETTLE_TIME);
    assert_eq!(drops.count(), 0);
    drop(inner);
    pointer.domain().barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn replace_returns_the_old_object() {
    let drops = Drops::default();
    let pointer = pointer_to(None);
    assert!(pointer.read_lock().dereference().is_none());
    assert!(pointer.replace(None).is_none());
    assert!(pointer.replace(Some(drops.object(1))).is_none());
    let old = pointer.replace(Some(drops.object(2))).unwrap();
    assert_eq!(old.synchronize().value, 1);
    assert_eq!(pointer.read_lock().dereference().unwrap().value, 2);
    let mut again = pointer.replace(None).unwrap().synchronize();
    again.value = 3;
    assert!(pointer.replace(Some(again)).is_none());
    let reader = pointer.read_lock();
    assert_eq!(reader.dereference().unwrap().value, 3);
    pointer.replace(Some(drops.object(4))).unwrap().call_srcu();
    assert_eq!(reader.dereference().unwrap().value, 4);
}

#[test]
fn objects_of_variable_length_can_be_protected() {
    let squares = |count| {
        UniqueRcuBox::<Flexible<u64, usize>>::from_fn(count as u64, count, |i| i * i, GFP_KERNEL)
            .unwrap()
    };
    let pointer = pointer_to(Some(squares(3)));
    let old = pointer.replace(Some(squares(5))).unwrap();
    let reader = pointer.read_lock();
    let found = reader.dereference().unwrap();
    assert_eq!((found.header, &found.elements), (5, &[0, 1, 4, 9, 16][..]));
    drop(reader);
    assert_eq!(old.synchronize().elements, [0, 1, 4]);
    drop(pointer.replace(None));
}

#[test]
fn dropping_the_pointer_waits_for_callbacks_and_drops_its_object() {
    const MANY: usize = 100;
    let drops = Drops::default();
    let pointer = pointer(&drops);
    for value in 0..MANY as u64 {
        pointer
            .replace(Some(drops.object(value)))
            .unwrap()
            .call_srcu();
    }
    drop(pointer);
    assert_eq!(drops.count(), MANY + 1);
    drop(pointer_to::<Counted>(None));
}

#[test]
fn dropping_the_pointer_waits_for_a_callback_behind_a_reader() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = held_on_object(&pointer);
    pointer.replace(None).unwrap().call_srcu();
    // The reader holds the last reference from now on.
    drop(pointer);
    assert_eq!(drops.count(), 0);
    reader.release();
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_domain_can_be_dropped_during_a_grace_period() {
    for _ in 0..100 {
        let domain = domain();
        let _ = SrcuGracePeriod::start(&domain);
        let reader = domain.read_lock();
        let _ = SrcuGracePeriod::start(&domain);
        drop(reader);
        let _ = SrcuGracePeriod::start(&domain);
        drop(domain);
    }
}

#[test]
fn a_failed_allocation_of_the_pointer_drops_the_object() {
    let drops = Drops::default();
    // The pointer and the domain are one allocation each.
    for nth in 1..=2 {
        let object = drops.object(1);
        let injection = kernel::alloc::failslab::fail_nth(nth);
        let pointer = Arc::pin_init(SrcuPointer::new(Some(object), new_srcu!()), GFP_KERNEL);
        assert!(injection.has_fired());
        assert_eq!(pointer.err(), Some(ENOMEM));
        assert_eq!(drops.count(), nth as usize);
    }
}

#[test]
fn reclaim_of_the_type_is_called_instead_of_drop() {
    static RECLAIMED: AtomicUsize = AtomicUsize::new(0);
    struct Special(usize);
    impl Reclaim for Special {
        type Context = Softirq;
        const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
    }

    impl Special {
        fn reclaim(this: UniqueRcuBox<Self>) {
            RECLAIMED.fetch_add(this.0, Ordering::SeqCst);
        }
    }
    let special = |value| Some(UniqueRcuBox::new(Special(value), GFP_KERNEL).unwrap());
    let pointer = pointer_to(special(5));
    pointer.replace(special(7)).unwrap().call_srcu();
    drop(pointer.replace(None));
    pointer.domain().barrier();
    assert_eq!(RECLAIMED.load(Ordering::SeqCst), 12);
}

#[test]
fn callbacks_cannot_sleep_but_can_retire() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    struct Outer(Arc<SrcuPointer<Counted>>);
    impl Reclaim for Outer {
        type Context = Softirq;
        const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
    }

    impl Outer {
        fn reclaim(this: UniqueRcuBox<Self>) {
            let panicked = catch_unwind(might_sleep).is_err();
            PANICS.fetch_add(usize::from(panicked), Ordering::SeqCst);
            let _guard = read_lock();
            this.0.replace(None).unwrap().call_srcu();
        }
    }
    let drops = Drops::default();
    let inner = pointer(&drops);
    let outer = UniqueRcuBox::new(Outer(inner.clone()), GFP_KERNEL).unwrap();
    let pointer = pointer_to(Some(outer));
    pointer.replace(None).unwrap().call_srcu();
    pointer.domain().barrier();
    inner.domain().barrier();
    assert_eq!(PANICS.load(Ordering::SeqCst), 1);
    assert_eq!(drops.count(), 1);
}

/// The message of the library, which checks before it calls C.
const UNDER_A_GUARD: &str = "might_sleep() inside an RCU read-side critical section";

#[test]
fn waiting_under_a_guard_of_rcu_panics() {
    let domain = domain();
    let guard = read_lock();
    for wait in [
        Srcu::synchronize,
        Srcu::synchronize_expedited,
        Srcu::barrier,
    ] {
        let message = panic_message(|| wait(&domain));
        assert!(message.contains(UNDER_A_GUARD), "{message}");
    }
    drop(guard);
    domain.synchronize();
}

#[test]
fn waiting_under_a_reader_of_the_same_domain_panics_and_defers_reclaim() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = pointer.read_lock();
    let retired = pointer.replace(None).unwrap();
    let message = panic_message(|| drop(retired.synchronize()));
    assert!(message.contains("same domain"), "{message}");
    let message = panic_message(|| pointer.domain().barrier());
    assert!(message.contains("same domain"), "{message}");
    assert_eq!(drops.count(), 0);
    drop(reader);
    pointer.domain().barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn dropping_a_domain_under_a_guard_of_rcu_panics() {
    let domain = domain();
    // The panic leaks its memory.
    keep_reachable(&*domain);
    let guard = read_lock();
    let message = panic_message(|| drop(domain));
    assert!(message.contains(UNDER_A_GUARD), "{message}");
    drop(guard);
}

/// Two arrays: the second is the complement of the first.
struct Pair([u64; 8], [u64; 8]);

impl Reclaim for Pair {
    type Context = rcu::Anywhere;
}

fn pair(value: u64) -> UniqueRcuBox<Pair> {
    UniqueRcuBox::new(Pair([value; 8], [!value; 8]), GFP_KERNEL).unwrap()
}

#[test]
fn readers_see_whole_objects_in_the_order_of_publication() {
    const LAST: u64 = 5000;
    let _drain = drain();
    let pointer = pointer_to(Some(pair(0)));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while newest < LAST {
                    let reader = pointer.read_lock();
                    let seen = reader.dereference().unwrap();
                    let value = seen.0[0];
                    if value % 64 == 0 {
                        thread::yield_now();
                    }
                    assert_eq!(seen.0, [value; 8]);
                    assert_eq!(seen.1, [!value; 8]);
                    assert!(value >= newest, "{value} after {newest}");
                    newest = value;
                }
            });
        }
        let mut polled = Vec::new();
        let mut spare: Option<UniqueRcuBox<Pair>> = None;
        for value in 1..=LAST {
            let new = match spare.take() {
                // An object that readers have read before.
                Some(mut object) => {
                    *object = Pair([value; 8], [!value; 8]);
                    object
                }
                None => pair(value),
            };
            let old = pointer.replace(Some(new)).unwrap();
            match value % 7 {
                0 => old.call_srcu(),
                1 => old.queue_work(),
                2 => spare = Some(old.synchronize()),
                3 => spare = Some(old.synchronize_expedited()),
                4 => polled.push(old.start_poll()),
                5 => polled.push(old.snapshot()),
                _ => drop(old),
            }
            if polled.len() >= 16 {
                let mut waiting = Vec::new();
                for polled in polled {
                    match polled.try_reclaim() {
                        Ok(object) => spare = Some(object),
                        Err(polled) => waiting.push(polled),
                    }
                }
                polled = waiting;
            }
        }
    });
}

#[test]
fn racing_updaters_lose_no_object() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for value in 0..500 {
                    let old = pointer.replace(Some(drops.object(value)));
                    old.expect("the pointer is never null").call_srcu();
                }
            });
        }
    });
    pointer.domain().barrier();
    assert_eq!(drops.count(), 2000);
    drop(pointer);
    assert_eq!(drops.count(), 2001);
}
