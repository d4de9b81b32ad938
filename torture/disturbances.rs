// SPDX-License-Identifier: GPL-2.0

//! What disturbs a run: rests, and CPUs that go and come.

use super::{counters::Count, run::Run};
use crate::kernel_ext::{cpu, delay::sleep_ms, random::Random};

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
        let Some(cpu) = take_one_offline(&mut random) else {
            continue;
        };
        run.counters.count(Count::Hotplugs);
        run.rest(ms);
        bring_back(cpu);
    }
}

/// Some must stay: the first that goes, from any on.
fn take_one_offline(random: &mut Random) -> Option<u32> {
    let count = cpu::online().count();
    let first = random.below(count as u32) as usize;
    cpu::online()
        .cycle()
        .skip(first)
        .take(count)
        .find(|cpu| cpu::take_offline(*cpu).is_ok())
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
