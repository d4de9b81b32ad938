// SPDX-License-Identifier: GPL-2.0

//! Tests of callbacks: barriers wait for all of them, and floods of them make progress.

use super::{
    bug::Bug,
    counters::Count,
    findings::Finding,
    flavour::{CallbackCount, CountedCallback, Flavour},
    run::Run,
};
use crate::{
    kernel_ext::{cpu, delay::sleep_ms, random::Random, sched::yield_now},
    rcu::UniqueRcuBox,
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Delta, Instant, Monotonic},
};

/// Callbacks that each CPU queues before a barrier.
const CALLBACKS_PER_CPU: u32 = 4;
/// Callbacks of one flood.
const FLOOD_CALLBACKS: u32 = 20_000;
/// Callbacks queued between two yields.
const BATCH: u32 = 256;
/// Seconds after which an unfinished flood is an error.
const FLOOD_TIMEOUT_SECS: i64 = 60;

fn new_callback(count: &Arc<CallbackCount>) -> Result<UniqueRcuBox<CountedCallback>> {
    Ok(UniqueRcuBox::new(
        CountedCallback(count.clone()),
        GFP_KERNEL,
    )?)
}

/// The barrier thread: tests barriers until the run is over.
pub(super) fn test_barriers<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    // Keeps the callback that the negative control does not queue, so that it is not leaked.
    let mut lost = None;
    while run.should_continue(&mut random) {
        if test_barrier(run, flavour, &mut lost).is_err() {
            run.counters.count(Count::OutOfMemory);
        }
        sleep_ms(20 + random.below(100));
    }
}

fn test_barrier<F: Flavour>(
    run: &Run,
    flavour: &F,
    lost: &mut Option<UniqueRcuBox<CountedCallback>>,
) -> Result {
    let count = Arc::new(CallbackCount::new(), GFP_KERNEL)?;
    let mut queued = 0;
    for cpu in cpu::online() {
        for _ in 0..CALLBACKS_PER_CPU {
            let callback = new_callback(&count)?;
            queued += 1;
            if run.plan.bug == Bug::LostCallback && lost.is_none() {
                *lost = Some(callback);
                continue;
            }
            let mut callback = Some(callback);
            let mut queue = || {
                if let Some(callback) = callback.take() {
                    flavour.queue(callback);
                }
            };
            // Queue on that CPU, so that its callback list is not empty. It may have gone offline.
            if cpu::interrupt(cpu, &mut queue).is_err() {
                queue();
            }
        }
    }
    flavour.barrier();
    let missing = queued - count.get();
    if missing > 0 {
        run.findings.note(Finding::BarrierTooEarly, missing.into());
    }
    *lost = None;
    run.counters.count(Count::Barriers);
    Ok(())
}

/// The flood thread: queues floods of callbacks, with pauses, until the run is over.
pub(super) fn flood<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        if flood_once(run, flavour).is_err() {
            run.counters.count(Count::OutOfMemory);
        }
        run.sleep(3000 + random.below(3000));
    }
}

fn flood_once<F: Flavour>(run: &Run, flavour: &F) -> Result {
    let count = Arc::new(CallbackCount::new(), GFP_KERNEL)?;
    let mut queued = 0;
    while queued < FLOOD_CALLBACKS && !run.is_over() {
        flavour.queue(new_callback(&count)?);
        queued += 1;
        if queued % BATCH == 0 {
            yield_now();
            let waiting = queued - count.get();
            run.counters.raise(Count::FloodMostWaiting, waiting.into());
        }
    }
    run.counters.add(Count::FloodCallbacks, queued.into());
    let since = Instant::<Monotonic>::now();
    while count.get() < queued {
        if since.elapsed() > Delta::from_secs(FLOOD_TIMEOUT_SECS) {
            run.findings
                .note(Finding::NoProgress, FLOOD_TIMEOUT_SECS as u64);
            return Ok(());
        }
        sleep_ms(5);
    }
    let drain_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(0);
    run.counters.raise(Count::FloodMostDrainMs, drain_ms);
    run.counters.count(Count::Floods);
    Ok(())
}
