// SPDX-License-Identifier: GPL-2.0

//! SRCU.

use super::{
    ensure, platform, rcu, Drops, Failure, HeadlessTracked, Outcome, SleepyTracked, Tracked,
    HOLD_MS,
};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};
use rcu::{
    new_srcu, CallbackDrain, Entry, HashTable, List, Locked, Rcu, Reclaim, Retired, Srcu,
    SrcuGracePeriod, SrcuLock, SrcuPointer, UniqueRcuBox, UpdaterLock,
};

fn tracked(drops: &Arc<Drops>) -> Result<Arc<SrcuPointer<Tracked>>, Failure> {
    let object = UniqueRcuBox::new(Tracked::new(1, drops), GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("tracked"));
    Ok(Arc::pin_init(pointer, GFP_KERNEL)?)
}

/// Tests an ending that waits, while another thread reads and sleeps.
fn waits_for_a_sleeping_reader<T: Reclaim>(
    object: T,
    is_intact: fn(&T) -> bool,
    end: fn(Retired<T, &Srcu>),
) -> Outcome {
    const INSIDE: usize = 1;
    const ENDED_INTACT: usize = 2;
    let object = UniqueRcuBox::new(object, GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("sleeping_reader"));
    let pointer = Arc::pin_init(pointer, GFP_KERNEL)?;
    let stage = Arc::new(AtomicUsize::new(0), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (pointer, stage) = (pointer.clone(), stage.clone());
        move || {
            let reader = pointer.read_lock();
            let object = reader.dereference();
            stage.store(INSIDE, Ordering::Release);
            platform::sleep_ms(HOLD_MS as u32);
            if object.is_some_and(is_intact) {
                stage.store(ENDED_INTACT, Ordering::Release);
            }
        }
    })?;
    while stage.load(Ordering::Acquire) == 0 {
        platform::sleep_ms(1);
    }
    // RCU's grace periods do not wait for SRCU's readers, so this returns early.
    rcu::synchronize();
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    end(retired);
    ensure!(stage.load(Ordering::Acquire) == ENDED_INTACT);
    drop(thread);
    Ok(())
}

