// SPDX-License-Identifier: GPL-2.0

//! What disturbs a run: rests, and CPUs that go and come.

use super::{counters::Count, run::Run};
use crate::{cpu, random::Random};

/// What the thread does that has all others rest from time to time, so that RCU is idle and is woken.
pub(super) fn stutter(run: &Run) {
    let ms = run.plan.stutter.saturating_mul(1000);
    while !run.is_over() {
        run.rest(ms);
        run.pause(true);
        run.counters.count(Count::Stutters);
        run.rest(ms);
        run.pause(false);
    }
}

/// What the thread does that takes CPUs offline and brings them back. All are online at its end.
pub(super) fn hotplug(run: &Run) {
    let mut random = Random::new();
    let ms = run.plan.onoff_interval.saturating_mul(1000);
    while !run.is_over() {
        run.rest(ms);
        let number = random.below(cpu::online().count() as u32);
        let Some(cpu) = cpu::online().nth(number as usize) else {
            continue;
        };
        // Some must stay.
        if cpu::take_offline(cpu).is_err() {
            continue;
        }
        run.counters.count(Count::Hotplugs);
        run.rest(ms);
        while let Err(error) = cpu::bring_online(cpu) {
            if run.is_over() {
                kernel::pr_err!("rcu-torture: CPU {cpu} stays offline: {error:?}\n");
                break;
            }
            run.rest(100);
        }
    }
}
