// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU: each object is reclaimed exactly once, after its readers and not before; readers may
//! sleep; domains do not wait for each other, and end in order.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
    task::might_sleep,
};
use rcu_routes::rcu::{
    self, new_srcu, read_lock, CallbackDrain, Flexible, RcuBox, Reclaim, Softirq, Srcu,
    SrcuGracePeriod, SrcuPointer, SrcuReader, SrcuRetired, Workqueue,
};
use rcu_routes::testing::{Counted, Drops};
use std::{
    mem,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Sender},
        PoisonError, RwLock, RwLockReadGuard,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a test waits for what must not happen. A grace period without readers takes less than a
/// millisecond here.
const PATIENCE: Duration = Duration::from_millis(150);

/// A pointer to an object.
fn pointer(drops: &Drops) -> Arc<SrcuPointer<Counted>> {
    pointer_to(Some(drops.object(42)))
}

/// A pointer to an object that must sleep to be dropped.
fn sleepy(drops: &Drops) -> Arc<SrcuPointer<Sleepy>> {
    pointer_to(Some(sleepy_object(drops)))
}

fn sleepy_object(drops: &Drops) -> RcuBox<Sleepy> {
    let object = RcuBox::new(Sleepy(drops.clone()), GFP_KERNEL).unwrap();
    remember(&*object);
    object
}

struct Sleepy(Drops);

impl Drop for Sleepy {
    fn drop(&mut self) {
        might_sleep();
        self.0.note();
    }
}

impl Reclaim for Sleepy {
    type Context = Workqueue;
}

fn pointer_to<T: Reclaim + ?Sized>(new: Option<RcuBox<T>>) -> Arc<SrcuPointer<T>> {
    Arc::pin_init(SrcuPointer::new(new, new_srcu!()), GFP_KERNEL).unwrap()
}

fn domain() -> Arc<Srcu> {
    Arc::pin_init(new_srcu!("test"), GFP_KERNEL).unwrap()
}

/// A reader, in a thread of its own, that stays in its critical section until it is released.
struct Held {
    leave: Sender<()>,
    thread: JoinHandle<()>,
}

impl Held {
    fn start<T: Reclaim>(pointer: &Arc<SrcuPointer<T>>) -> Self {
        Self::start_with(pointer, |_, wait| wait())
    }

