// SPDX-License-Identifier: GPL-2.0

//! Readers walk a list while one thread changes it. AddressSanitizer runs this too.

use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Entry, List, Reclaim, Retired, Softirq, UniqueRcuBox, UpdateSide,
        UpdaterLock,
    },
    testing::{Checksum, Random, Role, StopFlag},
};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The duration of the readers' and the updater's runs.
const DURATION: Duration = Duration::from_secs(2);
/// The maximum duration, on a machine too busy for both readers to see the updater sooner.
const MAX_DURATION: Duration = Duration::from_secs(60);

/// A list element. The list is sorted by its number; the version grows with each replacement.
struct Element {
    number: u64,
    version: u64,
    checksum: Checksum,
}

impl Reclaim for Element {
    type Context = Softirq;
}

impl Element {
    fn new(number: u64, version: u64) -> Self {
        Self {
            number,
            version,
            checksum: Checksum::of(number, version),
        }
    }

    fn entry(number: u64, version: u64) -> UniqueRcuBox<Entry<Self>> {
        Entry::new(Self::new(number, version), GFP_KERNEL).unwrap()
    }

    fn verify(&self) {
        self.checksum.verify(self.number, self.version);
    }
}

/// A list, protected by its updaters' lock.
struct State {
    list: List<Element, State>,
}

fn shared() -> Arc<UpdaterLock<State>> {
    let state = State { list: List::new() };
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL).unwrap()
}

