// SPDX-License-Identifier: GPL-2.0

//! Readers walk a list without a pause while one thread changes it. Meant for AddressSanitizer as well.

use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Entry, List, RcuBox, Reclaim, Retired, Softirq, UpdateSide, UpdaterLock,
    },
    testing::{Random, StopFlag},
};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long threads run against each other.
const TIME: Duration = Duration::from_secs(2);
/// How long they go on, on a busy machine, until they have met.
const PATIENCE: Duration = Duration::from_secs(60);

/// What readers see while the list changes: a number by which the list is sorted, how often it was
/// replaced, and a checksum.
struct Seen {
    number: u64,
    version: u64,
    check: [u64; 6],
}

impl Reclaim for Seen {
    type Context = Softirq;
}

impl Drop for Seen {
    fn drop(&mut self) {
        // Who sees it later sees that it is wrong.
        self.check = [0; 6];
    }
}

impl Seen {
    fn checksum(number: u64, version: u64) -> [u64; 6] {
        [!((number << 32) ^ version); 6]
    }

    fn new(number: u64, version: u64) -> Self {
        let check = Self::checksum(number, version);
        Self {
            number,
            version,
            check,
        }
    }

    fn entry(number: u64, version: u64) -> RcuBox<Entry<Self>> {
        Entry::new(Self::new(number, version), GFP_KERNEL).unwrap()
    }

    fn verify(&self) {
        assert_eq!(
            self.check,
            Self::checksum(self.number, self.version),
            "{}",
            self.number
        );
    }
}

/// A list under its lock.
struct State {
    list: List<Seen, State>,
}

fn shared() -> Arc<UpdaterLock<State>> {
    let state = State { list: List::new() };
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL).unwrap()
}

/// Changes the list as its only updater.
fn update<R>(
    shared: &UpdaterLock<State>,
    change: impl FnOnce(&mut UpdateSide<'_, List<Seen, State>>) -> R,
) -> R {
    change(&mut shared.lock().select(|state| &state.list))
}

const NUMBERS: u64 = 40;

/// What happens to a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Always there, the same entry.
    Stays,
    /// Always there, in ever new versions.
    IsReplaced,
    /// Comes and goes.
    Flaps,
}

fn role(number: u64) -> Role {
    match number % 4 {
        0 => Role::Stays,
        2 => Role::IsReplaced,
        _ => Role::Flaps,
    }
}

/// Walks the list once: all that stays is there once, in order; nothing older than before is seen.
fn walk(shared: &UpdaterLock<State>, newest: &mut HashMap<u64, u64>, pause: Option<u64>) -> bool {
    let guard = read_lock();
    let (mut before, mut always, mut has_flapped) = (None, 0, false);
    for seen in shared.list.iter(&guard) {
        if pause == Some(seen.number) {
            thread::yield_now();
        }
        seen.verify();
        assert!(
            before < Some(seen.number),
            "{} after {before:?}",
            seen.number
        );
        before = Some(seen.number);
        match role(seen.number) {
            Role::Stays => assert_eq!(seen.version, 0),
            Role::IsReplaced => {
                let newest = newest.entry(seen.number).or_default();
                assert!(seen.version >= *newest, "an old version came back");
                *newest = seen.version;
            }
            Role::Flaps => {
                has_flapped = true;
                continue;
            }
        }
        always += 1;
    }
    assert_eq!(always, NUMBERS / 2, "something was skipped");
    has_flapped
}

/// Inserts, removes and replaces until the time is over; returns how many changes it made.
fn churn(shared: &UpdaterLock<State>, end: Instant) -> u64 {
    let mut random = Random::new(11);
    let mut spare: Vec<RcuBox<Entry<Seen>>> = Vec::new();
    let mut version = 0;
    while Instant::now() < end {
        version += 1;
        let number = random.below(NUMBERS as usize) as u64;
        let entry = match spare.pop() {
            Some(mut entry) => {
                **entry = Seen::new(number, version);
                entry
            }
            None => Seen::entry(number, version),
        };
        let is_there = |seen: &Seen| seen.number >= number;
        let old = update(shared, |list| {
            let mut cursor = list.cursor();
            let found = cursor.find(is_there) && cursor.current().unwrap().number == number;
            match (role(number), found) {
                (Role::Stays, _) => None,
                (Role::IsReplaced, _) => cursor.replace_current(entry).ok(),
                (Role::Flaps, true) => cursor.remove_current(),
                (Role::Flaps, false) if number == NUMBERS - 1 => {
                    list.push_back(entry);
                    None
                }
                (Role::Flaps, false) => {
                    cursor.insert_before(entry);
                    None
                }
            }
        });
        match (old, version % 1024) {
            (Some(old), 0) => spare.push(old.synchronize()),
            (Some(old), 1) => spare.push(old.start_poll().wait()),
            (Some(old), 2..300) => drop(old),
            (Some(old), _) => old.call_rcu(),
            (None, _) => {}
        }
    }
    version
}

