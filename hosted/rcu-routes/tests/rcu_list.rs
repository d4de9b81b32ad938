// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected list: readers see a consistent list during each kind of change, and each entry
//! is reclaimed exactly once.

use core::{marker::PhantomPinned, mem, ptr};
use kernel::{
    alloc::failslab,
    new_mutex, new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use proptest::prelude::{
    any, prop, prop_assert_eq, prop_oneof, proptest, Just, ProptestConfig, Strategy,
};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Anywhere, CallbackDrain, Cleared, CursorMut, Entry, Iter, List,
        Reclaim, Retired, Softirq, UniqueRcuBox, UpdateSide, UpdaterLock, Workqueue,
    },
    testing::{Counted, Drops, HeldReader, SETTLE_TIME},
};
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicU64, AtomicUsize, Ordering},
        LazyLock,
    },
    thread,
};

fn entry(drops: &Drops, value: u64) -> UniqueRcuBox<Entry<Counted>> {
    Entry::new(drops.counted(value), GFP_KERNEL).unwrap()
}

/// A list of `T`, protected by its updaters' lock.
struct State<T: Reclaim> {
    list: List<T, State<T>>,
}

type Shared<T> = Arc<UpdaterLock<State<T>>>;

fn shared<T: Reclaim>() -> Shared<T> {
    let state = State { list: List::new() };
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL).unwrap()
}

/// Returns a list of these values in this order.
fn list_of(drops: &Drops, values: &[u64]) -> Shared<Counted> {
    let shared = shared();
    update(&shared, |list| {
        for value in values {
            list.push_back(entry(drops, *value));
        }
    });
    shared
}

/// Changes the list as its only updater.
fn update<T: Reclaim, R>(
    shared: &UpdaterLock<State<T>>,
    change: impl FnOnce(&mut UpdateSide<'_, List<T, State<T>>>) -> R,
) -> R {
    change(&mut shared.lock().select(|state| &state.list))
}

/// Returns the values that a reader sees. Asserts that the updater sees the same.
fn values(shared: &UpdaterLock<State<Counted>>) -> Vec<u64> {
    let guard = read_lock();
    let seen = shared.list.iter(&guard).map(|counted| counted.value);
    let seen: Vec<_> = seen.collect();
    drop(guard);
    update(shared, |list| {
        assert!(list.iter().map(|counted| counted.value).eq(seen.clone()));
        assert_eq!(list.is_empty(), seen.is_empty());
    });
    seen
}

/// Asserts that the list has the values of `model`, and that an entry can be appended.
fn check(shared: &UpdaterLock<State<Counted>>, drops: &Drops, mut model: Vec<u64>) {
    assert_eq!(values(shared), model);
    update(shared, |list| list.push_back(entry(drops, 99)));
    model.push(99);
    assert_eq!(values(shared), model);
}

/// Removes the first entry and waits for its readers.
fn pop(shared: &UpdaterLock<State<Counted>>) -> UniqueRcuBox<Entry<Counted>> {
    let old = update(shared, |list| list.pop_front());
    old.expect("an entry").synchronize()
}

/// Calls `change` with a cursor at a position.
fn at<T: Reclaim, R>(
    shared: &UpdaterLock<State<T>>,
    at: usize,
    change: impl FnOnce(&mut CursorMut<'_, T, State<T>>) -> R,
) -> R {
    update(shared, |list| {
        let mut cursor = list.cursor();
        (0..at).for_each(|_| cursor.move_next());
        change(&mut cursor)
    })
}

fn value_at_cursor(cursor: &CursorMut<'_, Counted, State<Counted>>) -> Option<u64> {
    cursor.current().map(|counted| counted.value)
}

#[test]
fn a_new_list_is_empty() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[]);
    assert_eq!(values(&shared), []);
    update(&shared, |list| {
        assert!(list.pop_front().is_none());
        assert!(list.remove_first(|_| true).is_none());
        assert!(list.clear().next().is_none());
        let mut cursor = list.cursor();
        assert!(cursor.current().is_none());
        cursor.move_next();
        assert!(!cursor.find(|_| true));
        assert!(cursor.remove_current().is_none());
        let rejected = cursor.replace_current(entry(&drops, 7)).err().unwrap();
        assert_eq!(rejected.value, 7);
    });
    assert_eq!((values(&shared), drops.count()), (vec![], 1));
    assert!(List::<Counted, State<Counted>>::default()
        .iter(&read_lock())
        .next()
        .is_none());
}

