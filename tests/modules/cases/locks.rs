// SPDX-License-Identifier: GPL-2.0

//! Locks: those of a driver that exclude updaters, and those of found objects.

use super::{ensure, platform, rcu, Drops, Failure, Outcome, Tracked};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{Arc, Mutex, SpinLock},
};
#[cfg(kernel_7_3)]
use kernel::{new_spinlock_irq, sync::SpinLockIrq};
use rcu::{
    find_and_lock, read_lock, ExclusiveLock, Global, GracePeriod, Locked, Rcu, Reclaim, Softirq,
    UniqueRcuBox, UpdaterLock,
};

struct Count(usize);

impl Reclaim for Count {
    type Context = Softirq;
}

struct State {
    count: Rcu<Count, Locked<State>>,
}

const UPDATERS: usize = 4;
const UPDATES: usize = 300;

/// Updates the state and the lock's own data, from several threads at once.
fn updates_are_not_lost<L>(lock: impl PinInit<L>) -> Outcome
where
    L: ExclusiveLock<Data = usize, Kind = Global> + Send + Sync + 'static,
{
    let count = Rcu::locked(None);
    let state: Arc<UpdaterLock<State, L>> =
        Arc::pin_init(UpdaterLock::new(State { count }, lock), GFP_KERNEL)?;
    let mut threads = KVec::new();
    for _ in 0..UPDATERS {
        let state = state.clone();
        let work = move || {
            let mut done = 0;
            while done < UPDATES {
                let Ok(mut new) = UniqueRcuBox::new(Count(0), GFP_KERNEL) else {
                    continue;
                };
                let mut updater = state.lock();
                *updater.data() += 1;
                let mut count = updater.select(|state| &state.count);
                new.0 = count.current().map_or(0, |old| old.0) + 1;
                let old = count.replace(Some(new));
                drop(updater);
                if let Some(old) = old {
                    old.kvfree_rcu();
                }
                done += 1;
            }
        };
        threads.push(platform::spawn(work)?, GFP_KERNEL)?;
    }
    platform::join(threads);
    let guard = read_lock();
    let published = state.count.dereference(&guard).map_or(0, |count| count.0);
    drop(guard);
    ensure!(published == UPDATERS * UPDATES);
    ensure!(*state.lock().data() == UPDATERS * UPDATES);
    Ok(())
}

pub(super) fn updates_under_a_mutex_with_data_are_not_lost() -> Outcome {
    updates_are_not_lost::<Mutex<usize>>(new_mutex!(0, "updates"))
}

pub(super) fn updates_under_a_spin_lock_are_not_lost() -> Outcome {
    updates_are_not_lost::<SpinLock<usize>>(new_spinlock!(0, "updates"))
}

pub(super) fn updates_under_an_irq_disabling_lock_are_not_lost() -> Outcome {
    #[cfg(kernel_7_3)]
    updates_are_not_lost::<SpinLockIrq<usize>>(new_spinlock_irq!(0, "updates"))?;
    Ok(())
}

/// A state that allocates when it is initialised.
#[pin_data]
struct Allocated {
    count: Rcu<Count, Locked<Allocated>>,
    tracked: Tracked,
}

pub(super) fn failed_initialiser_of_a_state_drops_nothing() -> Outcome {
    let drops = Drops::new()?;
    let state = |fails: bool| {
        let drops = drops.clone();
        try_pin_init!(Allocated {
            count: Rcu::locked(Some(UniqueRcuBox::new(Count(1), GFP_KERNEL)?)),
            tracked: if fails {
                Err(EINVAL)?
            } else {
                Tracked::new(1, &drops)
            },
        })
    };
    let lock = UpdaterLock::try_new(state(true), new_mutex!((), "allocated"));
    ensure!(Arc::pin_init(lock, GFP_KERNEL).err() == Some(EINVAL));
    ensure!(drops.count() == 0);
    let lock = UpdaterLock::try_new(state(false), new_mutex!((), "allocated"));
    drop(Arc::pin_init(lock, GFP_KERNEL)?);
    ensure!(drops.count() == 1);
    Ok(())
}

/// An object with a lock of its own.
#[pin_data]
struct Session {
    tracked: Tracked,
    #[pin]
    packets: SpinLock<u64>,
}

impl Reclaim for Session {
    type Context = Softirq;
}

fn session(drops: &Arc<Drops>) -> Result<UniqueRcuBox<Session>, Failure> {
    let session = pin_init!(Session {
        tracked: Tracked::new(7, drops),
        packets <- new_spinlock!(0, "packets"),
    });
    Ok(UniqueRcuBox::pin_init(session, GFP_KERNEL)?)
}

pub(super) fn found_object_lives_until_its_lock_is_released() -> Outcome {
    let drops = Drops::new()?;
    let pointer = Rcu::new(session(&drops)?);
    ensure!(find_and_lock(|_| None::<&Session>, |session| &session.packets).is_none());

    let found = find_and_lock(|search| pointer.dereference(search), |it| &it.packets);
    let Some(mut found) = found else {
        return Err(ENOENT.into());
    };
    // The object is removed while its lock is held.
    if let Some(old) = pointer.replace(None) {
        old.call_rcu();
    }
    *found += 1;
    super::spin_ms(super::HOLD_MS);
    ensure!(drops.count() == 0);
    ensure!(found.object().tracked.is_intact() && *found == 1);
    drop(found);
    ensure!(drops.wait_for_one());
    Ok(())
}

pub(super) fn objects_are_found_inside_a_reader() -> Outcome {
    let pointer = Rcu::new(session(&Drops::new()?)?);
    let mut is_reader = false;
    let found = find_and_lock(
        |search| {
            let cookie = GracePeriod::start();
            super::spin_ms(super::HOLD_MS);
            is_reader = !cookie.is_complete();
            pointer.dereference(search)
        },
        |it| &it.packets,
    );
    drop(found);
    ensure!(is_reader);
    Ok(())
}

pub(super) fn found_object_is_locked_by_one_thread_at_a_time() -> Outcome {
    let drops = Drops::new()?;
    let pointer = Arc::new(Rcu::new(session(&drops)?), GFP_KERNEL)?;
    let mut threads = KVec::new();
    for _ in 0..UPDATERS {
        let pointer = pointer.clone();
        let work = move || {
            for _ in 0..UPDATES {
                let found = find_and_lock(|search| pointer.dereference(search), |it| &it.packets);
                if let Some(mut found) = found {
                    *found += 1;
                }
            }
        };
        threads.push(platform::spawn(work)?, GFP_KERNEL)?;
    }
    platform::join(threads);
    let Some(old) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    ensure!(*old.synchronize().packets.lock() == (UPDATERS * UPDATES) as u64);
    Ok(())
}