/// Changes the list as its only updater.
fn update<R>(
    shared: &UpdaterLock<State>,
    change: impl FnOnce(&mut UpdateSide<'_, List<Element, State>>) -> R,
) -> R {
    change(&mut shared.lock().select(|state| &state.list))
}

const NUMBERS: u64 = 40;

/// Walks the list once. Asserts that each permanent element appears once, in order, and that no
/// version is older than one seen before. Returns whether a toggled element was present.
fn walk(shared: &UpdaterLock<State>, newest: &mut HashMap<u64, u64>, pause: Option<u64>) -> bool {
    let guard = read_lock();
    let (mut previous, mut permanent, mut saw_toggled) = (None, 0, false);
    for seen in shared.list.iter(&guard) {
        if pause == Some(seen.number) {
            thread::yield_now();
        }
        seen.verify();
        assert!(
            previous < Some(seen.number),
            "{} after {previous:?}",
            seen.number
        );
        previous = Some(seen.number);
        match Role::of(seen.number) {
            Role::Kept => assert_eq!(seen.version, 0),
            Role::Replaced => {
                let newest = newest.entry(seen.number).or_default();
                assert!(
                    seen.version >= *newest,
                    "a version older than one seen before"
                );
                *newest = seen.version;
            }
            Role::Toggled => {
                saw_toggled = true;
                continue;
            }
        }
        permanent += 1;
    }
    assert_eq!(permanent, NUMBERS / 2, "a permanent element was skipped");
    saw_toggled
}

/// Inserts, removes and replaces elements until `end`. Returns the number of changes.
fn churn(shared: &UpdaterLock<State>, end: Instant) -> u64 {
    let mut random = Random::new(11);
    let mut spare: Vec<UniqueRcuBox<Entry<Element>>> = Vec::new();
    let mut version = 0;
    while Instant::now() < end {
        version += 1;
        let number = random.below(NUMBERS as usize) as u64;
        let entry = match spare.pop() {
            Some(mut entry) => {
                **entry = Element::new(number, version);
                entry
            }
            None => Element::entry(number, version),
        };
        let is_at_or_after = |seen: &Element| seen.number >= number;
        let old = update(shared, |list| {
            let mut cursor = list.cursor();
            let found = cursor.find(is_at_or_after) && cursor.current().unwrap().number == number;
            match (Role::of(number), found) {
                (Role::Kept, _) => None,
                (Role::Replaced, _) => cursor.replace_current(entry).ok(),
                (Role::Toggled, true) => cursor.remove_current(),
                (Role::Toggled, false) if number == NUMBERS - 1 => {
                    list.push_back(entry);
                    None
                }
                (Role::Toggled, false) => {
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
fn readers_see_each_permanent_element_exactly_once() {
    let shared = shared();
    update(&shared, |list| {
        for number in (0..NUMBERS).filter(|number| Role::of(*number).is_permanent()) {
            list.push_back(Element::entry(number, 0));
        }
    });
    let (stop, walks) = (StopFlag::new(), AtomicUsize::new(0));
    let changes = thread::scope(|scope| {
        let _stop = stop.on_drop();
        for pauses in [false, true] {
            let (shared, stop, walks) = (&shared, &stop, &walks);
            scope.spawn(move || {
                let mut newest = HashMap::new();
                let (mut count, mut toggled) = (0, 0);
                while !stop.is_set() {
                    let pause = pauses.then_some(count as u64 % NUMBERS);
                    toggled += usize::from(walk(shared, &mut newest, pause));
                    count += 1;
                }
                assert!(toggled > 0, "no walk saw a toggled element");
                walks.fetch_add(count, Ordering::Relaxed);
            });
        }
        churn(&shared, Instant::now() + DURATION)
    });
    let walks = walks.into_inner();
    println!("{walks} walks, {changes} changes");
    assert!(walks > 100 && changes > 100);
    drop(shared);
    barrier();
}

#[test]
fn readers_of_a_cleared_list_see_one_generation() {
    let shared = shared();
    let (stop, readers_with_elements) = (StopFlag::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = stop.on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                let mut saw_elements = false;
                while !stop.is_set() {
                    let guard = read_lock();
                    let mut generation = None;
                    for (expected, seen) in shared.list.iter(&guard).enumerate() {
                        seen.verify();
                        assert_eq!(seen.number, expected as u64);
                        assert_eq!(*generation.get_or_insert(seen.version), seen.version);
                    }
                    if generation.is_some() && !saw_elements {
                        saw_elements = true;
                        readers_with_elements.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (end, limit) = (Instant::now() + DURATION / 2, Instant::now() + MAX_DURATION);
        for generation in 0.. {
            for number in 0..10 {
                let entry = Element::entry(number, generation);
                update(&shared, |list| list.push_back(entry));
            }
            if generation % 64 == 0 {
                // On a busy machine the readers run only if this thread yields.
                thread::yield_now();
            }
            let old = update(&shared, |list| list.clear());
            match generation % 16 {
                0..8 => drop(old),
                8 => assert_eq!(old.synchronize().count(), 10),
                _ => old.for_each(Retired::call_rcu),
            }
            let both_saw = readers_with_elements.load(Ordering::Relaxed) == 2;
            if Instant::now() > if both_saw { end } else { limit } {
                break;
            }
        }
    });
    assert_eq!(
        readers_with_elements.into_inner(),
        2,
        "a reader never saw an element"
    );
    drop(shared);
    barrier();
}

/// The list is short, so that readers are mostly at the place of the change.
#[test]
fn changes_at_the_front_never_hide_the_last_element() {
    let shared = shared();
    update(&shared, |list| list.push_back(Element::entry(NUMBERS, 0)));
    let (stop, toggled) = (StopFlag::new(), AtomicUsize::new(0));
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
                    assert_eq!(last.expect("the last element is permanent").number, NUMBERS);
                    let count = shared.list.iter(&guard).count();
                    toggled.fetch_add(count - 1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + DURATION / 2;
        while Instant::now() < end {
            for version in 0..100 {
                let [first, second] = [0, 1].map(|number| Element::entry(number, version));
                update(&shared, |list| {
                    list.push_front(first);
                    let replaced = list.cursor().replace_current(second);
                    replaced.ok().unwrap().call_rcu();
                    list.pop_front().unwrap().call_rcu();
                });
            }
        }
    });
    assert!(toggled.into_inner() > 0, "no reader saw a toggled element");
    drop(shared);
    barrier();
}
