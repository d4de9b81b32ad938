// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected hash table: what readers find at each kind of change, and that each entry is
//! reclaimed exactly once.

use kernel::{alloc::failslab, new_mutex, prelude::*, sync::Arc};
use proptest::prelude::{
    prop, prop_assert_eq, prop_oneof, proptest, Just, ProptestConfig, Strategy, TestCaseError,
};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Entry, HashTable, Keyed, RcuBox, Reclaim, Retired, Softirq, UpdateSide,
        UpdaterLock,
    },
    testing::Drops,
    testing::{HeldReader, Random, StopFlag},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicUsize, Ordering},
        LazyLock,
    },
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for what must not happen.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long threads run against each other.
const TIME: Duration = Duration::from_secs(2);

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

fn counted(drops: &Drops, key: u64, value: u64) -> Counted {
    let (drops, check) = (drops.clone(), checksum(key, value));
    Counted {
        key,
        value,
        check,
        drops,
    }
}

fn entry(drops: &Drops, key: u64, value: u64) -> RcuBox<Entry<Counted>> {
    Entry::new(counted(drops, key, value), GFP_KERNEL).unwrap()
}

fn checksum(key: u64, value: u64) -> u64 {
    !((key << 32) ^ value)
}

struct Counted {
    key: u64,
    value: u64,
    check: u64,
    drops: Drops,
}

impl Counted {
    fn verify(&self) {
        assert_eq!(self.check, checksum(self.key, self.value), "{}", self.key);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Who sees it later sees that it is wrong.
        self.check = 0;
        self.drops.note();
    }
}

impl Keyed for Counted {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.key
    }
}

impl Reclaim for Counted {
    type Context = Softirq;
}

/// A table of `T` under its lock.
#[pin_data]
struct State<T: Reclaim + Keyed, const BUCKETS: usize> {
    #[pin]
    table: HashTable<T, State<T, BUCKETS>, BUCKETS>,
}

type Locked<T, const BUCKETS: usize> = UpdaterLock<State<T, BUCKETS>>;

fn shared<T: Reclaim + Keyed, const BUCKETS: usize>(seed: [u64; 2]) -> Arc<Locked<T, BUCKETS>> {
    let state = pin_init!(State { table <- HashTable::new(seed) });
    Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "table")), GFP_KERNEL).unwrap()
}

