// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected hash table: readers find the right entries during each kind of change, and
//! each entry is reclaimed exactly once.

use kernel::{alloc::failslab, new_mutex, prelude::*, sync::Arc};
use proptest::prelude::{
    prop, prop_assert_eq, prop_oneof, proptest, Just, ProptestConfig, Strategy, TestCaseError,
};
use rcu_routes::{
    rcu::{
        barrier, read_lock, Entry, HashTable, Keyed, Reclaim, Retired, Softirq, UniqueRcuBox,
        UpdateSide, UpdaterLock,
    },
    testing::{Checksum, Drops, HeldReader, Random, SETTLE_TIME},
};
use std::{
    collections::{BTreeMap, HashSet},
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicUsize, Ordering},
        LazyLock,
    },
    thread,
};

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

fn counted(drops: &Drops, key: u64, value: u64) -> Counted {
    Counted {
        key,
        value,
        checksum: Checksum::of(key, value),
        drops: drops.clone(),
    }
}

fn entry(drops: &Drops, key: u64, value: u64) -> UniqueRcuBox<Entry<Counted>> {
    Entry::new(counted(drops, key, value), GFP_KERNEL).unwrap()
}

struct Counted {
    key: u64,
    value: u64,
    checksum: Checksum,
    drops: Drops,
}

