// SPDX-License-Identifier: GPL-2.0

//! Pointers: what readers and updaters see.

use super::{ensure, platform, rcu, Drops, Failure, Outcome, Tracked};
use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{
    read_lock, Flexible, Locked, Rcu, Reclaim, Softirq, UniqueRcuBox, UpdaterLock, Workqueue,
};

pub(super) fn reader_keeps_an_object_that_is_replaced() -> Outcome {
    let drops = Drops::new()?;
    let pointer = Rcu::new(UniqueRcuBox::new(Tracked::new(1, &drops), GFP_KERNEL)?);
    let second = UniqueRcuBox::new(Tracked::new(2, &drops), GFP_KERNEL)?;
    let guard = read_lock();
    let first = pointer.dereference(&guard);
    let old = pointer.replace(Some(second));
    ensure!(first.is_some_and(|tracked| tracked.is_intact() && tracked.number == 1));
    ensure!(pointer
        .dereference(&guard)
        .is_some_and(|tracked| tracked.number == 2));
    drop(guard);
    ensure!(old.map_or(0, |old| old.synchronize().number) == 1);
    Ok(())
}

struct Count(usize);

impl Reclaim for Count {
    type Context = Softirq;
}

struct State {
    count: Rcu<Count, Locked<State>>,
}

fn counter() -> Result<Arc<UpdaterLock<State>>, Failure> {
    let state = State {
        count: Rcu::locked(None),
    };
    Ok(Arc::pin_init(
        UpdaterLock::new(state, new_mutex!((), "count")),
        GFP_KERNEL,
    )?)
}

fn value(state: &State) -> usize {
    let guard = read_lock();
    state.count.dereference(&guard).map_or(0, |count| count.0)
}

pub(super) fn updates_under_the_lock_are_not_lost() -> Outcome {
    const UPDATERS: usize = 4;
    const UPDATES: usize = 500;
    let state = counter()?;
    let mut threads = KVec::new();
    for _ in 0..UPDATERS {
        let state = state.clone();
        let work = move || {
            let mut done = 0;
            while done < UPDATES {
                let old = state
                    .lock()
                    .select(|state| &state.count)
                    .copy_update(|old| {
                        UniqueRcuBox::new(Count(old.map_or(0, |old| old.0) + 1), GFP_KERNEL)
                    });
                if let Ok(old) = old {
                    done += 1;
                    if let Some(old) = old {
                        old.kvfree_rcu();
                    }
                }
            }
        };
        threads.push(platform::spawn(work)?, GFP_KERNEL)?;
    }
    platform::join(threads);
    ensure!(value(&state) == UPDATERS * UPDATES);
    Ok(())
}

pub(super) fn failed_update_changes_nothing() -> Outcome {
    let state = counter()?;
    let mut updater = state.lock();
    let mut count = updater.select(|state| &state.count);
    let first = UniqueRcuBox::new(Count(7), GFP_KERNEL)?;
    ensure!(count.replace(Some(first)).is_none());
    ensure!(count.copy_update(|_| Err(ENOMEM)).is_err());
    ensure!(count.current().is_some_and(|count| count.0 == 7));
    drop(updater);
    ensure!(value(&state) == 7);
    Ok(())
}

/// An object that must not move, because it contains a lock.
#[pin_data]
struct Pinned {
    #[pin]
    lock: kernel::sync::Mutex<u32>,
}

impl Reclaim for Pinned {
    type Context = Workqueue;
}

pub(super) fn pinned_object_does_not_move() -> Outcome {
    let init = pin_init!(Pinned { lock <- new_mutex!(1, "pinned") });
    let object = UniqueRcuBox::pin_init(init, GFP_KERNEL)?;
    let address = core::ptr::from_ref(&*object);
    let pointer = Rcu::new(object);
    let guard = read_lock();
    ensure!(pointer.dereference(&guard).map(core::ptr::from_ref) == Some(address));
    drop(guard);
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let object = retired.synchronize();
    ensure!(core::ptr::from_ref(&*object) == address);
    *object.lock.lock() += 1;
    ensure!(*object.lock.lock() == 2);
    pointer.replace(Some(object));
    Ok(())
}

pub(super) fn flexible_objects_of_any_length_are_complete() -> Outcome {
    for length in [0, 1, 2, 7, 256] {
        let drops = Drops::new()?;
        let object = UniqueRcuBox::<Flexible<u8, Tracked>>::from_fn(
            42,
            length,
            |number| Tracked::new(number as u64, &drops),
            GFP_KERNEL,
        )?;
        let pointer = Rcu::new(object);
        let guard = read_lock();
        let seen = pointer.dereference(&guard);
        ensure!(seen.is_some_and(|seen| seen.header == 42 && seen.elements.len() == length));
        let is_expected =
            |(i, tracked): (usize, &Tracked)| tracked.is_intact() && tracked.number == i as u64;
        ensure!(seen.is_some_and(|seen| seen.elements.iter().enumerate().all(is_expected)));
        if let Some(old) = pointer.replace(None) {
            old.call_rcu();
        }
        ensure!(drops.count() == 0);
        drop(guard);
        rcu::barrier();
        ensure!(drops.count() == length);
    }
    Ok(())
}

pub(super) fn dropped_pointer_drops_its_object_at_once() -> Outcome {
    let drops = Drops::new()?;
    let mut pointer = Rcu::new(UniqueRcuBox::new(Tracked::new(1, &drops), GFP_KERNEL)?);
    ensure!(pointer.take().is_some_and(|object| object.is_intact()));
    ensure!(pointer.take().is_none());
    ensure!(drops.count() == 1);
    drop(Rcu::new(UniqueRcuBox::new(
        Tracked::new(2, &drops),
        GFP_KERNEL,
    )?));
    ensure!(drops.count() == 2);
    Ok(())
}
