// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected list: what readers see at each kind of change, and that each entry is reclaimed
//! exactly once.

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
        barrier, read_lock, CallbackDrain, Cleared, CursorMut, Entry, Iter, List, RcuBox, Reclaim,
        Retired, Softirq, UpdateSide, UpdaterLock, Workqueue,
    },
    testing::{Counted, Drops, HeldReader},
};
use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::LazyLock,
    thread,
    time::Duration,
};

/// How long a test waits for what must not happen.
const PATIENCE: Duration = Duration::from_millis(100);

fn entry(drops: &Drops, value: u64) -> RcuBox<Entry<Counted>> {
    Entry::new(drops.counted(value), GFP_KERNEL).unwrap()
}

/// A list of `T` under its lock.
struct State<T: Reclaim> {
    list: List<T, State<T>>,
}

type Shared<T> = Arc<UpdaterLock<State<T>>>;

fn shared<T: Reclaim>() -> Shared<T> {
    let state = State { list: List::new() };
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL).unwrap()
}

/// A list of these values in this order.
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

/// The values as a reader sees them. As the updater sees them, they are the same.
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

/// Moves a cursor so many entries on.
fn move_to<T: Reclaim>(cursor: &mut CursorMut<'_, T, State<T>>, at: usize) {
    (0..at).for_each(|_| cursor.move_next());
}

/// Does something with a cursor at a place.
fn at<T: Reclaim, R>(
    shared: &UpdaterLock<State<T>>,
    at: usize,
    change: impl FnOnce(&mut CursorMut<'_, T, State<T>>) -> R,
) -> R {
    update(shared, |list| {
        let mut cursor = list.cursor();
        move_to(&mut cursor, at);
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
        let refused = cursor.replace_current(entry(&drops, 7)).err().unwrap();
        assert_eq!(refused.value, 7);
    });
    assert_eq!((values(&shared), drops.count()), (vec![], 1));
    assert!(List::<Counted, State<Counted>>::default()
        .iter(&read_lock())
        .next()
        .is_none());
}

#[test]
fn pushing_at_both_ends() {
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
fn inserting_before_the_cursor_keeps_the_current_entry() {
    let drops = Drops::default();
    for place in 0..=3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        at(&shared, place, |cursor| {
            let current = value_at_cursor(cursor);
            cursor.insert_before(entry(&drops, 10));
            cursor.insert_before(entry(&drops, 11));
            assert_eq!(value_at_cursor(cursor), current);
        });
        let mut model = vec![0, 1, 2];
        model.splice(place..place, [10, 11]);
        assert_eq!(values(&shared), model);
        update(&shared, |list| list.push_back(entry(&drops, 99)));
        model.push(99);
        assert_eq!(values(&shared), model);
    }
}

#[test]
fn inserting_after_the_cursor_keeps_the_current_entry() {
    let drops = Drops::default();
    for place in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        at(&shared, place, |cursor| {
            cursor.insert_after(entry(&drops, 11));
            cursor.insert_after(entry(&drops, 10));
            assert_eq!(value_at_cursor(cursor), Some(place as u64));
        });
        let mut model = vec![0, 1, 2];
        model.splice(place + 1..place + 1, [10, 11]);
        assert_eq!(values(&shared), model);
        update(&shared, |list| list.push_back(entry(&drops, 99)));
        model.push(99);
        assert_eq!(values(&shared), model);
    }
}

#[test]
fn inserting_after_the_end_appends() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0]);
    at(&shared, 1, |cursor| {
        cursor.insert_after(entry(&drops, 1));
        assert!(cursor.current().is_none());
        cursor.insert_after(entry(&drops, 2));
    });
    update(&shared, |list| list.push_back(entry(&drops, 3)));
    assert_eq!(values(&shared), [0, 1, 2, 3]);
}

#[test]
fn removing_goes_to_the_next_and_leaves_the_others() {
    let drops = Drops::default();
    for place in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        let mut model = vec![0, 1, 2];
        let old = at(&shared, place, |cursor| {
            let old = cursor.remove_current().unwrap();
            assert_eq!(value_at_cursor(cursor), model.get(place + 1).copied());
            old
        });
        assert_eq!(old.synchronize().value, model.remove(place));
        assert_eq!(values(&shared), model);
        update(&shared, |list| list.push_back(entry(&drops, 99)));
        model.push(99);
        assert_eq!(values(&shared), model);
    }
}