#[test]
fn readers_see_what_stays_exactly_once_while_the_rest_changes() {
    let shared = shared();
    update(&shared, |list| {
        for number in (0..NUMBERS).filter(|number| role(*number) != Role::Flaps) {
            list.push_back(Seen::entry(number, 0));
        }
    });
    let (stop, walks) = (StopFlag::new(), AtomicUsize::new(0));
    let changes = thread::scope(|scope| {
        let _stop = stop.on_drop();
        for pauses in [false, true] {
            let (shared, stop, walks) = (&shared, &stop, &walks);
            scope.spawn(move || {
                let mut newest = HashMap::new();
                let (mut count, mut flapped) = (0, 0);
                while !stop.is_set() {
                    let pause = pauses.then_some(count as u64 % NUMBERS);
                    flapped += usize::from(walk(shared, &mut newest, pause));
                    count += 1;
                }
                assert!(flapped > 0, "the updater was never seen");
                walks.fetch_add(count, Ordering::Relaxed);
            });
        }
        churn(&shared, Instant::now() + TIME)
    });
    let walks = walks.into_inner();
    println!("{walks} walks, {changes} changes");
    assert!(walks > 100 && changes > 100);
    drop(shared);
    barrier();
}

#[test]
fn readers_see_one_generation_of_a_list_that_is_cleared() {
    let shared = shared();
    let (stop, readers_that_saw_some) = (StopFlag::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                let mut has_seen_some = false;
                while !stop.is_set() {
                    let guard = read_lock();
                    let mut generation = None;
                    for (expected, seen) in shared.list.iter(&guard).enumerate() {
                        seen.verify();
                        assert_eq!(seen.number, expected as u64);
                        assert_eq!(*generation.get_or_insert(seen.version), seen.version);
                    }
                    if generation.is_some() && !has_seen_some {
                        has_seen_some = true;
                        readers_that_saw_some.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (end, limit) = (Instant::now() + TIME / 2, Instant::now() + PATIENCE);
        for generation in 0.. {
            for number in 0..10 {
                let entry = Seen::entry(number, generation);
                update(&shared, |list| list.push_back(entry));
            }
            if generation % 64 == 0 {
                // On a busy machine only a pause lets the readers have a look.
                thread::yield_now();
            }
            let old = update(&shared, |list| list.clear());
            match generation % 16 {
                0..8 => drop(old),
                8 => assert_eq!(old.synchronize().count(), 10),
                _ => old.for_each(Retired::call_rcu),
            }
            let is_seen = readers_that_saw_some.load(Ordering::Relaxed) == 2;
            if Instant::now() > if is_seen { end } else { limit } {
                break;
            }
        }
    });
    assert_eq!(
        readers_that_saw_some.into_inner(),
        2,
        "the list was never seen"
    );
    drop(shared);
    barrier();
}

/// The list is so short that readers are mostly where it changes.
#[test]
fn what_comes_and_goes_in_front_never_hides_what_stays_behind() {
    let shared = shared();
    update(&shared, |list| list.push_back(Seen::entry(NUMBERS, 0)));
    let (stop, found_front) = (StopFlag::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.is_set() {
                    let guard = read_lock();
                    let last = shared
                        .list
                        .iter(&guard)
                        .inspect(|seen| seen.verify())
                        .last();
                    assert_eq!(last.expect("one always stays").number, NUMBERS);
                    let count = shared.list.iter(&guard).count();
                    found_front.fetch_add(count - 1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + TIME / 2;
        while Instant::now() < end {
            for version in 0..100 {
                let [first, second] = [0, 1].map(|number| Seen::entry(number, version));
                update(&shared, |list| {
                    list.push_front(first);
                    let replaced = list.cursor().replace_current(second);
                    replaced.ok().unwrap().call_rcu();
                    list.pop_front().unwrap().call_rcu();
                });
            }
        }
    });
    assert!(found_front.into_inner() > 0, "the updater was never seen");
    drop(shared);
    barrier();
}