/// Changes the table as its only updater.
fn update<T: Reclaim + Keyed, R, const BUCKETS: usize>(
    shared: &Locked<T, BUCKETS>,
    change: impl FnOnce(&mut UpdateSide<'_, HashTable<T, State<T, BUCKETS>, BUCKETS>>) -> R,
) -> R {
    change(&mut shared.lock().select(|state| &state.table))
}

/// Puts a value into the table; returns the one that was there, after a grace period.
fn insert<const BUCKETS: usize>(
    shared: &Locked<Counted, BUCKETS>,
    drops: &Drops,
    key: u64,
    value: u64,
) -> Option<u64> {
    let entry = entry(drops, key, value);
    let old = update(shared, |table| table.insert(entry));
    old.map(|old| old.synchronize().value)
}

/// The value of a key as a reader finds it.
fn get<const BUCKETS: usize>(shared: &Locked<Counted, BUCKETS>, key: u64) -> Option<u64> {
    let guard = read_lock();
    let found = shared.table.get(&key, &guard)?;
    found.verify();
    assert_eq!(found.key, key);
    Some(found.value)
}

/// All as readers see it. The updater sees the same.
fn all<const BUCKETS: usize>(shared: &Locked<Counted, BUCKETS>) -> BTreeMap<u64, u64> {
    let guard = read_lock();
    let seen: Vec<_> = shared
        .table
        .iter(&guard)
        .map(|counted| (counted.key, counted.value))
        .collect();
    drop(guard);
    update(shared, |table| {
        let theirs = table.iter().map(|counted| (counted.key, counted.value));
        assert!(theirs.eq(seen.iter().copied()));
        assert_eq!(table.len(), seen.len());
        assert_eq!(table.is_empty(), seen.is_empty());
    });
    let map: BTreeMap<_, _> = seen.iter().copied().collect();
    assert_eq!(map.len(), seen.len(), "a key is there twice");
    map
}

#[test]
fn what_was_inserted_is_found_by_its_key_alone() {
    fn check<const BUCKETS: usize>() {
        let drops = Drops::default();
        let shared = shared::<_, BUCKETS>(SEED);
        assert_eq!((get(&shared, 1), all(&shared).len()), (None, 0));
        for key in 0..50 {
            assert_eq!(insert(&shared, &drops, key, key * 10), None);
        }
        for key in 0..50 {
            assert_eq!(get(&shared, key), Some(key * 10));
            update(&shared, |table| {
                assert_eq!(table.get(&key).unwrap().value, key * 10)
            });
        }
        assert_eq!(get(&shared, 50), None);
        assert!(update(&shared, |table| table.get(&50).is_none()));
        assert_eq!(all(&shared), (0..50).map(|key| (key, key * 10)).collect());
        drop(shared);
        assert_eq!(drops.count(), 50);
    }
    check::<1>();
    check::<7>();
    check::<64>();
}

#[test]
fn inserting_a_known_key_replaces_its_entry() {
    let drops = Drops::default();
    let shared = shared::<_, 1>(SEED);
    for key in 0..3 {
        insert(&shared, &drops, key, 0);
    }
    for key in 0..3 {
        assert_eq!(insert(&shared, &drops, key, 1), Some(0));
        assert_eq!(get(&shared, key), Some(1));
        assert_eq!(all(&shared).len(), 3);
    }
    assert_eq!(drops.count(), 3);
}

#[test]
fn removing_leaves_the_other_keys_of_the_bucket() {
    for first in 0..3 {
        let drops = Drops::default();
        let shared = shared::<_, 1>(SEED);
        for key in 0..3 {
            insert(&shared, &drops, key, key);
        }
        let old = update(&shared, |table| table.remove(&first)).unwrap();
        assert_eq!(old.synchronize().key, first);
        assert!(update(&shared, |table| table.remove(&first)).is_none());
        let rest = (0..3).filter(|key| *key != first).map(|key| (key, key));
        assert_eq!(all(&shared), rest.collect());
        assert_eq!(get(&shared, first), None);
    }
}

#[test]
fn an_entry_that_came_back_may_go_in_under_another_key() {
    let drops = Drops::default();
    let shared = shared::<_, 4>(SEED);
    for key in 0..10 {
        insert(&shared, &drops, key, key);
    }
    for key in 0..10 {
        let mut entry = update(&shared, |table| table.remove(&key))
            .unwrap()
            .synchronize();
        entry.key += 100;
        entry.check = checksum(entry.key, entry.value);
        assert!(update(&shared, |table| table.insert(entry)).is_none());
    }
    assert_eq!(all(&shared), (0..10).map(|key| (key + 100, key)).collect());
    assert_eq!(drops.count(), 0);
    drop(shared);
    assert_eq!(drops.count(), 10);
}

#[test]
fn keys_may_be_unsized() {
    struct Named(String);
    impl Keyed for Named {
        type Key = str;

        fn key(&self) -> &str {
            &self.0
        }
    }
    impl Reclaim for Named {
        type Context = Softirq;
    }
    let shared = shared::<Named, 8>(SEED);
    for name in ["lo", "eth0", "eth1"] {
        let entry = Entry::new(Named(name.into()), GFP_KERNEL).unwrap();
        assert!(update(&shared, |table| table.insert(entry)).is_none());
    }
    let guard = read_lock();
    assert_eq!(shared.table.get("eth1", &guard).unwrap().0, "eth1");
    assert!(shared.table.get("eth", &guard).is_none());
}

#[test]
fn the_seed_decides_about_the_buckets() {
    let order = |seed| -> Vec<u64> {
        let drops = Drops::default();
        let shared = shared::<_, 64>(seed);
        for key in 0..64 {
            insert(&shared, &drops, key, 0);
        }
        let guard = read_lock();
        shared
            .table
            .iter(&guard)
            .map(|counted| counted.key)
            .collect()
    };
    assert_eq!(order(SEED), order(SEED));
    let orders: HashSet<_> = (0..16)
        .flat_map(|seed| [order([seed, 0]), order([0, !seed])])
        .collect();
    assert_eq!(orders.len(), 32);
}

#[test]
fn keys_are_spread_over_the_buckets() {
    const BUCKETS: usize = 32;
    // How many keys share a bucket shows in the order: new entries go to the front of theirs, so within
    // one bucket the keys fall.
    let drops = Drops::default();
    let shared = shared::<_, BUCKETS>(SEED);
    for key in 0..BUCKETS as u64 * 100 {
        insert(&shared, &drops, key << 40, 0);
    }
    let guard = read_lock();
    let (mut runs, mut longest, mut before) = (0, 0, 0);
    let mut length = 0;
    for counted in shared.table.iter(&guard) {
        if counted.key > before {
            (runs, length) = (runs + 1, 0);
        }
        length += 1;
        longest = longest.max(length);
        before = counted.key;
    }
    assert!(runs >= BUCKETS - 2, "{runs} buckets are used");
    assert!(longest < 200, "{longest} keys in one bucket");
}

#[test]
fn clearing_hands_over_every_entry() {
    let drops = Drops::default();
    let shared = shared::<_, 4>(SEED);
    for key in 0..20 {
        insert(&shared, &drops, key, key);
    }
    let mut old = Vec::new();
    update(&shared, |table| {
        table.clear(|retired| old.push(retired.start_poll()))
    });
    assert!(all(&shared).is_empty());
    let mut keys: Vec<_> = old.into_iter().map(|old| old.wait().key).collect();
    keys.sort_unstable();
    assert!(keys.into_iter().eq(0..20));
    assert_eq!(drops.count(), 20);

    insert(&shared, &drops, 1, 1);
    update(&shared, |table| table.clear(Retired::call_rcu));
    update(&shared, |table| table.clear(drop));
    barrier();
    assert_eq!(drops.count(), 21);
    assert!(all(&shared).is_empty());
}

#[test]
fn a_clearing_that_panics_loses_no_entry() {
    let drops = Drops::default();
    let shared = shared::<_, 2>(SEED);
    for key in 0..20 {
        insert(&shared, &drops, key, key);
    }
    let panic = catch_unwind(AssertUnwindSafe(|| {
        update(&shared, |table| table.clear(|_| panic!("on purpose")));
    }));
    assert!(panic.is_err());
    drop(shared);
    barrier();
    assert_eq!(drops.count(), 20);
}

#[test]
fn each_entry_is_dropped_exactly_once() {
    let endings: [fn(Retired<Entry<Counted>>); 5] = [
        drop,
        Retired::call_rcu,
        |retired| drop(retired.synchronize()),
        |retired| drop(retired.start_poll().wait()),
        |retired| drop(retired.start_poll()),
    ];
    for end in endings {
        let drops = Drops::default();
        let shared = shared::<_, 4>(SEED);
        for key in 0..20 {
            insert(&shared, &drops, key, 0);
        }
        let new = entry(&drops, 3, 1);
        end(update(&shared, |table| table.insert(new)).unwrap());
        end(update(&shared, |table| table.remove(&4)).unwrap());
        update(&shared, |table| table.clear(end));
        insert(&shared, &drops, 5, 0);
        drop(shared);
        barrier();
        assert_eq!(drops.count(), 22);
    }
}

#[test]
fn without_memory_there_is_no_entry_and_nothing_changes() {
    let drops = Drops::default();
    let shared = shared::<_, 4>(SEED);
    insert(&shared, &drops, 1, 1);
    let value = counted(&drops, 2, 2);
    let injection = failslab::fail_nth(1);
    assert!(Entry::new(value, GFP_KERNEL).is_err());
    assert!(injection.has_fired());
    drop(injection);
    assert_eq!(drops.count(), 1);
    assert_eq!(all(&shared), [(1, 1)].into());

    // Nothing that changes the table needs memory.
    let [again, new] = [1, 2].map(|key| entry(&drops, key, 3));
    let injection = failslab::fail_nth(1);
    update(&shared, |table| {
        table.insert(again).unwrap().call_rcu();
        assert!(table.insert(new).is_none());
        table.remove(&1).unwrap().call_rcu();
        table.clear(Retired::call_rcu);
    });
    assert!(!injection.has_fired());
    drop(injection);
    barrier();
    assert_eq!(drops.count(), 4);
}

/// A reader that stops on the first entry of a table and, when released, must see so many more.
fn held_on_first(shared: &Arc<Locked<Counted, 1>>, rest: usize) -> HeldReader {
    let shared = shared.clone();
    HeldReader::start_with(move |guard, wait| {
        let mut seen = shared.table.iter(guard);
        let first = seen.next().unwrap();
        let dropped = first.drops.count();
        wait();
        first.verify();
        assert_eq!(first.drops.count(), dropped, "reclaimed under a reader");
        assert_eq!(seen.inspect(|counted| counted.verify()).count(), rest);
    })
}

#[test]
fn a_reader_on_an_entry_that_goes_sees_the_rest_of_the_bucket() {
    let drops = Drops::default();
    let shared = shared::<Counted, 1>(SEED);
    let first = || shared.table.iter(&read_lock()).next().unwrap().key;
    // Lets the reader look, after the change and a while, and then the entry go.
    let look = |reader: HeldReader| {
        thread::sleep(PATIENCE);
        reader.release();
        barrier();
    };
    for key in 0..5 {
        insert(&shared, &drops, key, 0);
    }
    // Removed.
    let reader = held_on_first(&shared, 4);
    let key = first();
    update(&shared, |table| table.remove(&key))
        .unwrap()
        .call_rcu();
    look(reader);
    // Replaced.
    let reader = held_on_first(&shared, 3);
    let key = first();
    let new = entry(&drops, key, 1);
    update(&shared, |table| table.insert(new))
        .unwrap()
        .call_rcu();
    look(reader);
    // Cleared.
    let reader = held_on_first(&shared, 3);
    update(&shared, |table| table.clear(Retired::call_rcu));
    assert!(all(&shared).is_empty());
    look(reader);
    assert_eq!(drops.count(), 6);
}

#[test]
fn a_key_that_changes_is_not_found_and_nothing_worse() {
    struct Fickle(AtomicUsize);
    impl Keyed for Fickle {
        type Key = usize;

        fn key(&self) -> &usize {
            // As bad as it gets: another answer each time.
            &[0, 1, 2, 3, 4, 5, 6, 7][self.0.fetch_add(1, Ordering::Relaxed) % 8]
        }
    }
    impl Reclaim for Fickle {
        type Context = Softirq;
    }
    let shared = shared::<Fickle, 4>(SEED);
    let mut random = Random::new(3);
    for _ in 0..300 {
        let entry = Entry::new(Fickle(AtomicUsize::new(0)), GFP_KERNEL).unwrap();
        let key = random.below(8);
        update(&shared, |table| {
            drop(table.insert(entry));
            drop(table.remove(&key));
            assert_eq!(table.iter().count(), table.len());
        });
        let _ = shared.table.get(&key, &read_lock());
    }
    update(&shared, |table| table.clear(Retired::call_rcu));
    barrier();
}

#[test]
fn tables_and_their_iterators_may_go_to_other_threads() {
    fn check<T: Send + Sync>(_: &T) {}
    let shared = shared::<Counted, 2>(SEED);
    check(&shared.table);
    check(&shared.table.iter(&read_lock()));
}

#[test]
fn a_table_outside_the_locked_state_is_refused() {
    static THEIRS: LazyLock<Arc<Locked<Counted, 2>>> = LazyLock::new(|| shared(SEED));
    let ours = shared::<Counted, 2>(SEED);
    let drops = Drops::default();
    let entry = entry(&drops, 1, 1);
    let refused = catch_unwind(AssertUnwindSafe(|| {
        drop(ours.lock().select(|_| &THEIRS.table).insert(entry));
    }));
    assert!(refused.is_err());
    assert!(all(&THEIRS).is_empty());
    assert_eq!(drops.count(), 1);
}

/// A random change.
#[derive(Clone, Debug)]
enum Change {
    Insert(u64),
    Remove(u64),
    Clear,
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        20 => (0..24_u64).prop_map(Change::Insert),
        20 => (0..24_u64).prop_map(Change::Remove),
        1 => Just(Change::Clear),
    ]
}

