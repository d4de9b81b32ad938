// SPDX-License-Identifier: GPL-2.0

//! What readers and updaters see.

use super::{ensure, platform, rcu, Failure, Fate, Outcome, Witness};
use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{read_lock, Flexible, Locked, Rcu, RcuBox, Reclaim, Softirq, UpdaterLock, Workqueue};

pub(super) fn a_reader_keeps_what_it_saw() -> Outcome {
    let fate = Fate::new()?;
    let pointer = Rcu::new(RcuBox::new(Witness::new(1, &fate), GFP_KERNEL)?);
    let second = RcuBox::new(Witness::new(2, &fate), GFP_KERNEL)?;
    let guard = read_lock();
    let first = pointer.dereference(&guard);
    let old = pointer.replace(Some(second));
    ensure!(first.is_some_and(|witness| witness.is_intact() && witness.number == 1));
    ensure!(pointer
        .dereference(&guard)
        .is_some_and(|witness| witness.number == 2));
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

pub(super) fn updates_under_the_lock_do_not_get_lost() -> Outcome {
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
                        RcuBox::new(Count(old.map_or(0, |old| old.0) + 1), GFP_KERNEL)
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

pub(super) fn an_update_that_fails_changes_nothing() -> Outcome {
    let state = counter()?;
    let mut updater = state.lock();
    let mut count = updater.select(|state| &state.count);
    let first = RcuBox::new(Count(7), GFP_KERNEL)?;
    ensure!(count.replace(Some(first)).is_none());
    ensure!(count.copy_update(|_| Err(ENOMEM)).is_err());
    ensure!(count.current().is_some_and(|count| count.0 == 7));
    drop(updater);
    ensure!(value(&state) == 7);
    Ok(())
}

/// What must not move: a lock, with a note of where it was made.
#[pin_data]
struct Pinned {
    #[pin]
    lock: kernel::sync::Mutex<u32>,
}

impl Reclaim for Pinned {
    type Context = Workqueue;
}

pub(super) fn a_pinned_object_stays_where_it_is() -> Outcome {
    let init = pin_init!(Pinned { lock <- new_mutex!(1, "pinned") });
    let object = RcuBox::pin_init(init, GFP_KERNEL)?;
    let made_at = core::ptr::from_ref(&*object);
    let pointer = Rcu::new(object);
    let guard = read_lock();
    ensure!(pointer.dereference(&guard).map(core::ptr::from_ref) == Some(made_at));
    drop(guard);
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let object = retired.synchronize();
    ensure!(core::ptr::from_ref(&*object) == made_at);
    *object.lock.lock() += 1;
    ensure!(*object.lock.lock() == 2);
    pointer.replace(Some(object));
    Ok(())
}

pub(super) fn objects_of_variable_length_are_whole() -> Outcome {
    for length in [0, 1, 2, 7, 256] {
        let fate = Fate::new()?;
        let object = RcuBox::<Flexible<u8, Witness>>::from_fn(
            42,
            length,
            |number| Witness::new(number as u64, &fate),
            GFP_KERNEL,
        )?;
        let pointer = Rcu::new(object);
        let guard = read_lock();
        let seen = pointer.dereference(&guard);
        ensure!(seen.is_some_and(|seen| seen.header == 42 && seen.elements.len() == length));
        let is_right =
            |(i, witness): (usize, &Witness)| witness.is_intact() && witness.number == i as u64;
        ensure!(seen.is_some_and(|seen| seen.elements.iter().enumerate().all(is_right)));
        if let Some(old) = pointer.replace(None) {
            old.call_rcu();
        }
        ensure!(fate.drops() == 0);
        drop(guard);
        rcu::barrier();
        ensure!(fate.drops() == length);
    }
    Ok(())
}

pub(super) fn dropping_a_pointer_drops_the_object_at_once() -> Outcome {
    let fate = Fate::new()?;
    let mut pointer = Rcu::new(RcuBox::new(Witness::new(1, &fate), GFP_KERNEL)?);
    ensure!(pointer.take().is_some_and(|object| object.is_intact()));
    ensure!(pointer.take().is_none());
    ensure!(fate.drops() == 1);
    drop(Rcu::new(RcuBox::new(Witness::new(2, &fate), GFP_KERNEL)?));
    ensure!(fate.drops() == 2);
    Ok(())
}