#[test]
fn push_front_and_push_back_keep_the_order() {
    let drops = Drops::default();
    for ends in 0..8 {
        let (shared, mut model) = (shared(), Vec::new());
        for nth in 0..3 {
            let entry = entry(&drops, nth);
            if ends & (1 << nth) == 0 {
                update(&shared, |list| list.push_back(entry));
                model.push(nth);
            } else {
                update(&shared, |list| list.push_front(entry));
                model.insert(0, nth);
            }
            assert_eq!(values(&shared), model);
        }
    }
}

#[test]
fn insert_before_keeps_the_current_entry() {
    let drops = Drops::default();
    for position in 0..=3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        at(&shared, position, |cursor| {
            let current = value_at_cursor(cursor);
            cursor.insert_before(entry(&drops, 10));
            cursor.insert_before(entry(&drops, 11));
            assert_eq!(value_at_cursor(cursor), current);
        });
        let mut model = vec![0, 1, 2];
        model.splice(position..position, [10, 11]);
        check(&shared, &drops, model);
    }
}

#[test]
fn insert_after_keeps_the_current_entry() {
    let drops = Drops::default();
    for position in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        at(&shared, position, |cursor| {
            cursor.insert_after(entry(&drops, 11));
            cursor.insert_after(entry(&drops, 10));
            assert_eq!(value_at_cursor(cursor), Some(position as u64));
        });
        let mut model = vec![0, 1, 2];
        model.splice(position + 1..position + 1, [10, 11]);
        check(&shared, &drops, model);
    }
}

#[test]
fn insert_after_at_the_end_appends() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0]);
    at(&shared, 1, |cursor| {
        cursor.insert_after(entry(&drops, 1));
        assert!(cursor.current().is_none());
        cursor.insert_after(entry(&drops, 2));
    });
    check(&shared, &drops, vec![0, 1, 2]);
}

#[test]
fn remove_current_moves_to_the_next_entry() {
    let drops = Drops::default();
    for position in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        let mut model = vec![0, 1, 2];
        let old = at(&shared, position, |cursor| {
            let old = cursor.remove_current().unwrap();
            assert_eq!(value_at_cursor(cursor), model.get(position + 1).copied());
            old
        });
        assert_eq!(old.synchronize().value, model.remove(position));
        check(&shared, &drops, model);
    }
}

#[test]
fn removing_every_entry_leaves_an_empty_list() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    update(&shared, |list| {
        let mut cursor = list.cursor();
        while let Some(old) = cursor.remove_current() {
            old.call_rcu();
        }
        assert!(list.is_empty());
        list.push_back(entry(&drops, 3));
        list.push_back(entry(&drops, 4));
        assert_eq!(list.pop_front().unwrap().synchronize().value, 3);
    });
    assert_eq!(values(&shared), [4]);
}

#[test]
fn replace_current_keeps_the_position() {
    let drops = Drops::default();
    for position in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        let old = at(&shared, position, |cursor| {
            let old = cursor.replace_current(entry(&drops, 10)).ok().unwrap();
            assert_eq!(value_at_cursor(cursor), Some(10));
            old
        });
        assert_eq!(old.synchronize().value, position as u64);
        let mut model = vec![0, 1, 2];
        model[position] = 10;
        check(&shared, &drops, model);
    }
}

#[test]
fn find_starts_at_the_current_entry() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1, 2, 1, 3]);
    at(&shared, 0, |cursor| {
        let is_one = |counted: &Counted| counted.value == 1;
        assert!(cursor.find(is_one) && cursor.find(is_one));
        cursor.move_next();
        assert!(cursor.find(is_one));
        cursor.move_next();
        assert_eq!(value_at_cursor(cursor), Some(3));
        assert!(!cursor.find(is_one));
        assert_eq!(value_at_cursor(cursor), None);
    });
    let old = update(&shared, |list| {
        list.remove_first(|counted| counted.value == 1)
    });
    drop(old.unwrap());
    assert_eq!(values(&shared), [2, 1, 3]);
    assert!(update(&shared, |list| list
        .remove_first(|counted| counted.value == 4))
    .is_none());
    assert_eq!(values(&shared), [2, 1, 3]);
}