/// Does the changes to a table and to the standard library's; after each, both hold the same.
fn check_changes<const BUCKETS: usize>(changes: &[Change]) -> Result<(), TestCaseError> {
    let drops = Drops::default();
    let shared = shared::<_, BUCKETS>(SEED);
    let (mut model, mut made) = (BTreeMap::new(), 0);
    for change in changes {
        let (old, expected) = match change {
            Change::Insert(key) => {
                made += 1;
                let entry = entry(&drops, *key, made);
                let old = update(&shared, |table| table.insert(entry));
                (old, model.insert(*key, made))
            }
            Change::Remove(key) => (
                update(&shared, |table| table.remove(key)),
                model.remove(key),
            ),
            Change::Clear => {
                let mut old = 0;
                update(&shared, |table| {
                    table.clear(|retired| {
                        retired.call_rcu();
                        old += 1;
                    });
                });
                prop_assert_eq!(old, model.len());
                model.clear();
                (None, None)
            }
        };
        prop_assert_eq!(old.map(|old| old.synchronize().value), expected);
        prop_assert_eq!(&all(&shared), &model);
        for key in 0..24 {
            prop_assert_eq!(get(&shared, key), model.get(&key).copied());
        }
    }
    drop(shared);
    barrier();
    prop_assert_eq!(drops.count() as u64, made);
    Ok(())
}

