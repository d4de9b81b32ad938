// SPDX-License-Identifier: GPL-2.0

//! Callbacks: that a barrier waits for all of them, and that many at once do not stop anything.

use super::{
    bug::Bug,
    counters::Count,
    findings::Finding,
    flavour::{Flavour, Tick, Ticks},
    run::Run,
};
use crate::{
    kernel_ext::{cpu, delay::sleep_ms, random::Random, sched::yield_now},
    rcu::RcuBox,
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Delta, Instant, Monotonic},
};

/// Callbacks that a CPU queues for a barrier.
const FOR_BARRIER: u32 = 4;
/// Callbacks of a flood.
const FLOOD: u32 = 20_000;
/// Queued before others may run.
const AT_ONCE: u32 = 256;
/// Seconds in which a flood has to be over.
const PATIENCE: i64 = 60;

fn new_tick(ticks: &Arc<Ticks>) -> Result<RcuBox<Tick>> {
    Ok(RcuBox::new(Tick(ticks.clone()), GFP_KERNEL)?)
}

/// What the thread does that tests barriers.
pub(super) fn test_barriers<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    // What the negative control did not queue is not leaked.
    let mut lost = None;
    while run.goes_on(&mut random) {
        if test_barrier(run, flavour, &mut lost).is_err() {
            run.counters.count(Count::OutOfMemory);
        }
        sleep_ms(20 + random.below(100));
    }
}

fn test_barrier<F: Flavour>(run: &Run, flavour: &F, lost: &mut Option<RcuBox<Tick>>) -> Result {
    let ticks = Arc::new(Ticks::new(), GFP_KERNEL)?;
    let mut queued = 0;
    for cpu in cpu::online() {
        for _ in 0..FOR_BARRIER {
            let tick = new_tick(&ticks)?;
            queued += 1;
            if run.plan.bug == Bug::LostCallback && lost.is_none() {
                *lost = Some(tick);
                continue;
            }
            let mut tick = Some(tick);
            let mut queue = || {
                if let Some(tick) = tick.take() {
                    flavour.queue(tick);
                }
            };
            // From the CPU itself, so that its list of callbacks is not empty; unless it has gone offline.
            if cpu::interrupt(cpu, &mut queue).is_err() {
                queue();
            }
        }
    }
    flavour.barrier();
    let missing = queued - ticks.get();
    if missing > 0 {
        run.findings.note(Finding::BarrierTooEarly, missing.into());
    }
    *lost = None;
    run.counters.count(Count::Barriers);
    Ok(())
}

/// What the thread does that floods RCU with callbacks.
pub(super) fn flood<F: Flavour>(run: &Run, flavour: &F) {
    let mut random = Random::new();
    while run.goes_on(&mut random) {
        if flood_once(run, flavour).is_err() {
            run.counters.count(Count::OutOfMemory);
        }
        // Mostly there is no flood.
        run.rest(3000 + random.below(3000));
    }
}

fn flood_once<F: Flavour>(run: &Run, flavour: &F) -> Result {
    let ticks = Arc::new(Ticks::new(), GFP_KERNEL)?;
    let mut queued = 0;
    while queued < FLOOD && !run.is_over() {
        flavour.queue(new_tick(&ticks)?);
        queued += 1;
        if queued % AT_ONCE == 0 {
            yield_now();
        }
    }
    run.counters.add(Count::FloodCallbacks, queued.into());
    let since = Instant::<Monotonic>::now();
    while ticks.get() < queued {
        if since.elapsed() > Delta::from_secs(PATIENCE) {
            run.findings.note(Finding::NoProgress, PATIENCE as u64);
            return Ok(());
        }
        sleep_ms(5);
    }
    run.counters.count(Count::Floods);
    Ok(())
}
