// SPDX-License-Identifier: GPL-2.0

//! The list and the hash table.

use super::{ensure, platform, rcu, Drops, Failure, Outcome, Tracked};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{read_lock, CallbackDrain, Entry, HashTable, Keyed, List, UpdaterLock};

struct State {
    list: List<Tracked, State>,
}

fn list_of(numbers: &[u64], drops: &Arc<Drops>) -> Result<Arc<UpdaterLock<State>>, Failure> {
    let state = State { list: List::new() };
    let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL)?;
    for &number in numbers {
        let new = Entry::new(Tracked::new(number, drops), GFP_KERNEL)?;
        state.lock().select(|state| &state.list).push_back(new);
    }
    Ok(state)
}

fn holds(state: &State, expected: &[u64]) -> bool {
    let guard = read_lock();
    let numbers = state.list.iter(&guard).map(|tracked| tracked.number);
    numbers.eq(expected.iter().copied())
}

pub(super) fn reader_at_a_removed_entry_reaches_the_rest() -> Outcome {
    let drops = Drops::new()?;
    let state = list_of(&[1, 2, 3, 4], &drops)?;
    let stage = Arc::new(AtomicUsize::new(0), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (state, stage) = (state.clone(), stage.clone());
        move || {
            while stage.load(Ordering::Acquire) == 0 {
                platform::sleep_ms(1);
            }
            for _ in 0..2 {
                let removed = state.lock().select(|state| &state.list).pop_front();
                if let Some(removed) = removed {
                    removed.call_rcu();
                }
            }
            stage.store(2, Ordering::Release);
        }
    })?;
    let guard = read_lock();
    let mut iter = state.list.iter(&guard);
    let first = iter.next();
    let second = iter.next();
    stage.store(1, Ordering::Release);
    while stage.load(Ordering::Acquire) != 2 {
        core::hint::spin_loop();
    }
    ensure!(first.is_some_and(Tracked::is_intact));
    ensure!(second.is_some_and(Tracked::is_intact));
    ensure!(iter.map(|tracked| tracked.number).eq([3, 4]));
    ensure!(drops.count() == 0);
    drop(guard);
    drop(thread);
    rcu::barrier();
    ensure!(drops.count() == 2);
    ensure!(holds(&state, &[3, 4]));
    drop(state);
    ensure!(drops.count() == 4);
    Ok(())
}

pub(super) fn readers_see_list_updates_in_order() -> Outcome {
    let drops = Drops::new()?;
    let state = list_of(&[2, 3], &drops)?;
    let first = Entry::new(Tracked::new(1, &drops), GFP_KERNEL)?;
    let replacement = Entry::new(Tracked::new(30, &drops), GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut list = updater.select(|state| &state.list);
    list.push_front(first);
    let mut cursor = list.cursor();
    ensure!(cursor.find(|tracked| tracked.number == 3));
    let replaced = cursor.replace_current(replacement);
    ensure!(replaced.is_ok_and(|old| old.synchronize().number == 3));
    let removed = list.remove_first(|tracked| tracked.number == 2);
    ensure!(removed.is_some_and(|old| old.synchronize_expedited().number == 2));
    drop(updater);
    ensure!(holds(&state, &[1, 30]));
    let all = state.lock().select(|state| &state.list).clear();
    ensure!(holds(&state, &[]));
    ensure!(all.synchronize().map(|tracked| tracked.number).eq([1, 30]));
    ensure!(drops.count() == 4);
    Ok(())
}

impl Keyed for Tracked {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.number
    }
}

const BUCKETS: usize = 8;

#[pin_data]
struct TableState {
    #[pin]
    table: HashTable<Tracked, TableState, BUCKETS>,
}

pub(super) fn hash_table_replaces_and_removes_by_key() -> Outcome {
    const KEYS: u64 = 100;
    let drops = Drops::new()?;
    let drain = CallbackDrain::new()?;
    let state = pin_init!(TableState { table <- HashTable::new([1, 2]) });
    let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "table")), GFP_KERNEL)?;
    for number in 0..KEYS * 3 / 2 {
        let key = number % KEYS;
        let new = Entry::new(Tracked::new(key, &drops), GFP_KERNEL)?;
        let old = state.lock().select(|state| &state.table).insert(new);
        if let Some(old) = old {
            ensure!(old.synchronize_expedited().number == key);
        }
    }
    ensure!(drops.count() == KEYS as usize / 2);
    for key in (0..KEYS).step_by(3) {
        let old = state.lock().select(|state| &state.table).remove(&key);
        ensure!(old.is_some());
        drop(old);
    }
    let guard = read_lock();
    for key in 0..KEYS + 10 {
        let found = state.table.get(&key, &guard);
        let is_present = key < KEYS && key % 3 != 0;
        ensure!(found.is_some() == is_present);
        ensure!(
            !is_present
                || found.is_some_and(|tracked| tracked.is_intact() && tracked.number == key)
        );
    }
    ensure!(state.table.iter(&guard).count() == keys_left(KEYS));
    drop(guard);
    drop(state);
    drop(drain);
    ensure!(drops.count() == KEYS as usize * 3 / 2);
    Ok(())
}

/// Returns how many of the keys below `keys` are not multiples of three.
fn keys_left(keys: u64) -> usize {
    (0..keys).filter(|key| key % 3 != 0).count()
}
