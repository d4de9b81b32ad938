// SPDX-License-Identifier: GPL-2.0

//! The endings of `Retired`: each reclaims once, after the grace period, in the documented context.

use super::{
    ensure, platform, rcu, spawn_reader, spin_ms, Drops, Failure, HeadlessTracked, Outcome,
    SleepyTracked, Tracked, CANARY, HOLD_MS,
};
use core::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{prelude::*, sync::Arc};
use rcu::{
    read_lock, Anywhere, CallbackDrain, Headless, Polled, Rcu, Reclaim, Retired, Softirq,
    UniqueRcuBox, Workqueue,
};

fn tracked() -> Result<(Rcu<Tracked>, Arc<Drops>), Failure> {
    let drops = Drops::new()?;
    let object = UniqueRcuBox::new(Tracked::new(1, &drops), GFP_KERNEL)?;
    Ok((Rcu::new(object), drops))
}

fn sleepy_tracked() -> Result<(Rcu<SleepyTracked>, Arc<Drops>), Failure> {
    let drops = Drops::new()?;
    let object = UniqueRcuBox::new(SleepyTracked(Tracked::new(1, &drops)), GFP_KERNEL)?;
    Ok((Rcu::new(object), drops))
}

/// Tests an ending that waits, while another thread reads.
fn returns_the_object_after_its_readers(
    wait: fn(Retired<Tracked>) -> UniqueRcuBox<Tracked>,
) -> Outcome {
    let (pointer, drops) = tracked()?;
    let pointer = Arc::new(pointer, GFP_KERNEL)?;
    let (thread, reader) = spawn_reader(&pointer, Tracked::is_intact)?;
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let object = wait(retired);
    ensure!(reader.has_ended_intact());
    ensure!(object.is_intact());
    ensure!(drops.count() == 0);
    drop(object);
    ensure!(drops.count() == 1);
    drop(thread);
    Ok(())
}

pub(super) fn synchronize_returns_the_object_after_its_readers() -> Outcome {
    returns_the_object_after_its_readers(Retired::synchronize)
}

pub(super) fn synchronize_expedited_returns_the_object_after_its_readers() -> Outcome {
    returns_the_object_after_its_readers(Retired::synchronize_expedited)
}

/// Tests an ending that does not wait, during a reader of the object.
fn reclaims_after_the_readers<T: Reclaim>(
    pointer: &Rcu<T>,
    drops: &Drops,
    is_intact: fn(&T) -> bool,
    end: fn(Retired<T>),
) -> Outcome {
    let guard = read_lock();
    let object = pointer.dereference(&guard);
    let retired = pointer.replace(None);
    ensure!(pointer.dereference(&guard).is_none());
    let Some(retired) = retired else {
        return Err(ENOENT.into());
    };
    end(retired);
    spin_ms(HOLD_MS);
    ensure!(drops.count() == 0);
    ensure!(object.is_some_and(is_intact));
    drop(guard);
    ensure!(drops.wait_for_one());
    Ok(())
}

pub(super) fn call_rcu_reclaims_after_the_readers() -> Outcome {
    let (pointer, drops) = tracked()?;
    reclaims_after_the_readers(&pointer, &drops, Tracked::is_intact, Retired::call_rcu)?;
    ensure!(drops.count_in_callback() == usize::from(platform::RECOGNISES_CALLBACKS));
    Ok(())
}

pub(super) fn call_rcu_hurry_reclaims_after_the_readers() -> Outcome {
    let (pointer, drops) = tracked()?;
    reclaims_after_the_readers(
        &pointer,
        &drops,
        Tracked::is_intact,
        Retired::call_rcu_hurry,
    )?;
    ensure!(drops.count_in_callback() == usize::from(platform::RECOGNISES_CALLBACKS));
    Ok(())
}

pub(super) fn drop_reclaims_after_the_readers() -> Outcome {
    let (pointer, drops) = tracked()?;
    reclaims_after_the_readers(&pointer, &drops, Tracked::is_intact, drop)?;
    ensure!(drops.count_in_callback() == usize::from(platform::RECOGNISES_CALLBACKS));
    Ok(())
}