#[test]
fn clear_returns_all_entries_in_order_without_the_lock() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    let mut cleared = update(&shared, |list| list.clear());
    assert_eq!(values(&shared), []);
    update(&shared, |list| list.push_back(entry(&drops, 3)));
    assert_eq!(cleared.next().unwrap().synchronize().value, 0);
    let back: Vec<_> = cleared.synchronize().map(|entry| entry.value).collect();
    assert_eq!(back, [1, 2]);
    assert_eq!(values(&shared), [3]);
    assert_eq!(drops.count(), 3);
}

#[test]
fn a_spin_lock_guard_is_a_read_side_critical_section() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1, 2]);
    let total: Arc<SpinLock<u64>> = Arc::pin_init(new_spinlock!(0), GFP_KERNEL).unwrap();
    let held = total.lock();
    let sum: u64 = shared.list.iter(&held).map(|counted| counted.value).sum();
    assert_eq!(sum, 3);
}

#[test]
fn an_exhausted_iterator_stays_exhausted_after_a_push() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1]);
    let guard = read_lock();
    let new = Entry::new(drops.counted(2), GFP_ATOMIC).unwrap();
    let mut seen = shared.list.iter(&guard);
    assert_eq!(seen.next().unwrap().value, 1);
    assert!(seen.next().is_none());
    // This thread must not sleep on the lock, so another thread appends.
    thread::scope(|scope| {
        scope
            .spawn(|| update(&shared, |list| list.push_back(new)))
            .join()
    })
    .unwrap();
    assert!(seen.next().is_none());
    assert_eq!(shared.list.iter(&guard).count(), 2);
}

/// Starts a reader that stops on the entry with value `on`. After its release it must see `rest`.
fn held_on(shared: &Shared<Counted>, drops: &Drops, on: u64, rest: &'static [u64]) -> HeldReader {
    let (shared, drops) = (shared.clone(), drops.clone());
    HeldReader::start_with(move |guard, wait| {
        let mut seen = shared.list.iter(guard);
        let current = seen.find(|counted| counted.value == on).unwrap();
        let before = drops.count();
        wait();
        assert_eq!(drops.count(), before, "reclaimed under a reader");
        assert_eq!(current.value, on);
        let seen: Vec<_> = seen.map(|counted| counted.value).collect();
        assert_eq!(seen, rest);
    })
}

/// Changes a list of 0 to 4 while a reader is on 1.
fn change_under_a_reader(
    rest: &'static [u64],
    change: impl FnOnce(&Shared<Counted>, &Drops),
) -> Drops {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2, 3, 4]);
    let reader = held_on(&shared, &drops, 1, rest);
    change(&shared, &drops);
    thread::sleep(SETTLE_TIME);
    reader.release();
    barrier();
    drops
}

#[test]
fn a_reader_on_a_removed_entry_reaches_the_following_entries() {
    let drops = change_under_a_reader(&[2, 3, 4], |shared, _| {
        at(shared, 1, |cursor| {
            cursor.remove_current().unwrap().call_rcu()
        });
        assert_eq!(values(shared), [0, 2, 3, 4]);
    });
    assert_eq!(drops.count(), 5);
}

#[test]
fn a_reader_on_a_removed_entry_sees_a_removed_successor() {
    let drops = change_under_a_reader(&[2, 3, 4], |shared, _| {
        at(shared, 1, |cursor| {
            for _ in 0..2 {
                cursor.remove_current().unwrap().call_rcu();
            }
        });
        assert_eq!(values(shared), [0, 3, 4]);
    });
    assert_eq!(drops.count(), 5);
}

#[test]
fn a_reader_skips_an_entry_removed_ahead_of_it() {
    change_under_a_reader(&[3, 4], |shared, _| {
        at(shared, 2, |cursor| {
            cursor.remove_current().unwrap().call_rcu()
        });
    });
}

#[test]
fn a_reader_sees_only_entries_inserted_ahead_of_it() {
    change_under_a_reader(&[20, 2, 3, 4, 5], |shared, drops| {
        at(shared, 1, |cursor| {
            cursor.insert_before(entry(drops, 10));
            cursor.insert_after(entry(drops, 20));
        });
        update(shared, |list| list.push_back(entry(drops, 5)));
        assert_eq!(values(shared), [0, 10, 1, 20, 2, 3, 4, 5]);
    });
}

#[test]
fn a_reader_on_a_replaced_entry_reaches_the_following_entries() {
    change_under_a_reader(&[2, 3, 4], |shared, drops| {
        at(shared, 1, |cursor| {
            let old = cursor.replace_current(entry(drops, 10));
            old.ok().unwrap().call_rcu();
        });
        assert_eq!(values(shared), [0, 10, 2, 3, 4]);
    });
}

