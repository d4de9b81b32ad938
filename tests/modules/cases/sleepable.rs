// SPDX-License-Identifier: GPL-2.0

//! SRCU: readers that sleep.

use super::{ensure, platform, rcu, Failure, Fate, Outcome, SleepyWitness, Witness, HOLD_MS};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{prelude::*, sync::Arc};
use rcu::{new_srcu, CallbackDrain, RcuBox, SrcuGracePeriod, SrcuPointer};

fn witness(fate: &Arc<Fate>) -> Result<Arc<SrcuPointer<Witness>>, Failure> {
    let object = RcuBox::new(Witness::new(1, fate), GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("witness"));
    Ok(Arc::pin_init(pointer, GFP_KERNEL)?)
}

pub(super) fn srcu_synchronize_gives_back_after_a_reader_that_sleeps() -> Outcome {
    const INSIDE: usize = 1;
    const CONTENT: usize = 2;
    let fate = Fate::new()?;
    let pointer = witness(&fate)?;
    let stage = Arc::new(AtomicUsize::new(0), GFP_KERNEL)?;
    let thread = platform::spawn({
        let (pointer, stage) = (pointer.clone(), stage.clone());
        move || {
            let reader = pointer.read_lock();
            let object = reader.dereference();
            stage.store(INSIDE, Ordering::Release);
            platform::sleep_ms(HOLD_MS as u32);
            if object.is_some_and(Witness::is_intact) {
                stage.store(CONTENT, Ordering::Release);
            }
        }
    })?;
    while stage.load(Ordering::Acquire) == 0 {
        platform::sleep_ms(1);
    }
    // Grace periods of RCU do not wait for such a reader.
    rcu::synchronize();
    let Some(retired) = pointer.replace(None) else {
        return Err(ENOENT.into());
    };
    let object = retired.synchronize();
    ensure!(stage.load(Ordering::Acquire) == CONTENT);
    ensure!(object.is_intact());
    drop(object);
    ensure!(fate.drops() == 1);
    drop(thread);
    Ok(())
}

pub(super) fn call_srcu_reclaims_after_the_reader() -> Outcome {
    let fate = Fate::new()?;
    let pointer = witness(&fate)?;
    let reader = pointer.read_lock();
    let object = reader.dereference();
    if let Some(old) = pointer.replace(None) {
        old.call_srcu();
    }
    ensure!(reader.dereference().is_none());
    platform::sleep_ms(HOLD_MS as u32);
    ensure!(fate.drops() == 0);
    ensure!(object.is_some_and(Witness::is_intact));
    drop(reader);
    pointer.domain().barrier();
    ensure!(fate.drops() == 1);
    Ok(())
}

pub(super) fn srcu_queue_work_reclaims_in_process_context() -> Outcome {
    let fate = Fate::new()?;
    let drain = CallbackDrain::new();
    // It sleeps when it is dropped.
    let object = RcuBox::new(SleepyWitness(Witness::new(1, &fate)), GFP_KERNEL)?;
    let pointer = SrcuPointer::new(Some(object), new_srcu!("sleepy_witness"));
    let pointer = Arc::pin_init(pointer, GFP_KERNEL)?;
    let reader = pointer.read_lock();
    if let Some(old) = pointer.replace(None) {
        old.queue_work();
    }
    platform::sleep_ms(HOLD_MS as u32);
    ensure!(fate.drops() == 0);
    drop(reader);
    drop(pointer);
    drop(drain);
    ensure!(fate.drops() == 1);
    ensure!(fate.in_process.load(Ordering::Relaxed) == 1);
    Ok(())
}

pub(super) fn srcu_polling_gives_back_after_the_reader() -> Outcome {
    let fate = Fate::new()?;
    let pointer = witness(&fate)?;
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
    ensure!(fate.drops() == 1);
    Ok(())
}

pub(super) fn an_srcu_cookie_is_not_complete_while_a_reader_is_held() -> Outcome {
    let domain = Arc::pin_init(new_srcu!("cookie"), GFP_KERNEL)?;
    for take in [SrcuGracePeriod::start, SrcuGracePeriod::snapshot] {
        let reader = domain.read_lock();
        let cookie = take(&domain);
        platform::sleep_ms(HOLD_MS as u32);
        ensure!(!cookie.is_complete());
        drop(reader);
        domain.synchronize_expedited();
        ensure!(cookie.is_complete());
    }
    Ok(())
}

pub(super) fn dropping_an_srcu_pointer_waits_for_callbacks() -> Outcome {
    const COUNT: usize = 1000;
    let fate = Fate::new()?;
    let pointer = witness(&fate)?;
    for number in 1..COUNT {
        let new = RcuBox::new(Witness::new(number as u64, &fate), GFP_KERNEL)?;
        drop(pointer.replace(Some(new)));
    }
    drop(pointer);
    ensure!(fate.drops() == COUNT);
    Ok(())
}