pub(super) fn queue_work_reclaims_after_the_readers() -> Outcome {
    let (pointer, drops) = tracked()?;
    reclaims_after_the_readers(&pointer, &drops, Tracked::is_intact, Retired::queue_work)?;
    ensure!(drops.count_in_process() == 1);
    Ok(())
}

pub(super) fn drop_runs_a_sleeping_destructor_in_process_context() -> Outcome {
    let (pointer, drops) = sleepy_tracked()?;
    reclaims_after_the_readers(&pointer, &drops, |object| object.0.is_intact(), drop)?;
    ensure!(drops.count_in_process() == 1);
    Ok(())
}

/// An object whose destructor waits for the destructor of another object.
struct Waiting {
    own: Arc<AtomicUsize>,
    other: Arc<AtomicUsize>,
    waited_in_vain: Arc<AtomicUsize>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.own.store(1, Ordering::Release);
        let start = platform::now_ms();
        while self.other.load(Ordering::Acquire) == 0 {
            if platform::now_ms() - start > WAIT_MS {
                self.waited_in_vain.fetch_add(1, Ordering::Relaxed);
                return;
            }
            platform::sleep_ms(1);
        }
    }
}

/// The time within which the other destructor must begin.
const WAIT_MS: u64 = 2_000;

impl Reclaim for Waiting {
    type Context = Workqueue;
}

pub(super) fn destructors_in_process_context_may_wait_for_each_other() -> Outcome {
    let begun = || Arc::new(AtomicUsize::new(0), GFP_KERNEL);
    let (first, second, waited_in_vain) = (begun()?, begun()?, begun()?);
    let waiting = |own: &Arc<AtomicUsize>, other: &Arc<AtomicUsize>| Waiting {
        own: own.clone(),
        other: other.clone(),
        waited_in_vain: waited_in_vain.clone(),
    };
    let objects = [waiting(&first, &second), waiting(&second, &first)];
    let drain = CallbackDrain::new()?;
    for object in objects {
        UniqueRcuBox::new(object, GFP_KERNEL)?.retire().queue_work();
    }
    drop(drain);
    ensure!(first.load(Ordering::Relaxed) + second.load(Ordering::Relaxed) == 2);
    ensure!(waited_in_vain.load(Ordering::Relaxed) == 0);
    Ok(())
}

/// An object that counts its reclaim instead of its drop.
struct Returned {
    returned: Arc<AtomicUsize>,
}

impl Reclaim for Returned {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(|this| {
        this.returned.fetch_add(1, Ordering::Relaxed);
    });
}

pub(super) fn dropped_pointer_returns_its_object_to_the_pool() -> Outcome {
    let returned = Arc::new(AtomicUsize::new(0), GFP_KERNEL)?;
    let object = Returned {
        returned: returned.clone(),
    };
    drop(Rcu::new(UniqueRcuBox::new(object, GFP_KERNEL)?));
    ensure!(returned.load(Ordering::Relaxed) == 1);
    Ok(())
}

/// An object without a destructor.
struct Plain([u64; 32]);

impl Reclaim for Plain {
    type Context = Softirq;
}

pub(super) fn kvfree_rcu_keeps_the_object_for_its_readers() -> Outcome {
    // KASAN, slab poisoning, or the memory accounting in user space check that it is freed in the
    // end.
    let pointer = Rcu::new(UniqueRcuBox::new(Plain([CANARY; 32]), GFP_KERNEL)?);
    let guard = read_lock();
    let object = pointer.dereference(&guard);
    if let Some(retired) = pointer.replace(None) {
        retired.kvfree_rcu();
    }
    spin_ms(HOLD_MS);
    let is_intact = |number: &u64| *black_box(number) == CANARY;
    ensure!(object.is_some_and(|plain| plain.0.iter().all(is_intact)));
    Ok(())
}

/// An object without an `rcu_head`.
struct HeadlessPlain([u64; 32]);

impl Reclaim for HeadlessPlain {
    type Context = Headless;
}

