// SPDX-License-Identifier: GPL-2.0

//! What disturbs a run: rests, and CPUs that go and come.

use super::{counters::Count, run::Run};
use crate::{cpu, delay::sleep_ms, random::Random};

/// How often a CPU is told to come back.
const TRIES: u32 = 50;

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
        bring_back(cpu);
    }
}

/// Others may change CPUs too, and then it takes more than one try.
fn bring_back(cpu: u32) {
    for _ in 0..TRIES {
        if cpu::bring_online(cpu).is_ok() {
            return;
        }
        sleep_ms(100);
    }
    kernel::pr_err!("rcu-torture: CPU {cpu} stays offline\n");
}
