// SPDX-License-Identifier: GPL-2.0

//! The hash table that grows and shrinks.

use super::{
    ensure, platform, rcu, spin_ms, Drops, Failure, Outcome, Reader, Tracked, HOLD_MS,
    RECLAIM_TIMEOUT_MS,
};
use core::{
    hash::{Hash, Hasher},
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use rcu::{read_lock, Anywhere, Entry, Keyed, NewBuckets, Reclaim, ResizableTable, UpdaterLock};

struct State {
    table: ResizableTable<Tracked, State>,
}

type Shared = Arc<UpdaterLock<State>>;

fn table_of(keys: u64, drops: &Arc<Drops>) -> Result<Shared, Failure> {
    let table = ResizableTable::new(NewBuckets::new(1, GFP_KERNEL)?, rcu::random_seed());
    let state = UpdaterLock::new(State { table }, new_mutex!((), "table"));
    let state = Arc::pin_init(state, GFP_KERNEL)?;
    for key in 0..keys {
        insert(&state, key, drops)?;
    }
    Ok(state)
}

/// Inserts a value with a key. Returns whether it replaced another.
fn insert(state: &Shared, key: u64, drops: &Arc<Drops>) -> Result<bool, Failure> {
    let new = Entry::resizable(Tracked::new(key, drops), GFP_KERNEL)?;
    let mut updater = state.lock();
    let old = updater.select(|state| &state.table).insert(new);
    drop(updater);
    let is_replaced = old.is_some();
    drop(old);
    Ok(is_replaced)
}

fn remove(state: &Shared, key: u64) -> bool {
    let mut updater = state.lock();
    let old = updater.select(|state| &state.table).remove(&key);
    drop(updater);
    old.is_some_and(|old| old.synchronize_expedited().number == key)
}

/// Returns whether the table was resized. It is not while readers of the array before last remain.
fn resize(state: &Shared, buckets: usize) -> Result<bool, Failure> {
    let new = NewBuckets::new(buckets, GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut table = updater.select(|state| &state.table);
    let is_resized = table.resize(new).is_ok();
    Ok(is_resized && table.buckets() == buckets)
}

/// Resizes the table after the grace period of its previous resize. Polling may report the end late.
fn resize_after_readers(state: &Shared, buckets: usize) -> Result<bool, Failure> {
    let start = platform::now_ms();
    while platform::now_ms() - start < RECLAIM_TIMEOUT_MS {
        if resize(state, buckets)? {
            return Ok(true);
        }
        platform::sleep_ms(1);
    }
    Ok(false)
}

fn has(state: &Shared, key: u64) -> bool {
    let guard = read_lock();
    let found = state.table.get(&key, &guard);
    found.is_some_and(|found| found.is_intact() && found.number == key)
}

pub(super) fn resized_table_keeps_its_entries() -> Outcome {
    const KEYS: u64 = 50;
    let drops = Drops::new()?;
    let state = table_of(KEYS, &drops)?;
    for buckets in [7, 64, 3, 1, 128, 16] {
        ensure!(resize_after_readers(&state, buckets)?);
        ensure!((0..KEYS).all(|key| has(&state, key)));
        ensure!(!has(&state, KEYS));
        // Change an entry between two resizes.
        ensure!(insert(&state, 5, &drops)?);
        ensure!(remove(&state, 6));
        ensure!(!has(&state, 6) && !remove(&state, 6));
        ensure!(!insert(&state, 6, &drops)?);
        let mut updater = state.lock();
        let table = updater.select(|state| &state.table);
        ensure!(table.len() == KEYS as usize && !table.is_empty());
        ensure!(table.get(&5).is_some_and(|found| found.number == 5));
        ensure!(table.get(&KEYS).is_none());
    }
    rcu::barrier();
    ensure!(drops.count() == 12);
    drop(state);
    ensure!(drops.count() == 12 + KEYS as usize);
    Ok(())
}

pub(super) fn resize_spares_the_links_of_earlier_readers() -> Outcome {
    let drops = Drops::new()?;
    let state = table_of(3, &drops)?;
    let reader = Arc::new(Reader::default(), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (state, reader) = (state.clone(), reader.clone());
        move || {
            let guard = read_lock();
            let seen = state.table.get(&1, &guard);
            reader.state.store(Reader::INSIDE, Ordering::Release);
            spin_ms(HOLD_MS);
            if seen.is_some_and(|seen| seen.is_intact()) {
                reader.intact.store(1, Ordering::Relaxed);
            }
            reader.state.store(Reader::DONE, Ordering::Release);
            drop(guard);
        }
    })?;
    while !reader.is_in_state(Reader::INSIDE) && !reader.is_in_state(Reader::DONE) {
        platform::sleep_ms(1);
    }
    let is_first_resized = resize(&state, 4)?;
    // The reader may use the links that a second resize would change.
    let is_second_resized = resize(&state, 8)?;
    let was_reading = reader.is_in_state(Reader::INSIDE);
    let mut threads = KVec::new();
    threads.push(thread, GFP_KERNEL)?;
    platform::join(threads);
    ensure!(is_first_resized && reader.has_ended_intact());
    ensure!(!is_second_resized || !was_reading);
    ensure!(resize_after_readers(&state, 8)?);
    ensure!((0..3).all(|key| has(&state, key)));
    Ok(())
}

pub(super) fn lookups_never_miss_an_entry_during_resizes() -> Outcome {
    const KEYS: u64 = 40;
    const RESIZES: usize = 30;
    let drops = Drops::new()?;
    let state = table_of(KEYS, &drops)?;
    let (misses, lookups, is_done) = (counter()?, counter()?, counter()?);
    let mut threads = KVec::new();
    for _ in 0..2 {
        let state = state.clone();
        let (misses, lookups, is_done) = (misses.clone(), lookups.clone(), is_done.clone());
        let work = move || {
            while is_done.load(Ordering::Relaxed) == 0 {
                for key in 0..KEYS {
                    if !has(&state, key) {
                        misses.fetch_add(1, Ordering::Relaxed);
                    }
                }
                lookups.fetch_add(1, Ordering::Relaxed);
                platform::sleep_ms(1);
            }
        };
        threads.push(platform::spawn(work)?, GFP_KERNEL)?;
    }
    while lookups.load(Ordering::Relaxed) < 2 {
        platform::sleep_ms(1);
    }
    let mut failed = 0;
    for round in 0..RESIZES {
        insert(&state, KEYS + round as u64 % 5, &drops)?;
        if !resize_after_readers(&state, [2, 97, 16, 1][round % 4])? {
            failed += 1;
        }
        remove(&state, KEYS + (round as u64 + 3) % 5);
    }
    is_done.store(1, Ordering::Relaxed);
    platform::join(threads);
    ensure!(failed == 0);
    ensure!(misses.load(Ordering::Relaxed) == 0);
    ensure!(lookups.load(Ordering::Relaxed) >= 2);
    Ok(())
}

/// A point of a lookup at which an updater overtakes it.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    /// The lookup has loaded its bucket array, and has not used it yet.
    Hash,
    /// The lookup is at the first entry of its bucket.
    Comparison,
}