proptest! {
    // Each case waits for its callbacks.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn random_changes_do_to_the_table_what_they_do_to_a_map(
        changes in prop::collection::vec(any_change(), 1..100),
    ) {
        check_changes::<1>(&changes)?;
        check_changes::<3>(&changes)?;
        check_changes::<32>(&changes)?;
    }
}

const KEYS: u64 = 48;

/// What happens to a key while readers search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Always there, the same entry.
    Stays,
    /// Always there, in ever new versions.
    IsReplaced,
    /// Comes and goes.
    Flaps,
}

fn role(key: u64) -> Role {
    match key % 4 {
        0 => Role::Stays,
        2 => Role::IsReplaced,
        _ => Role::Flaps,
    }
}

/// Looks at what one key has; what always has something must have, and nothing older than before.
fn check_found(key: u64, found: Option<&Counted>, newest: &mut HashMap<u64, u64>) {
    let Some(found) = found else {
        assert!(role(key) == Role::Flaps, "{key} was not found");
        return;
    };
    found.verify();
    assert_eq!(found.key, key);
    if role(key) != Role::Flaps {
        let newest = newest.entry(key).or_default();
        assert!(found.value >= *newest, "an old version came back");
        *newest = found.value;
    }
}

fn search<const BUCKETS: usize>(
    shared: &Locked<Counted, BUCKETS>,
    stop: &StopFlag,
    seed: u64,
) -> usize {
    let (mut random, mut newest, mut rounds) = (Random::new(seed), HashMap::new(), 0);
    while !stop.is_set() {
        let guard = read_lock();
        for _ in 0..16 {
            let key = random.below(KEYS as usize) as u64;
            check_found(key, shared.table.get(&key, &guard), &mut newest);
        }
        let mut always = HashSet::new();
        for counted in shared.table.iter(&guard) {
            check_found(counted.key, Some(counted), &mut newest);
            if role(counted.key) != Role::Flaps {
                assert!(always.insert(counted.key), "{} is there twice", counted.key);
            }
        }
        assert_eq!(always.len() as u64, KEYS / 2, "something was skipped");
        rounds += 1;
    }
    rounds
}