    fn start_with<T: Reclaim>(
        pointer: &Arc<SrcuPointer<T>>,
        body: impl FnOnce(&SrcuReader<'_, T>, &dyn Fn()) + Send + 'static,
    ) -> Self {
        let (entered, wait_entered) = mpsc::channel();
        let (leave, wait_leave) = mpsc::channel();
        let pointer = pointer.clone();
        let thread = thread::spawn(move || {
            body(&pointer.read_lock(), &|| {
                entered.send(()).expect("the starter waits");
                wait_leave.recv().expect("somebody releases the reader");
            });
        });
        wait_entered.recv().expect("the reader gets this far");
        Self { leave, thread }
    }

    /// A reader that finds its object as it was at the end.
    fn watching(pointer: &Arc<SrcuPointer<Counted>>) -> Self {
        Self::start_with(pointer, |reader, wait| {
            let object = reader.dereference().unwrap();
            assert_eq!(object.value, 42);
            wait();
            assert_eq!(object.drops.count(), 0, "reclaimed under a reader");
            assert_eq!(object.value, 42);
        })
    }

    fn release(self) {
        self.leave.send(()).expect("the reader waits");
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Shows a leak checker what may be leaked on purpose.
fn remember<T>(object: &T) {
    static REMEMBERED: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
    let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    remembered.push((&raw const *object).expose_provenance());
}

/// Whether there is a drain is a matter of the whole process.
static DRAINS: RwLock<()> = RwLock::new(());

struct Drained {
    _drain: CallbackDrain,
    _drains: RwLockReadGuard<'static, ()>,
}

/// A drain that no test is without.
fn drain() -> Drained {
    let _drains = DRAINS.read().unwrap_or_else(PoisonError::into_inner);
    Drained {
        _drain: CallbackDrain::new(),
        _drains,
    }
}

/// Waits for the object of an ending that waits, which comes after the reader's end and not before.
fn waits_for_the_reader(end: fn(SrcuRetired<'_, Counted>) -> RcuBox<Counted>) {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = Held::watching(&pointer);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut object = end(pointer.replace(None).unwrap());
            done.store(true, Ordering::SeqCst);
            assert_eq!(object.value, 42);
            object.value = 43;
            object
        });
        thread::sleep(PATIENCE);
        assert!(!done.load(Ordering::SeqCst));
        reader.release();
        let object = waiter.join().unwrap();
        assert_eq!((object.value, drops.count()), (43, 0));
        drop(object);
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn synchronize_waits_for_the_reader_and_gives_the_object_back() {
    waits_for_the_reader(|retired| retired.synchronize());
}

#[test]
fn synchronize_expedited_waits_for_the_reader_and_gives_the_object_back() {
    waits_for_the_reader(|retired| retired.synchronize_expedited());
}

#[test]
fn polling_gives_the_object_back_after_the_reader() {
    waits_for_the_reader(|retired| {
        let mut polled = retired.start_poll();
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            polled = match polled.try_reclaim() {
                Ok(object) => return object,
                Err(again) => again,
            };
            assert!(Instant::now() < end, "never complete");
            thread::yield_now();
        }
    });
}

/// Has an object deferred that is reclaimed after the reader's end, once and not before.
fn defers<T: Reclaim>(
    pointer: fn(&Drops) -> Arc<SrcuPointer<T>>,
    end: fn(SrcuRetired<'_, T>),
    wait: fn(&Srcu),
) {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = Held::start(&pointer);
    end(pointer.replace(None).unwrap());
    thread::sleep(PATIENCE);
    assert_eq!(drops.count(), 0);
    reader.release();
    wait(pointer.domain());
    assert_eq!(drops.count(), 1);
    wait(pointer.domain());
    drop(pointer);
    assert_eq!(drops.count(), 1);
}

/// Waits for callbacks, and for the work that they leave.
fn wait_for_work(domain: &Srcu) {
    domain.barrier();
    drop(CallbackDrain::new());
}

#[test]
fn call_srcu_reclaims_after_the_reader_and_once() {
    defers(pointer, |retired| retired.call_srcu(), Srcu::barrier);
}

#[test]
fn dropped_without_a_choice_is_deferred() {
    defers(pointer, |retired| drop(retired), Srcu::barrier);
}

#[test]
fn dropped_while_polled_is_deferred() {
    defers(pointer, |retired| drop(retired.start_poll()), Srcu::barrier);
}

#[test]
fn queue_work_reclaims_after_the_reader_and_once() {
    let _drain = drain();
    defers(sleepy, |retired| retired.queue_work(), wait_for_work);
}

#[test]
fn queue_work_takes_what_need_not_sleep_too() {
    let _drain = drain();
    defers(pointer, |retired| retired.queue_work(), wait_for_work);
}

#[test]
fn dropped_without_a_choice_goes_to_process_context_if_it_sleeps() {
    let _drain = drain();
    defers(sleepy, |retired| drop(retired), wait_for_work);
}

#[test]
fn work_without_a_drain_is_leaked() {
    let _no_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drops = Drops::default();
    let pointer = sleepy(&drops);
    drop(pointer.replace(Some(sleepy_object(&drops))).unwrap());
    pointer
        .replace(Some(sleepy_object(&drops)))
        .unwrap()
        .queue_work();
    pointer.domain().barrier();
    thread::sleep(PATIENCE);
    assert_eq!(drops.count(), 0);
    drop(pointer);
    // What was published needs no work.
    assert_eq!(drops.count(), 1);
}

#[test]
fn work_that_finds_its_drain_gone_is_leaked() {
    let _no_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drops = Drops::default();
    let pointer = sleepy(&drops);
    let reader = Held::start(&pointer);
    let drain = CallbackDrain::new();
    drop(pointer.replace(None).unwrap());
    drop(drain);
    reader.release();
    pointer.domain().barrier();
    thread::sleep(PATIENCE);
    assert_eq!(drops.count(), 0);
}

/// The end of one retires the next and ends the domain of that, which waits for the next's callback and
/// so queues work from within work.
struct Link {
    next: Option<Arc<SrcuPointer<Link>>>,
    _counted: Counted,
}

impl Drop for Link {
    fn drop(&mut self) {
        // All of them take longer than the drain's wait for callbacks of RCU.
        thread::sleep(Duration::from_millis(30));
        if let Some(next) = self.next.take() {
            drop(next.replace(None));
        }
    }
}

impl Reclaim for Link {
    type Context = Workqueue;
}

#[test]
fn the_drain_waits_for_work_that_ends_domains_whose_callbacks_queue_work() {
    const LENGTH: usize = 12;
    let drops = Drops::default();
    let _no_other_drain = DRAINS.write().unwrap_or_else(PoisonError::into_inner);
    let drain = CallbackDrain::new();
    let chain = (0..LENGTH).fold(None, |next, _| {
        let drops = drops.clone();
        let _counted = Counted { value: 0, drops };
        let link = RcuBox::new(Link { next, _counted }, GFP_KERNEL).unwrap();
        Some(pointer_to(Some(link)))
    });
    drop(chain.unwrap().replace(None));
    drop(drain);
    assert_eq!(drops.count(), LENGTH);
}

#[test]
fn readers_may_sleep() {
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
fn cookies_tell_whether_the_readers_are_gone() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let domain = pointer.domain();
    let reader = Held::start(&pointer);
    let started = SrcuGracePeriod::start(domain);
    let taken = SrcuGracePeriod::snapshot(domain);
    thread::sleep(PATIENCE);
    assert!(!started.is_complete() && !taken.is_complete());
    reader.release();
    let end = Instant::now() + Duration::from_secs(10);
    while !started.is_complete() {
        assert!(Instant::now() < end, "never complete");
        thread::yield_now();
    }
    domain.synchronize();
    assert!(started.is_complete() && taken.is_complete());
    // Both for ever.
    assert!(started.is_complete() && taken.is_complete());
}

#[test]
fn a_snapshot_waits_for_a_grace_period_that_somebody_else_starts() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let polled = pointer.replace(None).unwrap().snapshot();
    thread::sleep(PATIENCE);
    assert!(!polled.is_complete());
    let polled = polled.try_reclaim().err().expect("nobody has started one");
    pointer.domain().synchronize();
    drop(polled.try_reclaim().ok().expect("one has ended"));
    assert_eq!(drops.count(), 1);
}

#[test]
fn what_comes_during_a_grace_period_waits_for_the_next() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let domain = pointer.domain();
    let early = Held::start(&pointer);
    let first = SrcuGracePeriod::start(domain);
    // New readers are under the other index once the first grace period is under way.
    thread::sleep(PATIENCE);
    let late = Held::start(&pointer);
    let second = SrcuGracePeriod::start(domain);
    pointer.replace(None).unwrap().call_srcu();
    early.release();
    let end = Instant::now() + Duration::from_secs(10);
    while !first.is_complete() {
        assert!(Instant::now() < end, "held up by a reader that came later");
        thread::yield_now();
    }
    thread::sleep(PATIENCE);
    assert!(!second.is_complete());
    assert_eq!(drops.count(), 0);
    late.release();
    domain.barrier();
    assert!(second.is_complete());
    assert_eq!(drops.count(), 1);
}

#[test]
fn readers_that_take_turns_do_not_hold_up_a_retirement_forever() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let mut reader = Held::start(&pointer);
    pointer.replace(None).unwrap().call_srcu();
    let end = Instant::now() + Duration::from_secs(10);
    while drops.count() == 0 {
        assert!(Instant::now() < end, "never reclaimed");
        // There is a reader at any time, but none stays.
        let next = Held::start(&pointer);
        mem::replace(&mut reader, next).release();
    }
    reader.release();
}