#[test]
fn a_reader_of_a_cleared_list_reaches_its_end() {
    let drops = change_under_a_reader(&[2, 3, 4], |shared, drops| {
        update(shared, |list| {
            list.clear().for_each(Retired::call_rcu);
            list.push_back(entry(drops, 5));
        });
        assert_eq!(values(shared), [5]);
    });
    // The list has been dropped too.
    assert_eq!(drops.count(), 6);
}

#[test]
fn a_reclaimed_entry_can_be_linked_again() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    // Its old link points to the entry that precedes it now.
    let mut entry = pop(&shared);
    entry.value = 10;
    update(&shared, |list| list.push_back(entry));
    assert_eq!(values(&shared), [1, 2, 10]);

    // Its old link points to an entry that is freed.
    let entry = pop(&shared);
    drop(pop(&shared));
    update(&shared, |list| list.push_back(entry));
    assert_eq!(values(&shared), [10, 1]);
    assert_eq!(drops.count(), 1);
    drop(shared);
    assert_eq!(drops.count(), 3);
}

#[test]
fn dropping_a_reclaimed_entry_leaves_its_successors_alone() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    drop(pop(&shared));
    assert_eq!((values(&shared), drops.count()), (vec![1, 2], 1));
}

/// Every way to reclaim an entry.
#[derive(Clone, Copy, Debug)]
enum ReclaimMethod {
    Drop,
    CallRcu,
    QueueWork,
    Synchronize,
    SynchronizeExpedited,
    Poll,
    PollExpedited,
    Snapshot,
}

const METHODS: [ReclaimMethod; 8] = [
    ReclaimMethod::Drop,
    ReclaimMethod::CallRcu,
    ReclaimMethod::QueueWork,
    ReclaimMethod::Synchronize,
    ReclaimMethod::SynchronizeExpedited,
    ReclaimMethod::Poll,
    ReclaimMethod::PollExpedited,
    ReclaimMethod::Snapshot,
];

impl ReclaimMethod {
    /// Reclaims an entry and returns it if the method does.
    fn reclaim<T: Reclaim<Context = Anywhere>>(
        self,
        retired: Retired<Entry<T>>,
    ) -> Option<UniqueRcuBox<Entry<T>>> {
        match self {
            Self::Drop => drop(retired),
            Self::CallRcu => retired.call_rcu(),
            Self::QueueWork => retired.queue_work(),
            Self::Synchronize => return Some(retired.synchronize()),
            Self::SynchronizeExpedited => return Some(retired.synchronize_expedited()),
            Self::Poll => return Some(retired.start_poll().wait()),
            Self::PollExpedited => return Some(retired.start_poll_expedited().wait()),
            Self::Snapshot => return Some(retired.snapshot().wait()),
        }
        None
    }
}

#[test]
fn every_reclaim_method_drops_each_entry_exactly_once() {
    for method in METHODS {
        let drain = CallbackDrain::new().unwrap();
        let drops = Drops::default();
        let shared = list_of(&drops, &[0, 1, 2, 3, 4, 5, 6, 7]);
        let removed = at(&shared, 1, |cursor| cursor.remove_current().unwrap());
        let replaced = at(&shared, 1, |cursor| {
            cursor.replace_current(entry(&drops, 10))
        });
        let reclaimed = [removed, replaced.ok().unwrap()].map(|retired| method.reclaim(retired));
        for entry in reclaimed.into_iter().flatten() {
            update(&shared, |list| list.push_back(entry));
        }
        let is_returned = values(&shared).len() == 9;
        let all = update(&shared, |list| list.clear());
        drop(
            all.filter_map(|retired| method.reclaim(retired))
                .collect::<Vec<_>>(),
        );
        update(&shared, |list| list.push_back(entry(&drops, 11)));
        drop(shared);
        drop(drain);
        assert_eq!(drops.count(), 10, "{method:?}");
        assert_eq!(
            is_returned,
            !matches!(
                method,
                ReclaimMethod::Drop | ReclaimMethod::CallRcu | ReclaimMethod::QueueWork
            )
        );
    }
}