pub(super) fn srcu_synchronize_returns_the_object_after_a_sleeping_reader() -> Outcome {
    let drops = Drops::new()?;
    waits_for_a_sleeping_reader(Tracked::new(1, &drops), Tracked::is_intact, |retired| {
        drop(retired.synchronize());
    })?;
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn srcu_synchronize_expedited_returns_the_object_after_a_sleeping_reader() -> Outcome {
    let drops = Drops::new()?;
    waits_for_a_sleeping_reader(Tracked::new(1, &drops), Tracked::is_intact, |retired| {
        drop(retired.synchronize_expedited());
    })?;
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn dropped_headless_object_of_srcu_waits_for_a_sleeping_reader() -> Outcome {
    let drops = Drops::new()?;
    let object = HeadlessTracked(Tracked::new(1, &drops));
    waits_for_a_sleeping_reader(object, |object| object.0.is_intact(), |old| drop(old))?;
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn call_srcu_reclaims_after_the_reader() -> Outcome {
    let drops = Drops::new()?;
    let pointer = tracked(&drops)?;
    let reader = pointer.read_lock();
    let object = reader.dereference();
    if let Some(old) = pointer.replace(None) {
        old.call_srcu();
    }
    ensure!(reader.dereference().is_none());
    platform::sleep_ms(HOLD_MS as u32);
    ensure!(drops.count() == 0);
    ensure!(object.is_some_and(Tracked::is_intact));
    drop(reader);
    pointer.domain().barrier();
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn srcu_queue_work_reclaims_in_process_context() -> Outcome {
    let drops = Drops::new()?;
    let drain = CallbackDrain::new()?;
    let object = UniqueRcuBox::new(SleepyTracked(Tracked::new(1, &drops)), GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("sleepy_tracked"));
    let pointer = Arc::pin_init(pointer, GFP_KERNEL)?;
    let reader = pointer.read_lock();
    if let Some(old) = pointer.replace(None) {
        old.queue_work();
    }
    platform::sleep_ms(HOLD_MS as u32);
    ensure!(drops.count() == 0);
    drop(reader);
    drop(pointer);
    drop(drain);
    ensure!(drops.count() == 1);
    ensure!(drops.count_in_process() == 1);
    Ok(())
}

pub(super) fn srcu_start_poll_returns_the_object_after_its_reader() -> Outcome {
    let drops = Drops::new()?;
    let pointer = tracked(&drops)?;
    let reader = pointer.read_lock();
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let polled = retired.start_poll();
    platform::sleep_ms(HOLD_MS as u32);
    let Err(polled) = polled.try_reclaim() else {
        return Err(EBUSY.into());
    };
    drop(reader);
    pointer.domain().synchronize();
    ensure!(polled.try_reclaim().is_ok_and(|object| object.is_intact()));
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn srcu_cookie_is_incomplete_during_an_earlier_reader() -> Outcome {
    let domain = Arc::pin_init(new_srcu!("cookie"), GFP_KERNEL)?;
    for new_cookie in [SrcuGracePeriod::start, SrcuGracePeriod::snapshot] {
        let reader = domain.read_lock();
        let cookie = new_cookie(&domain);
        platform::sleep_ms(HOLD_MS as u32);
        ensure!(!cookie.is_complete());
        drop(reader);
        domain.synchronize_expedited();
        ensure!(cookie.is_complete());
    }
    Ok(())
}

pub(super) fn dropped_srcu_pointer_waits_for_callbacks() -> Outcome {
    const COUNT: usize = 1000;
    let drops = Drops::new()?;
    let pointer = tracked(&drops)?;
    for number in 1..COUNT {
        let new = UniqueRcuBox::new(Tracked::new(number as u64, &drops), GFP_KERNEL)?;
        drop(pointer.replace(Some(new)));
    }
    drop(pointer);
    ensure!(drops.count() == COUNT);
    Ok(())
}

/// Structures of one SRCU domain.
#[pin_data]
struct State {
    current: Rcu<Tracked, Locked<State>, Srcu>,
    list: List<Tracked, State, Srcu>,
    #[pin]
    table: HashTable<Tracked, State, 4, Srcu>,
}

/// A [`State`] whose domain others share.
type SharedState = UpdaterLock<State, SrcuLock<Mutex<()>, Arc<Srcu>>>;

/// Returns a state with the objects 1 to 3, one in each structure.
fn state_of(domain: &Arc<Srcu>, drops: &Arc<Drops>) -> Result<Arc<SharedState>, Failure> {
    let first = UniqueRcuBox::new(Tracked::new(1, drops), GFP_KERNEL)?;
    let state = try_pin_init!(State {
        current: Rcu::locked(Some(first)),
        list: List::new(),
        table <- HashTable::new([1, 2]),
    });
    let state = UpdaterLock::with_srcu(state, new_mutex!((), "state"), domain.clone());
    let state = Arc::pin_init(state, GFP_KERNEL)?;
    let second = Entry::new(Tracked::new(2, drops), GFP_KERNEL)?;
    let third = Entry::new(Tracked::new(3, drops), GFP_KERNEL)?;
    let mut updater = state.lock();
    updater.select(|state| &state.list).push_back(second);
    drop(updater.select(|state| &state.table).insert(third));
    drop(updater);
    Ok(state)
}

pub(super) fn structures_of_an_srcu_domain_share_its_readers() -> Outcome {
    let drops = Drops::new()?;
    let domain = Arc::pin_init(new_srcu!("shared"), GFP_KERNEL)?;
    let state = state_of(&domain, &drops)?;
    let other = state_of(&domain, &drops)?;

    // One reader of two states.
    let guard = domain.read_lock();
    let reader = state.read(&guard)?;
    let current = reader.select(|state| &state.current).dereference();
    let first = reader.select(|state| &state.list).iter().next();
    let found = reader.select(|state| &state.table).get(&3);
    let of_other = other.read(&guard)?;
    let of_other = of_other.select(|state| &state.table).iter().next();

    // The reader delays all of these callbacks.
    let mut updater = state.lock();
    let replaced = updater.select(|state| &state.current).replace(None);
    let cleared = updater.select(|state| &state.list).clear();
    let removed = updater.select(|state| &state.table).remove(&3);
    drop(updater);
    drop(replaced);
    cleared.for_each(|entry| entry.call_srcu());
    drop(removed);
    drop(other.lock().select(|state| &state.table).remove(&3));
    rcu::synchronize();
    platform::sleep_ms(HOLD_MS as u32);
    ensure!(drops.count() == 0);
    for seen in [current, first, found, of_other] {
        ensure!(seen.is_some_and(Tracked::is_intact));
    }
    drop(guard);
    domain.barrier();
    ensure!(drops.count() == 4);
    drop(state);
    drop(other);
    ensure!(drops.count() == 6);
    Ok(())
}

pub(super) fn guard_of_another_srcu_domain_is_rejected() -> Outcome {
    let drops = Drops::new()?;
    let domain = Arc::pin_init(new_srcu!("one"), GFP_KERNEL)?;
    let another = Arc::pin_init(new_srcu!("another"), GFP_KERNEL)?;
    let state = state_of(&domain, &drops)?;
    let guard = another.read_lock();
    ensure!(state.read(&guard).err() == Some(EINVAL));
    drop(guard);
    ensure!(state.read(&state.srcu().read_lock()).is_ok());
    Ok(())
}