#[test]
fn domains_and_rcu_do_not_wait_for_each_other() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = Held::start(&pointer);
    rcu::synchronize();
    let other = domain();
    other.synchronize();
    let section = pointer.read_lock();
    other.synchronize();
    rcu::barrier();
    drop(section);
    reader.release();

    let reader = rcu_routes::testing::HeldReader::start();
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
    thread::sleep(PATIENCE);
    assert_eq!(drops.count(), 0);
    drop(inner);
    pointer.domain().barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn replace_returns_what_was_there() {
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
        RcuBox::<Flexible<u64, usize>>::from_fn(count as u64, count, |i| i * i, GFP_KERNEL).unwrap()
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
fn dropping_the_pointer_waits_for_callbacks_and_takes_its_object_along() {
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
    let reader = Held::watching(&pointer);
    pointer.replace(None).unwrap().call_srcu();
    // The reader has the last reference from now on.
    drop(pointer);
    assert_eq!(drops.count(), 0);
    reader.release();
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_domain_may_end_with_a_grace_period_on_its_way() {
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
fn with_a_leaked_reader_the_drop_waits_for_ever_and_frees_nothing() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let theirs = pointer.clone();
    thread::spawn(move || mem::forget(theirs.read_lock()))
        .join()
        .unwrap();
    pointer.replace(Some(drops.object(1))).unwrap().call_srcu();
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let theirs = done.clone();
    // It is left behind.
    thread::spawn(move || {
        drop(pointer);
        theirs.store(true, Ordering::SeqCst);
    });
    thread::sleep(PATIENCE);
    assert!(!done.load(Ordering::SeqCst));
    assert_eq!(drops.count(), 0);
}

#[test]
fn without_memory_there_is_no_pointer_and_the_object_is_dropped() {
    let drops = Drops::default();
    // The pointer's own memory, and the domain's.
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

        fn reclaim(this: RcuBox<Self>) {
            RECLAIMED.fetch_add(this.0, Ordering::SeqCst);
        }
    }
    let special = |value| Some(RcuBox::new(Special(value), GFP_KERNEL).unwrap());
    let pointer = pointer_to(special(5));
    pointer.replace(special(7)).unwrap().call_srcu();
    drop(pointer.replace(None));
    pointer.domain().barrier();
    assert_eq!(RECLAIMED.load(Ordering::SeqCst), 12);
}

#[test]
fn callbacks_must_not_sleep_and_may_retire_more() {
    static COMPLAINTS: AtomicUsize = AtomicUsize::new(0);
    struct Outer(Arc<SrcuPointer<Counted>>);
    impl Reclaim for Outer {
        type Context = Softirq;

        fn reclaim(this: RcuBox<Self>) {
            let complained = catch_unwind(might_sleep).is_err();
            COMPLAINTS.fetch_add(usize::from(complained), Ordering::SeqCst);
            let _guard = read_lock();
            this.0.replace(None).unwrap().call_srcu();
        }
    }
    let drops = Drops::default();
    let inner = pointer(&drops);
    let outer = RcuBox::new(Outer(inner.clone()), GFP_KERNEL).unwrap();
    let pointer = pointer_to(Some(outer));
    pointer.replace(None).unwrap().call_srcu();
    pointer.domain().barrier();
    inner.domain().barrier();
    assert_eq!(COMPLAINTS.load(Ordering::SeqCst), 1);
    assert_eq!(drops.count(), 1);
}

/// What a debug kernel would say about `what`.
fn complaint(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("nobody complained");
    *panic.downcast::<String>().expect("a formatted message")
}

/// The library's own check, before that of the function in C.
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
        let message = complaint(|| wait(&domain));
        assert!(message.contains(UNDER_A_GUARD), "{message}");
    }
    drop(guard);
    domain.synchronize();
}