#[test]
fn entries_left_in_a_cleared_list_are_deferred() {
    let drops = Drops::default();
    for consumed in [0, 1, 3] {
        let shared = list_of(&drops, &[0, 1, 2]);
        let before = drops.count();
        let reader = HeldReader::start();
        let mut cleared = update(&shared, |list| list.clear());
        let retired: Vec<_> = cleared.by_ref().take(consumed).collect();
        drop((cleared, retired));
        thread::sleep(SETTLE_TIME);
        assert_eq!(drops.count(), before, "reclaimed under a reader");
        reader.release();
        barrier();
        assert_eq!(drops.count(), before + 3);
    }
    // Entries left in the iterator of reclaimed entries are dropped too.
    let shared = list_of(&drops, &[0, 1, 2]);
    let before = drops.count();
    let mut reclaimed = update(&shared, |list| list.clear()).synchronize();
    assert_eq!(reclaimed.next().unwrap().value, 0);
    drop(reclaimed);
    barrier();
    assert_eq!(drops.count(), before + 3);
}

#[test]
fn a_destructor_that_may_sleep_runs_in_process_context() {
    struct Sleeper(#[expect(dead_code, reason = "its destructor counts")] Counted);
    impl Drop for Sleeper {
        fn drop(&mut self) {
            kernel::task::might_sleep();
        }
    }
    impl Reclaim for Sleeper {
        type Context = Workqueue;
    }
    let drain = CallbackDrain::new().unwrap();
    let drops = Drops::default();
    let shared = shared();
    update(&shared, |list| {
        list.push_back(Entry::new(Sleeper(drops.counted(1)), GFP_KERNEL).unwrap());
        drop(list.pop_front());
    });
    drop(drain);
    assert_eq!(drops.count(), 1);
}

struct Plain(u64);
impl Reclaim for Plain {
    type Context = Softirq;
}

#[test]
fn entries_without_a_destructor_can_use_kvfree_rcu() {
    assert!(!mem::needs_drop::<Entry<Plain>>());
    let shared = shared();
    update(&shared, |list| {
        for value in 0..100 {
            list.push_back(Entry::new(Plain(value), GFP_KERNEL).unwrap());
        }
        assert!(list.iter().map(|plain| plain.0).eq(0..100));
        list.pop_front().unwrap().kvfree_rcu();
        list.clear().for_each(Retired::kvfree_rcu);
    });
    barrier();
}

#[test]
fn dropping_a_long_list_uses_bounded_stack() {
    const LEN: usize = 300_000;
    let drops = Drops::default();
    let shared = list_of(&drops, &[0; LEN]);
    let dropper = thread::Builder::new().stack_size(64 * 1024);
    dropper.spawn(move || drop(shared)).unwrap().join().unwrap();
    assert_eq!(drops.count(), LEN);
}

#[test]
fn a_failed_allocation_drops_the_value_and_updates_allocate_nothing() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1, 2]);
    let value = drops.counted(3);
    let injection = failslab::fail_nth(1);
    assert!(Entry::new(value, GFP_KERNEL).is_err());
    assert!(injection.has_fired());
    drop(injection);
    assert_eq!((values(&shared), drops.count()), (vec![1, 2], 1));

    // Changes of the list allocate nothing.
    let [first, last, middle] = [0, 9, 5].map(|value| entry(&drops, value));
    let mut updater = shared.lock();
    let injection = failslab::fail_nth(1);
    let mut list = updater.select(|state| &state.list);
    list.push_front(first);
    list.push_back(last);
    let mut cursor = list.cursor();
    assert!(cursor.find(|counted| counted.value == 2));
    let old = cursor.replace_current(middle).ok();
    let old = [old, list.pop_front()];
    let all = list.clear();
    assert!(!injection.has_fired());
    drop(injection);
    drop((old, all, updater));
    barrier();
    assert_eq!(drops.count(), 1 + 5);
}

/// A value that must not move: it stores its address.
#[pin_data]
struct Pinned {
    address: AtomicUsize,
    value: AtomicU64,
    #[pin]
    _pin: PhantomPinned,
}
impl Reclaim for Pinned {
    type Context = Softirq;
}
impl Pinned {
    fn has_moved(&self) -> bool {
        self.address.load(Ordering::Relaxed) != ptr::from_ref(self) as usize
    }

    fn set(self: Pin<&mut Self>, address: usize, value: u64) {
        self.address.store(address, Ordering::Relaxed);
        self.value.store(value, Ordering::Relaxed);
    }
}