pub(super) fn kvfree_rcu_mightsleep_keeps_the_object_for_its_readers() -> Outcome {
    let object = UniqueRcuBox::new(HeadlessPlain([CANARY; 32]), GFP_KERNEL)?;
    let pointer = Arc::new(Rcu::new(object), GFP_KERNEL)?;
    let is_intact = |number: &u64| *black_box(number) == CANARY;
    let (thread, reader) = spawn_reader(&pointer, move |plain: &HeadlessPlain| {
        plain.0.iter().all(is_intact)
    })?;
    if let Some(retired) = pointer.replace(None) {
        retired.kvfree_rcu_mightsleep();
    }
    drop(thread);
    ensure!(reader.has_ended_intact());
    Ok(())
}

pub(super) fn dropped_headless_object_waits_for_its_readers() -> Outcome {
    let drops = Drops::new()?;
    let object = UniqueRcuBox::new(HeadlessTracked(Tracked::new(1, &drops)), GFP_KERNEL)?;
    let pointer = Arc::new(Rcu::new(object), GFP_KERNEL)?;
    let (thread, reader) = spawn_reader(&pointer, |object: &HeadlessTracked| object.0.is_intact())?;
    drop(pointer.replace(None));
    ensure!(reader.has_ended_intact());
    ensure!(drops.count() == 1);
    drop(thread);
    Ok(())
}

/// Tests a polled ending, during a reader of the object.
fn polled_is_returned_after_its_readers(start: fn(Retired<Tracked>) -> Polled<Tracked>) -> Outcome {
    let (pointer, drops) = tracked()?;
    let guard = read_lock();
    let object = pointer.dereference(&guard);
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let polled = start(retired);
    spin_ms(HOLD_MS);
    ensure!(!polled.is_complete());
    let Err(polled) = polled.try_reclaim() else {
        return Err(EBUSY.into());
    };
    ensure!(object.is_some_and(Tracked::is_intact));
    drop(guard);
    let object = polled.wait();
    ensure!(object.is_intact());
    ensure!(drops.count() == 0);
    drop(object);
    ensure!(drops.count() == 1);
    Ok(())
}

pub(super) fn start_poll_returns_the_object_after_its_readers() -> Outcome {
    polled_is_returned_after_its_readers(Retired::start_poll)
}

pub(super) fn start_poll_expedited_returns_the_object_after_its_readers() -> Outcome {
    polled_is_returned_after_its_readers(Retired::start_poll_expedited)
}

pub(super) fn snapshot_returns_the_object_after_its_readers() -> Outcome {
    polled_is_returned_after_its_readers(Retired::snapshot)
}

pub(super) fn polled_wait_returns_the_object_after_its_readers() -> Outcome {
    returns_the_object_after_its_readers(|retired| retired.start_poll().wait())?;
    returns_the_object_after_its_readers(|retired| retired.snapshot().wait())
}

pub(super) fn dropped_polled_object_is_reclaimed_after_its_readers() -> Outcome {
    let (pointer, drops) = tracked()?;
    let end = |retired: Retired<Tracked>| drop(retired.start_poll());
    reclaims_after_the_readers(&pointer, &drops, Tracked::is_intact, end)
}

/// An object that retires the next one when it is reclaimed, by a callback and a work in turn.
struct Chain {
    next: Rcu<Chain>,
    tracked: Tracked,
}

impl Reclaim for Chain {
    type Context = Anywhere;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Chain {
    fn reclaim(this: UniqueRcuBox<Self>) {
        match this.next.replace(None) {
            Some(next) if this.tracked.number % 2 == 0 => next.queue_work(),
            Some(next) => next.call_rcu(),
            None => (),
        }
    }
}

pub(super) fn drain_waits_for_callbacks_of_callbacks() -> Outcome {
    const LENGTH: usize = 7;
    let drops = Drops::new()?;
    let drain = CallbackDrain::new()?;
    let first = Rcu::null();
    for number in 0..LENGTH {
        let chain = Chain {
            next: Rcu::null(),
            tracked: Tracked::new(number as u64, &drops),
        };
        let chain = UniqueRcuBox::new(chain, GFP_KERNEL)?;
        if let Some(rest) = first.replace(None) {
            chain.next.replace(Some(rest.synchronize()));
        }
        if let Some(old) = first.replace(Some(chain)) {
            old.call_rcu();
        }
    }
    if let Some(old) = first.replace(None) {
        old.call_rcu();
    }
    drop(drain);
    ensure!(drops.count() == LENGTH);
    Ok(())
}