/// A key whose lookup resizes the table once, so that the order of reader and updater is certain.
struct OvertakenKey {
    key: u64,
    resize: Option<Resize>,
}

struct Resize {
    moment: Moment,
    state: Overtaking,
    is_done: AtomicUsize,
}

/// A reader acquires the lock, so it is a spin lock.
type Overtaking = Arc<UpdaterLock<OvertakingState, SpinLock<()>>>;

struct OvertakingState {
    table: ResizableTable<OvertakenValue, OvertakingState>,
}

impl OvertakenKey {
    fn reach(&self, moment: Moment) {
        let Some(resize) = &self.resize else { return };
        if resize.moment != moment || resize.is_done.load(Ordering::Relaxed) != 0 {
            return;
        }
        let Ok(new) = NewBuckets::new(1, GFP_ATOMIC) else {
            return;
        };
        let mut updater = resize.state.lock();
        let resized = updater.select(|state| &state.table).resize(new);
        resize
            .is_done
            .store(resized.is_ok().into(), Ordering::Relaxed);
    }
}

impl PartialEq for OvertakenKey {
    fn eq(&self, other: &Self) -> bool {
        other.reach(Moment::Comparison);
        self.key == other.key
    }
}

impl Eq for OvertakenKey {}

impl Hash for OvertakenKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key.hash(hasher);
        self.reach(Moment::Hash);
    }
}

struct OvertakenValue {
    key: OvertakenKey,
    tracked: Tracked,
}

impl Keyed for OvertakenValue {
    type Key = OvertakenKey;

    fn key(&self) -> &OvertakenKey {
        &self.key
    }
}

impl Reclaim for OvertakenValue {
    type Context = Anywhere;
}

/// Looks the last of three entries of one bucket up, while the table is resized at `moment`.
fn look_up_during_a_resize(moment: Moment) -> Outcome {
    let drops = Drops::new()?;
    let table = ResizableTable::new(NewBuckets::new(1, GFP_KERNEL)?, rcu::random_seed());
    let state = UpdaterLock::new(OvertakingState { table }, new_spinlock!((), "table"));
    let state: Overtaking = Arc::pin_init(state, GFP_KERNEL)?;
    for key in 0..3 {
        let value = OvertakenValue {
            key: OvertakenKey { key, resize: None },
            tracked: Tracked::new(key, &drops),
        };
        let new = Entry::resizable(value, GFP_KERNEL)?;
        let mut updater = state.lock();
        ensure!(updater.select(|state| &state.table).insert(new).is_none());
    }
    let resize = Resize {
        moment,
        state: state.clone(),
        is_done: AtomicUsize::new(0),
    };
    let last = OvertakenKey {
        key: 2,
        resize: Some(resize),
    };
    let guard = read_lock();
    let found = state.table.get(&last, &guard);
    let is_found = found.is_some_and(|found| found.tracked.is_intact());
    drop(guard);
    let is_resized = last
        .resize
        .is_some_and(|resize| resize.is_done.load(Ordering::Relaxed) == 1);
    ensure!(is_resized && is_found);
    Ok(())
}

pub(super) fn lookup_keeps_its_array_during_a_resize() -> Outcome {
    look_up_during_a_resize(Moment::Hash)
}

pub(super) fn lookup_at_an_old_entry_reaches_the_rest_during_a_resize() -> Outcome {
    look_up_during_a_resize(Moment::Comparison)
}

fn counter() -> Result<Arc<AtomicUsize>, Failure> {
    Ok(Arc::new(AtomicUsize::new(0), GFP_KERNEL)?)
}