fn pinned(value: Result<u64>) -> impl PinInit<Pinned, Error> {
    try_pin_init!(Pinned {
        address: AtomicUsize::new(0),
        value: AtomicU64::new(value?),
        _pin: PhantomPinned
    })
}

#[test]
fn pinned_values_do_not_move() {
    let shared = shared();
    let mut entry = Entry::pin_init(pinned(Ok(1)), GFP_KERNEL).unwrap();
    let address = ptr::from_ref(&**entry) as usize;
    entry.as_pin_mut().value_pin_mut().set(address, 1);
    update(&shared, |list| list.push_back(entry));
    assert!(!shared.list.iter(&read_lock()).any(Pinned::has_moved));
    let old = update(&shared, |list| list.pop_front());
    let mut entry = old.unwrap().synchronize();
    entry.as_pin_mut().value_pin_mut().set(address, 2);
    assert!(!entry.has_moved());
    update(&shared, |list| list.push_front(entry));
    let guard = read_lock();
    let seen = shared.list.iter(&guard).next().unwrap();
    assert!(!seen.has_moved() && seen.value.load(Ordering::Relaxed) == 2);
}

#[test]
fn pin_init_returns_the_error_of_the_initialiser() {
    assert_eq!(
        Entry::pin_init(pinned(Err(EINVAL)), GFP_KERNEL).err(),
        Some(EINVAL)
    );
    let _injection = failslab::fail_nth(1);
    assert_eq!(
        Entry::pin_init(pinned(Ok(1)), GFP_KERNEL).err(),
        Some(ENOMEM)
    );
}

#[test]
fn lists_entries_and_iterators_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<List<Counted, State<Counted>>>();
    check::<Entry<Counted>>();
    check::<Iter<'static, Counted>>();
    check::<CursorMut<'static, Counted, State<Counted>>>();
    check::<Cleared<Counted>>();
}

#[test]
fn a_list_outside_the_locked_state_is_rejected() {
    static THEIRS: LazyLock<Shared<Plain>> = LazyLock::new(shared);
    let ours = shared::<Plain>();
    let entry = Entry::new(Plain(0), GFP_KERNEL).unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| {
        ours.lock().select(|_| &THEIRS.list).push_back(entry);
    }));
    assert!(result.is_err());
    assert!(THEIRS.list.iter(&read_lock()).next().is_none());
}

/// A random change. Positions wrap around the length of the list.
#[derive(Clone, Debug)]
enum Change {
    PushFront,
    PushBack,
    PopFront,
    Before(usize),
    After(usize),
    Replace(usize),
    /// Removes that many entries from a position on.
    Remove(usize, usize),
    /// Removes the first entry whose number modulo the first value is the second.
    RemoveFirst(u64, u64),
    /// Inserts an entry after each multiple.
    AfterEach(u64),
    Clear,
}

fn any_change() -> impl Strategy<Value = Change> {
    let position = || any::<usize>();
    prop_oneof![
        2 => Just(Change::PushFront),
        3 => Just(Change::PushBack),
        1 => Just(Change::PopFront),
        3 => position().prop_map(Change::Before),
        3 => position().prop_map(Change::After),
        2 => position().prop_map(Change::Replace),
        2 => (position(), 0..4_usize).prop_map(|(at, many)| Change::Remove(at, many)),
        1 => (1..5_u64, 0..5_u64).prop_map(|(by, left)| Change::RemoveFirst(by, left)),
        1 => (2..5_u64).prop_map(Change::AfterEach),
        1 => Just(Change::Clear),
    ]
}

/// The list, a vector as its model, and reclaimed entries for reuse.
struct Comparison {
    shared: Shared<Counted>,
    model: Vec<u64>,
    spare: Vec<UniqueRcuBox<Entry<Counted>>>,
    drops: Drops,
    created: u64,
    allocated: usize,
}

impl Comparison {
    fn new() -> Self {
        Self {
            shared: shared(),
            model: Vec::new(),
            spare: Vec::new(),
            drops: Drops::default(),
            created: 0,
            allocated: 0,
        }
    }

    /// Returns an entry with a unique number.
    fn entry(&mut self) -> (UniqueRcuBox<Entry<Counted>>, u64) {
        self.created += 1;
        let entry = match self.spare.pop() {
            Some(mut entry) => {
                entry.value = self.created;
                entry
            }
            None => {
                self.allocated += 1;
                entry(&self.drops, self.created)
            }
        };
        (entry, self.created)
    }

