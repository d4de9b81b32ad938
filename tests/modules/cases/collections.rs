// SPDX-License-Identifier: GPL-2.0

//! The list and the hash table.

use super::{ensure, platform, rcu, Failure, Fate, Outcome, Witness};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{read_lock, CallbackDrain, Entry, HashTable, Keyed, List, UpdaterLock};

struct State {
    list: List<Witness, State>,
}

fn list_of(numbers: &[u64], fate: &Arc<Fate>) -> Result<Arc<UpdaterLock<State>>, Failure> {
    let state = State { list: List::new() };
    let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "list")), GFP_KERNEL)?;
    for &number in numbers {
        let new = Entry::new(Witness::new(number, fate), GFP_KERNEL)?;
        state.lock().select(|state| &state.list).push_back(new);
    }
    Ok(state)
}

fn holds(state: &State, expected: &[u64]) -> bool {
    let guard = read_lock();
    let numbers = state.list.iter(&guard).map(|witness| witness.number);
    numbers.eq(expected.iter().copied())
}

pub(super) fn a_reader_on_a_removed_entry_goes_on_to_the_rest() -> Outcome {
    let fate = Fate::new()?;
    let state = list_of(&[1, 2, 3, 4], &fate)?;
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
    ensure!(first.is_some_and(Witness::is_intact));
    ensure!(second.is_some_and(Witness::is_intact));
    ensure!(iter.map(|witness| witness.number).eq([3, 4]));
    ensure!(fate.drops() == 0);
    drop(guard);
    drop(thread);
    rcu::barrier();
    ensure!(fate.drops() == 2);
    ensure!(holds(&state, &[3, 4]));
    drop(state);
    ensure!(fate.drops() == 4);
    Ok(())
}

pub(super) fn list_updates_are_seen_in_order() -> Outcome {
    let fate = Fate::new()?;
    let state = list_of(&[2, 3], &fate)?;
    let first = Entry::new(Witness::new(1, &fate), GFP_KERNEL)?;
    let better = Entry::new(Witness::new(30, &fate), GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut list = updater.select(|state| &state.list);
    list.push_front(first);
    let mut cursor = list.cursor();
    ensure!(cursor.find(|witness| witness.number == 3));
    let replaced = cursor.replace_current(better);
    ensure!(replaced.is_ok_and(|old| old.synchronize().number == 3));
    let removed = list.remove_first(|witness| witness.number == 2);
    ensure!(removed.is_some_and(|old| old.synchronize_expedited().number == 2));
    drop(updater);
    ensure!(holds(&state, &[1, 30]));
    let all = state.lock().select(|state| &state.list).clear();
    ensure!(holds(&state, &[]));
    ensure!(all.synchronize().map(|witness| witness.number).eq([1, 30]));
    ensure!(fate.drops() == 4);
    Ok(())
}

impl Keyed for Witness {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.number
    }
}

const BUCKETS: usize = 8;

#[pin_data]
struct TableState {
    #[pin]
    table: HashTable<Witness, TableState, BUCKETS>,
}

pub(super) fn a_table_replaces_and_removes_by_key() -> Outcome {
    const KEYS: u64 = 100;
    let fate = Fate::new()?;
    let drain = CallbackDrain::new();
    let state = pin_init!(TableState { table <- HashTable::new([1, 2]) });
    let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "table")), GFP_KERNEL)?;
    for number in 0..KEYS * 3 / 2 {
        let key = number % KEYS;
        let new = Entry::new(Witness::new(key, &fate), GFP_KERNEL)?;
        let old = state.lock().select(|state| &state.table).insert(new);
        if let Some(old) = old {
            ensure!(old.synchronize_expedited().number == key);
        }
    }
    ensure!(fate.drops() == KEYS as usize / 2);
    for key in (0..KEYS).step_by(3) {
        let old = state.lock().select(|state| &state.table).remove(&key);
        ensure!(old.is_some());
        drop(old);
    }
    let guard = read_lock();
    for key in 0..KEYS + 10 {
        let found = state.table.get(&key, &guard);
        let is_there = key < KEYS && key % 3 != 0;
        ensure!(found.is_some() == is_there);
        ensure!(
            !is_there || found.is_some_and(|witness| witness.is_intact() && witness.number == key)
        );
    }
    ensure!(state.table.iter(&guard).count() == state_len(KEYS));
    drop(guard);
    drop(state);
    drop(drain);
    ensure!(fate.drops() == KEYS as usize * 3 / 2);
    Ok(())
}

/// How many of so many keys are not multiples of three.
fn state_len(keys: u64) -> usize {
    (0..keys).filter(|key| key % 3 != 0).count()
}
