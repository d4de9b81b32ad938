// SPDX-License-Identifier: GPL-2.0

//! SRCU.

use super::{ensure, platform, rcu, Drops, Failure, Outcome, SleepyTracked, Tracked, HOLD_MS};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{prelude::*, sync::Arc};
use rcu::{new_srcu, CallbackDrain, SrcuGracePeriod, SrcuPointer, UniqueRcuBox};

fn tracked(drops: &Arc<Drops>) -> Result<Arc<SrcuPointer<Tracked>>, Failure> {
    let object = UniqueRcuBox::new(Tracked::new(1, drops), GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("tracked"));
    Ok(Arc::pin_init(pointer, GFP_KERNEL)?)
}

pub(super) fn srcu_synchronize_returns_the_object_after_a_sleeping_reader() -> Outcome {
    const INSIDE: usize = 1;
    const ENDED_INTACT: usize = 2;
    let drops = Drops::new()?;
    let pointer = tracked(&drops)?;
    let stage = Arc::new(AtomicUsize::new(0), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (pointer, stage) = (pointer.clone(), stage.clone());
        move || {
            let reader = pointer.read_lock();
            let object = reader.dereference();
            stage.store(INSIDE, Ordering::Release);
            platform::sleep_ms(HOLD_MS as u32);
            if object.is_some_and(Tracked::is_intact) {
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
    let object = retired.synchronize();
    ensure!(stage.load(Ordering::Acquire) == ENDED_INTACT);
    ensure!(object.is_intact());
    drop(object);
    ensure!(drops.count() == 1);
    drop(thread);
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