    /// Reclaims removed entries, which must have the expected numbers.
    fn reclaim(
        &mut self,
        old: Vec<Retired<Entry<Counted>>>,
        expected: Vec<u64>,
        method: ReclaimMethod,
    ) {
        assert_eq!(old.len(), expected.len());
        for (retired, expected) in old.into_iter().zip(expected) {
            if let Some(entry) = method.reclaim(retired) {
                assert_eq!(entry.value, expected);
                self.spare.push(entry);
            }
        }
    }

    fn apply(&mut self, change: &Change, method: ReclaimMethod) {
        let len = self.model.len();
        let position = |at: &usize| at % (len + 1);
        let shared = self.shared.clone();
        let (mut old, mut expected) = (Vec::new(), Vec::new());
        match change {
            Change::PushFront => {
                let (entry, number) = self.entry();
                update(&shared, |list| list.push_front(entry));
                self.model.insert(0, number);
            }
            Change::PushBack => {
                let (entry, number) = self.entry();
                update(&shared, |list| list.push_back(entry));
                self.model.push(number);
            }
            Change::PopFront => {
                old.extend(update(&shared, |list| list.pop_front()));
                expected.extend((len > 0).then(|| self.model.remove(0)));
            }
            Change::Before(to) => {
                let (entry, number) = self.entry();
                at(&shared, position(to), |cursor| cursor.insert_before(entry));
                self.model.insert(position(to), number);
            }
            Change::After(to) => {
                let (entry, number) = self.entry();
                at(&shared, position(to), |cursor| cursor.insert_after(entry));
                self.model.insert(len.min(position(to) + 1), number);
            }
            Change::Replace(to) => {
                let ((entry, number), to) = (self.entry(), position(to));
                match at(&shared, to, |cursor| cursor.replace_current(entry)) {
                    Ok(retired) => {
                        old.push(retired);
                        expected.push(mem::replace(&mut self.model[to], number));
                    }
                    Err(entry) => {
                        assert_eq!((to, entry.value), (len, number));
                        self.spare.push(entry);
                    }
                }
            }
            Change::Remove(from, many) => {
                let from = position(from);
                at(&shared, from, |cursor| {
                    old.extend((0..*many).map_while(|_| cursor.remove_current()));
                });
                expected.extend(self.model.drain(from..len.min(from + many)));
            }
            Change::RemoveFirst(by, left) => {
                let matches = |number: u64| number % by == *left;
                old.extend(update(&shared, |list| {
                    list.remove_first(|counted| matches(counted.value))
                }));
                let found = self.model.iter().position(|number| matches(*number));
                expected.extend(found.map(|found| self.model.remove(found)));
            }
            Change::AfterEach(by) => self.insert_after_each(|number| number % by == 0),
            Change::Clear => {
                old.extend(update(&shared, |list| list.clear()));
                expected.append(&mut self.model);
            }
        }
        self.reclaim(old, expected, method);
    }

    /// Inserts an entry after each one whose number matches.
    fn insert_after_each(&mut self, matches: impl Fn(u64) -> bool) {
        let mut model = Vec::new();
        let mut new = Vec::new();
        for number in self.model.clone() {
            model.push(number);
            if matches(number) {
                let (entry, number) = self.entry();
                model.push(number);
                new.push(entry);
            }
        }
        self.model = model;
        update(&self.shared, |list| {
            let mut cursor = list.cursor();
            for entry in new {
                assert!(cursor.find(|counted| matches(counted.value)));
                cursor.insert_after(entry);
                cursor.move_next();
                cursor.move_next();
            }
        });
    }
}

/// Mostly a method that does not wait.
fn any_method() -> impl Strategy<Value = ReclaimMethod> {
    prop_oneof![
        4 => prop::sample::select(METHODS[..3].to_vec()),
        1 => prop::sample::select(METHODS.to_vec()),
    ]
}

proptest! {
    // Each case waits for its callbacks.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn random_changes_match_a_vector(
        changes in prop::collection::vec((any_change(), any_method()), 1..100),
    ) {
        let drain = CallbackDrain::new().unwrap();
        let mut comparison = Comparison::new();
        for (change, method) in &changes {
            comparison.apply(change, *method);
            prop_assert_eq!(&values(&comparison.shared), &comparison.model, "{:?}", change);
        }
        let Comparison { shared, spare, drops, allocated, .. } = comparison;
        drop((shared, spare));
        drop(drain);
        prop_assert_eq!(drops.count(), allocated);
    }
}