#[test]
fn removing_all_from_the_front_leaves_an_empty_list() {
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
fn replacing_keeps_the_place() {
    let drops = Drops::default();
    for place in 0..3 {
        let shared = list_of(&drops, &[0, 1, 2]);
        let old = at(&shared, place, |cursor| {
            let old = cursor.replace_current(entry(&drops, 10)).ok().unwrap();
            assert_eq!(value_at_cursor(cursor), Some(10));
            old
        });
        assert_eq!(old.synchronize().value, place as u64);
        let mut model = vec![0, 1, 2];
        model[place] = 10;
        assert_eq!(values(&shared), model);
        update(&shared, |list| list.push_back(entry(&drops, 99)));
        model.push(99);
        assert_eq!(values(&shared), model);
    }
}

#[test]
fn finding_goes_on_from_the_current_entry() {
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
fn clearing_gives_all_entries_in_order_and_the_lock_is_free() {
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
fn a_spin_lock_is_a_section_too() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1, 2]);
    let total: Arc<SpinLock<u64>> = Arc::pin_init(new_spinlock!(0), GFP_KERNEL).unwrap();
    let held = total.lock();
    let sum: u64 = shared.list.iter(&held).map(|counted| counted.value).sum();
    assert_eq!(sum, 3);
}

#[test]
fn a_reader_at_the_end_stays_there() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1]);
    let guard = read_lock();
    let new = Entry::new(drops.counted(2), GFP_ATOMIC).unwrap();
    let mut seen = shared.list.iter(&guard);
    assert_eq!(seen.next().unwrap().value, 1);
    assert!(seen.next().is_none());
    // The lock is another thread's business, as it may not be waited for here.
    thread::scope(|scope| {
        scope
            .spawn(|| update(&shared, |list| list.push_back(new)))
            .join()
    })
    .unwrap();
    assert!(seen.next().is_none());
    assert_eq!(shared.list.iter(&guard).count(), 2);
}

/// A reader that stops on the entry with value `on`, and when released goes on and must see `rest`.
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

/// Changes a list of 0 to 4 while a reader stands on 1.
fn change_under_a_reader(
    rest: &'static [u64],
    change: impl FnOnce(&Shared<Counted>, &Drops),
) -> Drops {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2, 3, 4]);
    let reader = held_on(&shared, &drops, 1, rest);
    change(&shared, &drops);
    thread::sleep(PATIENCE);
    reader.release();
    barrier();
    drops
}

#[test]
fn a_reader_on_a_removed_entry_goes_on_to_the_rest() {
    let drops = change_under_a_reader(&[2, 3, 4], |shared, _| {
        at(shared, 1, |cursor| {
            cursor.remove_current().unwrap().call_rcu()
        });
        assert_eq!(values(shared), [0, 2, 3, 4]);
    });
    assert_eq!(drops.count(), 5);
}

#[test]
fn a_reader_on_a_removed_entry_sees_the_next_though_it_is_removed_too() {
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
fn a_reader_does_not_see_what_was_removed_ahead_of_it() {
    change_under_a_reader(&[3, 4], |shared, _| {
        at(shared, 2, |cursor| {
            cursor.remove_current().unwrap().call_rcu()
        });
    });
}

#[test]
fn a_reader_sees_what_was_inserted_ahead_of_it_and_not_behind() {
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
fn a_reader_on_a_replaced_entry_goes_on_behind_the_new_one() {
    change_under_a_reader(&[2, 3, 4], |shared, drops| {
        at(shared, 1, |cursor| {
            let old = cursor.replace_current(entry(drops, 10));
            old.ok().unwrap().call_rcu();
        });
        assert_eq!(values(shared), [0, 10, 2, 3, 4]);
    });
}

#[test]
fn a_reader_of_a_cleared_list_goes_on_to_its_end() {
    let drops = change_under_a_reader(&[2, 3, 4], |shared, drops| {
        update(shared, |list| {
            list.clear().for_each(Retired::call_rcu);
            list.push_back(entry(drops, 5));
        });
        assert_eq!(values(shared), [5]);
    });
    // The list is gone, too.
    assert_eq!(drops.count(), 6);
}

#[test]
fn an_entry_that_came_back_can_be_linked_again() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    // Its old link leads to what stands before it now.
    let mut entry = update(&shared, |list| list.pop_front())
        .unwrap()
        .synchronize();
    entry.value = 10;
    update(&shared, |list| list.push_back(entry));
    assert_eq!(values(&shared), [1, 2, 10]);

    // And here to what is freed.
    let entry = update(&shared, |list| list.pop_front())
        .unwrap()
        .synchronize();
    drop(
        update(&shared, |list| list.pop_front())
            .unwrap()
            .synchronize(),
    );
    update(&shared, |list| list.push_back(entry));
    assert_eq!(values(&shared), [10, 1]);
    assert_eq!(drops.count(), 1);
    drop(shared);
    assert_eq!(drops.count(), 3);
}

#[test]
fn an_entry_that_came_back_leads_nowhere() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[0, 1, 2]);
    let entry = update(&shared, |list| list.pop_front())
        .unwrap()
        .synchronize();
    drop(entry);
    assert_eq!((values(&shared), drops.count()), (vec![1, 2], 1));
}

