// SPDX-License-Identifier: GPL-2.0

//! Each ending of `Retired`: once, after the grace period and not before, where it promises.

use super::{
    ensure, held_reader, platform, rcu, spin_ms, Fate, Outcome, SleepyWitness, Witness, HOLD_MS,
};
use kernel::{prelude::*, sync::Arc};
use rcu::{read_lock, CallbackDrain, Polled, Rcu, RcuBox, Reclaim, Retired, Softirq};

/// A pointer with a [`Witness`], and what becomes of that.
fn witness() -> Result<(Rcu<Witness>, Arc<Fate>), super::Failure> {
    let fate = Fate::new()?;
    let object = RcuBox::new(Witness::new(1, &fate), GFP_KERNEL)?;
    Ok((Rcu::new(object), fate))
}

fn sleepy_witness() -> Result<(Rcu<SleepyWitness>, Arc<Fate>), super::Failure> {
    let fate = Fate::new()?;
    let object = RcuBox::new(SleepyWitness(Witness::new(1, &fate)), GFP_KERNEL)?;
    Ok((Rcu::new(object), fate))
}

/// An ending that waits, while another thread reads.
fn gives_back_after_the_reader(wait: fn(Retired<Witness>) -> RcuBox<Witness>) -> Outcome {
    let (pointer, fate) = witness()?;
    let pointer = Arc::new(pointer, GFP_KERNEL)?;
    let (thread, reader) = held_reader(&pointer, Witness::is_intact)?;
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let object = wait(retired);
    ensure!(reader.has_left_content());
    ensure!(object.is_intact());
    ensure!(fate.drops() == 0);
    drop(object);
    ensure!(fate.drops() == 1);
    drop(thread);
    Ok(())
}

pub(super) fn synchronize_gives_back_after_the_reader() -> Outcome {
    gives_back_after_the_reader(Retired::synchronize)
}

pub(super) fn synchronize_expedited_gives_back_after_the_reader() -> Outcome {
    gives_back_after_the_reader(Retired::synchronize_expedited)
}

/// An ending that does not wait, inside a reader that sees the object.
fn reclaims_after_the_reader<T: Reclaim>(
    pointer: &Rcu<T>,
    fate: &Fate,
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
    ensure!(fate.drops() == 0);
    ensure!(object.is_some_and(is_intact));
    drop(guard);
    ensure!(fate.is_dropped_once());
    Ok(())
}

pub(super) fn call_rcu_reclaims_after_the_reader() -> Outcome {
    let (pointer, fate) = witness()?;
    reclaims_after_the_reader(&pointer, &fate, Witness::is_intact, Retired::call_rcu)?;
    ensure!(platform::is_in_callback(
        fate.in_callback.load(super::Ordering::Relaxed)
    ));
    Ok(())
}

pub(super) fn dropping_reclaims_after_the_reader() -> Outcome {
    let (pointer, fate) = witness()?;
    reclaims_after_the_reader(&pointer, &fate, Witness::is_intact, drop)?;
    ensure!(platform::is_in_callback(
        fate.in_callback.load(super::Ordering::Relaxed)
    ));
    Ok(())
}

pub(super) fn queue_work_reclaims_after_the_reader() -> Outcome {
    let (pointer, fate) = witness()?;
    reclaims_after_the_reader(&pointer, &fate, Witness::is_intact, Retired::queue_work)?;
    ensure!(fate.in_process.load(super::Ordering::Relaxed) == 1);
    Ok(())
}

pub(super) fn dropping_what_may_sleep_reclaims_in_process_context() -> Outcome {
    let (pointer, fate) = sleepy_witness()?;
    reclaims_after_the_reader(&pointer, &fate, |object| object.0.is_intact(), drop)?;
    ensure!(fate.in_process.load(super::Ordering::Relaxed) == 1);
    Ok(())
}

/// Without a destructor.
struct Plain([u64; 32]);

impl Reclaim for Plain {
    type Context = Softirq;
}

pub(super) fn kvfree_rcu_leaves_the_object_to_the_reader() -> Outcome {
    // KASAN, poison and the user-space edition's counting of memory see the rest.
    let pointer = Rcu::new(RcuBox::new(Plain([super::INTACT; 32]), GFP_KERNEL)?);
    let guard = read_lock();
    let object = pointer.dereference(&guard);
    if let Some(retired) = pointer.replace(None) {
        retired.kvfree_rcu();
    }
    spin_ms(HOLD_MS);
    let is_intact = |number: &u64| platform::read_volatile(number) == super::INTACT;
    ensure!(object.is_some_and(|plain| plain.0.iter().all(is_intact)));
    Ok(())
}

/// A polled ending, inside a reader that sees the object.
fn polled_gives_back_after_the_reader(start: fn(Retired<Witness>) -> Polled<Witness>) -> Outcome {
    let (pointer, fate) = witness()?;
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
    ensure!(object.is_some_and(Witness::is_intact));
    drop(guard);
    let object = polled.wait();
    ensure!(object.is_intact());
    ensure!(fate.drops() == 0);
    drop(object);
    ensure!(fate.drops() == 1);
    Ok(())
}

pub(super) fn polling_gives_back_after_the_reader() -> Outcome {
    polled_gives_back_after_the_reader(Retired::start_poll)
}

pub(super) fn expedited_polling_gives_back_after_the_reader() -> Outcome {
    polled_gives_back_after_the_reader(Retired::start_poll_expedited)
}

pub(super) fn a_snapshot_gives_back_after_the_reader() -> Outcome {
    polled_gives_back_after_the_reader(Retired::snapshot)
}

pub(super) fn waiting_for_what_is_polled_waits_for_the_reader() -> Outcome {
    gives_back_after_the_reader(|retired| retired.start_poll().wait())?;
    gives_back_after_the_reader(|retired| retired.snapshot().wait())
}

pub(super) fn dropping_what_is_polled_reclaims_after_the_reader() -> Outcome {
    let (pointer, fate) = witness()?;
    let end = |retired: Retired<Witness>| drop(retired.start_poll());
    reclaims_after_the_reader(&pointer, &fate, Witness::is_intact, end)
}

/// Retires the next of a chain when it is reclaimed itself, by turns in a callback and as work.
struct Chain {
    next: Rcu<Chain>,
    _witness: Witness,
}

impl Reclaim for Chain {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        match this.next.replace(None) {
            Some(next) if this._witness.number % 2 == 0 => next.queue_work(),
            Some(next) => next.call_rcu(),
            None => (),
        }
    }
}

pub(super) fn a_drain_waits_for_callbacks_of_callbacks() -> Outcome {
    const LENGTH: usize = 7;
    let fate = Fate::new()?;
    let drain = CallbackDrain::new();
    let first = Rcu::null();
    for number in 0..LENGTH {
        let chain = Chain {
            next: Rcu::null(),
            _witness: Witness::new(number as u64, &fate),
        };
        let chain = RcuBox::new(chain, GFP_KERNEL)?;
        if let Some(rest) = first.replace(None) {
            // Never published to anybody else, so this could be had back at once; the long way will do.
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
    ensure!(fate.drops() == LENGTH);
    Ok(())
}