#[test]
fn waiting_under_a_reader_of_the_same_domain_panics_and_defers() {
    let drops = Drops::default();
    let pointer = pointer(&drops);
    let reader = pointer.read_lock();
    let retired = pointer.replace(None).unwrap();
    let message = complaint(|| drop(retired.synchronize()));
    assert!(message.contains("same domain"), "{message}");
    let message = complaint(|| pointer.domain().barrier());
    assert!(message.contains("same domain"), "{message}");
    assert_eq!(drops.count(), 0);
    drop(reader);
    pointer.domain().barrier();
    assert_eq!(drops.count(), 1);
}

#[test]
fn dropping_a_domain_under_a_guard_of_rcu_panics() {
    let domain = domain();
    // The panic leaves its memory behind.
    remember(&*domain);
    let guard = read_lock();
    let message = complaint(|| drop(domain));
    assert!(message.contains(UNDER_A_GUARD), "{message}");
    drop(guard);
}

/// Two fields that belong together: the second is the first's complement.
struct Pair([u64; 8], [u64; 8]);

impl Reclaim for Pair {
    type Context = Softirq;
}

fn pair(value: u64) -> RcuBox<Pair> {
    RcuBox::new(Pair([value; 8], [!value; 8]), GFP_KERNEL).unwrap()
}

#[test]
fn readers_in_other_threads_see_whole_objects_in_the_order_of_publication() {
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
        let mut spare: Option<RcuBox<Pair>> = None;
        for value in 1..=LAST {
            let new = match spare.take() {
                // One that was read before, and is not any more.
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
                    old.expect("never null").call_srcu();
                }
            });
        }
    });
    pointer.domain().barrier();
    assert_eq!(drops.count(), 2000);
    drop(pointer);
    assert_eq!(drops.count(), 2001);
}