/// The endings that the entries of a list can go by, all of them.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Drop,
    CallRcu,
    QueueWork,
    Synchronize,
    SynchronizeExpedited,
    Poll,
    PollExpedited,
    Snapshot,
}

const ENDINGS: [Ending; 8] = [
    Ending::Drop,
    Ending::CallRcu,
    Ending::QueueWork,
    Ending::Synchronize,
    Ending::SynchronizeExpedited,
    Ending::Poll,
    Ending::PollExpedited,
    Ending::Snapshot,
];

impl Ending {
    /// Ends an entry; gives it back if that is how it ends.
    fn end<T: Reclaim<Context = Softirq>>(
        self,
        retired: Retired<Entry<T>>,
    ) -> Option<RcuBox<Entry<T>>> {
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
fn each_entry_is_dropped_exactly_once_by_every_ending() {
    for ending in ENDINGS {
        let drain = CallbackDrain::new();
        let drops = Drops::default();
        let shared = list_of(&drops, &[0, 1, 2, 3, 4, 5, 6, 7]);
        let removed = at(&shared, 1, |cursor| cursor.remove_current().unwrap());
        let replaced = at(&shared, 1, |cursor| {
            cursor.replace_current(entry(&drops, 10))
        });
        let back = [removed, replaced.ok().unwrap()].map(|retired| ending.end(retired));
        for entry in back.into_iter().flatten() {
            update(&shared, |list| list.push_back(entry));
        }
        let is_back = values(&shared).len() == 9;
        let all = update(&shared, |list| list.clear());
        drop(
            all.filter_map(|retired| ending.end(retired))
                .collect::<Vec<_>>(),
        );
        update(&shared, |list| list.push_back(entry(&drops, 11)));
        drop(shared);
        drop(drain);
        assert_eq!(drops.count(), 10, "{ending:?}");
        assert_eq!(
            is_back,
            !matches!(ending, Ending::Drop | Ending::CallRcu | Ending::QueueWork)
        );
    }
}

#[test]
fn what_is_not_taken_of_a_cleared_list_is_deferred() {
    let drops = Drops::default();
    for take in [0, 1, 3] {
        let shared = list_of(&drops, &[0, 1, 2]);
        let before = drops.count();
        let reader = HeldReader::start();
        let mut cleared = update(&shared, |list| list.clear());
        let taken: Vec<_> = cleared.by_ref().take(take).collect();
        drop((cleared, taken));
        thread::sleep(PATIENCE);
        assert_eq!(drops.count(), before, "reclaimed under a reader");
        reader.release();
        barrier();
        assert_eq!(drops.count(), before + 3);
    }
    // What is not taken of those that came back goes too.
    let shared = list_of(&drops, &[0, 1, 2]);
    let before = drops.count();
    let mut back = update(&shared, |list| list.clear()).synchronize();
    assert_eq!(back.next().unwrap().value, 0);
    drop(back);
    barrier();
    assert_eq!(drops.count(), before + 3);
}

#[test]
fn a_destructor_that_may_sleep_runs_in_process_context() {
    struct Sleeper(#[expect(dead_code, reason = "for its destructor")] Counted);
    impl Drop for Sleeper {
        fn drop(&mut self) {
            kernel::task::might_sleep();
        }
    }
    impl Reclaim for Sleeper {
        type Context = Workqueue;
    }
    let drain = CallbackDrain::new();
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
fn entries_without_destructor_may_go_by_kvfree_rcu() {
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
fn dropping_a_long_list_needs_no_stack() {
    const LEN: usize = 300_000;
    let drops = Drops::default();
    let shared = list_of(&drops, &[0; LEN]);
    let dropper = thread::Builder::new().stack_size(64 * 1024);
    dropper.spawn(move || drop(shared)).unwrap().join().unwrap();
    assert_eq!(drops.count(), LEN);
}

#[test]
fn without_memory_there_is_no_entry_and_the_value_is_dropped() {
    let drops = Drops::default();
    let shared = list_of(&drops, &[1, 2]);
    let value = drops.counted(3);
    let injection = failslab::fail_nth(1);
    assert!(Entry::new(value, GFP_KERNEL).is_err());
    assert!(injection.has_fired());
    drop(injection);
    assert_eq!((values(&shared), drops.count()), (vec![1, 2], 1));

    // Nothing that changes the list needs memory.
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

/// A value that must not move: it knows where it is.
#[pin_data]
struct Pinned {
    at: usize,
    value: u64,
    #[pin]
    _pin: PhantomPinned,
}
impl Reclaim for Pinned {
    type Context = Softirq;
}
impl Pinned {
    fn is_at_home(&self) -> bool {
        self.at == ptr::from_ref(self) as usize
    }

    /// Changes a pinned value.
    fn set(self: Pin<&mut Self>, at: usize, value: u64) {
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        (this.at, this.value) = (at, value);
    }
}

fn pinned(value: Result<u64>) -> impl PinInit<Pinned, Error> {
    try_pin_init!(Pinned {
        at: 0,
        value: value?,
        _pin: PhantomPinned
    })
}

#[test]
fn values_that_must_not_move_stay_where_they_are() {
    let shared = shared();
    let mut entry = Entry::pin_init(pinned(Ok(1)), GFP_KERNEL).unwrap();
    let home = ptr::from_ref(&**entry) as usize;
    entry.as_pin_mut().value_pin_mut().set(home, 1);
    update(&shared, |list| list.push_back(entry));
    assert!(shared.list.iter(&read_lock()).all(Pinned::is_at_home));
    let mut entry = update(&shared, |list| list.pop_front())
        .unwrap()
        .synchronize();
    entry.as_pin_mut().value_pin_mut().set(home, 2);
    assert!(entry.is_at_home());
    update(&shared, |list| list.push_front(entry));
    let guard = read_lock();
    let seen = shared.list.iter(&guard).next().unwrap();
    assert!(seen.is_at_home() && seen.value == 2);
}

#[test]
fn an_initialiser_that_fails_says_so() {
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
fn lists_and_what_comes_from_them_may_go_to_other_threads() {
    fn check<T: Send + Sync>() {}
    check::<List<Counted, State<Counted>>>();
    check::<Entry<Counted>>();
    check::<Iter<'static, Counted>>();
    check::<CursorMut<'static, Counted, State<Counted>>>();
    check::<Cleared<Counted>>();
}

#[test]
fn a_list_outside_the_locked_state_is_refused() {
    static THEIRS: LazyLock<Shared<Plain>> = LazyLock::new(shared);
    let ours = shared::<Plain>();
    let entry = Entry::new(Plain(0), GFP_KERNEL).unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| {
        ours.lock().select(|_| &THEIRS.list).push_back(entry);
    }));
    assert!(refused.is_err());
    assert!(THEIRS.list.iter(&read_lock()).next().is_none());
}

/// A random change. Places are taken modulo what there is.
#[derive(Clone, Debug)]
enum Change {
    PushFront,
    PushBack,
    PopFront,
    Before(usize),
    After(usize),
    Replace(usize),
    /// So many from there on.
    Remove(usize, usize),
    /// The first whose number divided by the first of these leaves the second.
    RemoveFirst(u64, u64),
    /// Put behind each multiple.
    AfterEach(u64),
    Clear,
}

fn any_change() -> impl Strategy<Value = Change> {
    let place = || any::<usize>();
    prop_oneof![
        2 => Just(Change::PushFront),
        3 => Just(Change::PushBack),
        1 => Just(Change::PopFront),
        3 => place().prop_map(Change::Before),
        3 => place().prop_map(Change::After),
        2 => place().prop_map(Change::Replace),
        2 => (place(), 0..4_usize).prop_map(|(place, many)| Change::Remove(place, many)),
        1 => (1..5_u64, 0..5_u64).prop_map(|(by, left)| Change::RemoveFirst(by, left)),
        1 => (2..5_u64).prop_map(Change::AfterEach),
        1 => Just(Change::Clear),
    ]
}

/// The list, a slow one, and entries that came back and are used again.
struct Both {
    shared: Shared<Counted>,
    model: Vec<u64>,
    spare: Vec<RcuBox<Entry<Counted>>>,
    drops: Drops,
    made: u64,
    allocated: usize,
}

impl Both {
    fn new() -> Self {
        Self {
            shared: shared(),
            model: Vec::new(),
            spare: Vec::new(),
            drops: Drops::default(),
            made: 0,
            allocated: 0,
        }
    }

    /// An entry with a number that no other has.
    fn entry(&mut self) -> (RcuBox<Entry<Counted>>, u64) {
        self.made += 1;
        let entry = match self.spare.pop() {
            Some(mut entry) => {
                entry.value = self.made;
                entry
            }
            None => {
                self.allocated += 1;
                entry(&self.drops, self.made)
            }
        };
        (entry, self.made)
    }

    /// Ends what was taken out, which must be these.
    fn end(&mut self, old: Vec<Retired<Entry<Counted>>>, expected: Vec<u64>, ending: Ending) {
        assert_eq!(old.len(), expected.len());
        for (retired, expected) in old.into_iter().zip(expected) {
            if let Some(entry) = ending.end(retired) {
                assert_eq!(entry.value, expected);
                self.spare.push(entry);
            }
        }
    }

    fn apply(&mut self, change: &Change, ending: Ending) {
        let len = self.model.len();
        let place = |place: &usize| place % (len + 1);
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
                at(&shared, place(to), |cursor| cursor.insert_before(entry));
                self.model.insert(place(to), number);
            }
            Change::After(to) => {
                let (entry, number) = self.entry();
                at(&shared, place(to), |cursor| cursor.insert_after(entry));
                self.model.insert(len.min(place(to) + 1), number);
            }
            Change::Replace(to) => {
                let (entry, number) = self.entry();
                match at(&shared, place(to), |cursor| cursor.replace_current(entry)) {
                    Ok(retired) => {
                        old.push(retired);
                        expected.push(mem::replace(&mut self.model[place(to)], number));
                    }
                    Err(entry) => {
                        assert_eq!((place(to), entry.value), (len, number));
                        self.spare.push(entry);
                    }
                }
            }
            Change::Remove(from, many) => {
                at(&shared, place(from), |cursor| {
                    old.extend((0..*many).map_while(|_| cursor.remove_current()));
                });
                let to = len.min(place(from) + many);
                expected.extend(self.model.drain(place(from)..to));
            }
            Change::RemoveFirst(by, left) => {
                let matches = |number: u64| number % by == *left;
                old.extend(update(&shared, |list| {
                    list.remove_first(|counted| matches(counted.value))
                }));
                let found = self.model.iter().position(|number| matches(*number));
                expected.extend(found.map(|found| self.model.remove(found)));
            }
            Change::AfterEach(by) => {
                let is_multiple = |number: &u64| number % by == 0;
                let many = self.model.iter().copied().filter(is_multiple).count();
                let new: Vec<_> = (0..many).map(|_| self.entry()).collect();
                let mut numbers = new
                    .iter()
                    .map(|(_, number)| *number)
                    .collect::<Vec<_>>()
                    .into_iter();
                self.model = self
                    .model
                    .iter()
                    .flat_map(|number| {
                        let new = is_multiple(number).then(|| numbers.next().unwrap());
                        [Some(*number), new].into_iter().flatten()
                    })
                    .collect();
                update(&shared, |list| {
                    let mut cursor = list.cursor();
                    for (entry, _) in new {
                        assert!(cursor.find(|counted| is_multiple(&counted.value)));
                        cursor.insert_after(entry);
                        cursor.move_next();
                        cursor.move_next();
                    }
                });
            }
            Change::Clear => {
                old.extend(update(&shared, |list| list.clear()));
                expected.append(&mut self.model);
            }
        }
        self.end(old, expected, ending);
    }
}

/// Mostly an ending that does not wait.
fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => prop::sample::select(ENDINGS[..3].to_vec()),
        1 => prop::sample::select(ENDINGS.to_vec()),
    ]
}

proptest! {
    // Each case waits for its callbacks.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn random_changes_do_to_the_list_what_they_do_to_a_slow_one(
        changes in prop::collection::vec((any_change(), any_ending()), 1..100),
    ) {
        let drain = CallbackDrain::new();
        let mut both = Both::new();
        for (change, ending) in &changes {
            both.apply(change, *ending);
            prop_assert_eq!(&values(&both.shared), &both.model, "{:?}", change);
        }
        let Both { shared, spare, drops, allocated, .. } = both;
        drop((shared, spare));
        drop(drain);
        prop_assert_eq!(drops.count(), allocated);
    }
}