impl Counted {
    fn verify(&self) {
        self.checksum.verify(self.key, self.value);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.add();
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

/// A table of `T`, protected by its updaters' lock.
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

/// Inserts a value. Returns the replaced value after a grace period.
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

/// Returns the value that a reader finds under a key.
fn get<const BUCKETS: usize>(shared: &Locked<Counted, BUCKETS>, key: u64) -> Option<u64> {
    let guard = read_lock();
    let found = shared.table.get(&key, &guard)?;
    found.verify();
    assert_eq!(found.key, key);
    Some(found.value)
}

/// Returns all keys and values that a reader sees. Asserts that the updater sees the same.
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
    assert_eq!(map.len(), seen.len(), "a key is present twice");
    map
}

#[test]
fn get_finds_inserted_keys_only() {
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
fn insert_replaces_an_entry_with_the_same_key() {
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
fn remove_keeps_the_other_keys_of_the_bucket() {
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
fn a_reclaimed_entry_can_be_inserted_under_another_key() {
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
        entry.checksum = Checksum::of(entry.key, entry.value);
        assert!(update(&shared, |table| table.insert(entry)).is_none());
    }
    assert_eq!(all(&shared), (0..10).map(|key| (key + 100, key)).collect());
    assert_eq!(drops.count(), 0);
    drop(shared);
    assert_eq!(drops.count(), 10);
}

#[test]
fn keys_can_be_unsized() {
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
fn the_seed_determines_the_buckets() {
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
    // New entries are inserted at the front of their bucket, so keys descend within one bucket.
    let drops = Drops::default();
    let shared = shared::<_, BUCKETS>(SEED);
    for key in 0..BUCKETS as u64 * 100 {
        insert(&shared, &drops, key << 40, 0);
    }
    let guard = read_lock();
    let (mut runs, mut longest, mut previous) = (0, 0, 0);
    let mut length = 0;
    for counted in shared.table.iter(&guard) {
        if counted.key > previous {
            (runs, length) = (runs + 1, 0);
        }
        length += 1;
        longest = longest.max(length);
        previous = counted.key;
    }
    assert!(runs >= BUCKETS - 2, "{runs} buckets are used");
    assert!(longest < 200, "{longest} keys in one bucket");
}

#[test]
fn clear_passes_every_entry_to_the_callback() {
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
fn clear_keeps_the_remaining_entries_if_the_callback_panics() {
    let drops = Drops::default();
    let shared = shared::<_, 2>(SEED);
    for key in 0..20 {
        insert(&shared, &drops, key, key);
    }
    let panic = catch_unwind(AssertUnwindSafe(|| {
        update(&shared, |table| table.clear(|_| panic!("on purpose")));
    }));
    assert!(panic.is_err());
    // One entry was removed, and is the panicking callback's.
    assert_eq!(all(&shared).len(), 19);
    assert_eq!(update(&shared, |table| table.len()), 19);
    drop(shared);
    barrier();
    assert_eq!(drops.count(), 20);
}

#[test]
fn every_reclaim_method_drops_each_entry_exactly_once() {
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
fn a_failed_allocation_drops_the_value_and_updates_allocate_nothing() {
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

    // Changes of the table allocate nothing.
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

/// Starts a reader that stops on the first entry. After its release it must see `rest` more
/// entries.
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
fn a_reader_on_a_retired_entry_reaches_the_rest_of_the_bucket() {
    let drops = Drops::default();
    let shared = shared::<Counted, 1>(SEED);
    let first = || shared.table.iter(&read_lock()).next().unwrap().key;
    // Gives a premature reclaim time to happen, then releases the reader and waits for the reclaim.
    let finish = |reader: HeldReader| {
        thread::sleep(SETTLE_TIME);
        reader.release();
        barrier();
    };
    for key in 0..5 {
        insert(&shared, &drops, key, 0);
    }
    // Remove the entry.
    let reader = held_on_first(&shared, 4);
    let key = first();
    update(&shared, |table| table.remove(&key))
        .unwrap()
        .call_rcu();
    finish(reader);
    // Replace it.
    let reader = held_on_first(&shared, 3);
    let key = first();
    let new = entry(&drops, key, 1);
    update(&shared, |table| table.insert(new))
        .unwrap()
        .call_rcu();
    finish(reader);
    // Clear the table.
    let reader = held_on_first(&shared, 3);
    update(&shared, |table| table.clear(Retired::call_rcu));
    assert!(all(&shared).is_empty());
    finish(reader);
    assert_eq!(drops.count(), 6);
}

#[test]
fn a_key_that_changes_corrupts_nothing() {
    struct Unstable(AtomicUsize);
    impl Keyed for Unstable {
        type Key = usize;

        fn key(&self) -> &usize {
            // The worst case: another key each time.
            &[0, 1, 2, 3, 4, 5, 6, 7][self.0.fetch_add(1, Ordering::Relaxed) % 8]
        }
    }
    impl Reclaim for Unstable {
        type Context = Softirq;
    }
    let shared = shared::<Unstable, 4>(SEED);
    let mut random = Random::new(3);
    for _ in 0..300 {
        let entry = Entry::new(Unstable(AtomicUsize::new(0)), GFP_KERNEL).unwrap();
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
fn tables_and_iterators_are_send_and_sync() {
    fn check<T: Send + Sync>(_: &T) {}
    let shared = shared::<Counted, 2>(SEED);
    check(&shared.table);
    check(&shared.table.iter(&read_lock()));
}

#[test]
fn a_table_outside_the_locked_state_is_rejected() {
    static THEIRS: LazyLock<Arc<Locked<Counted, 2>>> = LazyLock::new(|| shared(SEED));
    let ours = shared::<Counted, 2>(SEED);
    let drops = Drops::default();
    let entry = entry(&drops, 1, 1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        drop(ours.lock().select(|_| &THEIRS.table).insert(entry));
    }));
    assert!(result.is_err());
    assert!(all(&THEIRS).is_empty());
    assert_eq!(drops.count(), 1);
    let mut updater = ours.lock();
    let error = updater.try_select(|_| &THEIRS.table).err();
    assert_eq!(error, Some(EINVAL));
    assert!(updater.try_select(|ours| &ours.table).is_ok());
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

/// Applies changes to the table and to a map. Asserts after each that both have the same contents.
fn check_changes<const BUCKETS: usize>(changes: &[Change]) -> Result<(), TestCaseError> {
    let drops = Drops::default();
    let shared = shared::<_, BUCKETS>(SEED);
    let (mut model, mut inserted) = (BTreeMap::new(), 0);
    for change in changes {
        let (old, expected) = match change {
            Change::Insert(key) => {
                inserted += 1;
                let entry = entry(&drops, *key, inserted);
                let old = update(&shared, |table| table.insert(entry));
                (old, model.insert(*key, inserted))
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
    prop_assert_eq!(drops.count() as u64, inserted);
    Ok(())
}

proptest! {
    // Each case waits for its callbacks.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn random_changes_match_a_map(
        changes in prop::collection::vec(any_change(), 1..100),
    ) {
        check_changes::<1>(&changes)?;
        check_changes::<3>(&changes)?;
        check_changes::<32>(&changes)?;
    }
}