/// Inserts, replaces and removes until the time is over; returns how many changes it made.
fn churn<const BUCKETS: usize>(shared: &Locked<Counted, BUCKETS>, drops: &Drops) -> u64 {
    let (mut random, mut version) = (Random::new(5), 0);
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        version += 1;
        let key = random.below(KEYS as usize) as u64;
        let old = match role(key) {
            Role::Stays => None,
            Role::Flaps if random.below(2) == 0 => update(shared, |table| table.remove(&key)),
            _ => {
                let entry = entry(drops, key, version);
                update(shared, |table| table.insert(entry))
            }
        };
        match (old, version % 64) {
            (Some(old), 0) => drop(old.synchronize()),
            (Some(old), 1..20) => drop(old),
            (Some(old), _) => old.call_rcu(),
            (None, _) => {}
        }
    }
    version
}

fn readers_find_what_is_always_there<const BUCKETS: usize>() {
    let drops = Drops::default();
    let shared = shared::<_, BUCKETS>(SEED);
    for key in (0..KEYS).filter(|key| role(*key) != Role::Flaps) {
        insert(&shared, &drops, key, 0);
    }
    let (stop, rounds) = (StopFlag::new(), AtomicUsize::new(0));
    let changes = thread::scope(|scope| {
        let _stop = stop.on_drop();
        for seed in 0..2 {
            let (shared, stop, rounds) = (&shared, &stop, &rounds);
            scope.spawn(move || {
                rounds.fetch_add(search(shared, stop, seed), Ordering::Relaxed);
            });
        }
        churn(&shared, &drops)
    });
    let rounds = rounds.into_inner();
    println!("{rounds} rounds, {changes} changes");
    assert!(rounds > 100 && changes > 100);
    drop(shared);
    barrier();
}

#[test]
fn readers_find_what_is_always_there_in_one_bucket() {
    readers_find_what_is_always_there::<1>();
}

#[test]
fn readers_find_what_is_always_there_in_many_buckets() {
    readers_find_what_is_always_there::<16>();
}
