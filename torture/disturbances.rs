// SPDX-License-Identifier: GPL-2.0

//! Disturbances of a run: pauses, and CPU hotplug.

use super::{counters::Count, run::Run};
use crate::kernel_ext::{cpu, delay::sleep_ms, random::Random};

/// Attempts to bring a CPU online.
const ONLINE_ATTEMPTS: u32 = 50;

/// The stutter thread: pauses all other threads periodically, so that RCU becomes idle and
/// restarts.
pub(super) fn stutter(run: &Run) {
    let ms = run.plan.stutter.saturating_mul(1000);
    while !run.is_over() {
        run.sleep(ms);
        run.pause(true);
        run.counters.count(Count::Stutters);
        run.sleep(ms);
        run.pause(false);
    }
}

/// The hotplug thread: takes CPUs offline and brings them online. When it ends, all CPUs are
/// online.
pub(super) fn hotplug(run: &Run) {
    let mut random = Random::new();
    let ms = run.plan.onoff_interval.saturating_mul(1000);
    while !run.is_over() {
        run.sleep(ms);
        let Some(cpu) = offline_random_cpu(&mut random) else {
            continue;
        };
        run.counters.count(Count::Hotplugs);
        run.sleep(ms);
        online_again(cpu);
    }
}

/// Takes a CPU offline. Tries all, beginning with a random one, because some cannot go offline.
fn offline_random_cpu(random: &mut Random) -> Option<u32> {
    let count = cpu::online().count();
    let first = random.below(count as u32) as usize;
    cpu::online()
        .cycle()
        .skip(first)
        .take(count)
        .find(|cpu| cpu::take_offline(*cpu).is_ok())
}

/// Brings a CPU online. Concurrent hotplug operations can make an attempt fail.
fn online_again(cpu: u32) {
    for _ in 0..ONLINE_ATTEMPTS {
        if cpu::bring_online(cpu).is_ok() {
            return;
        }
        sleep_ms(100);
    }
    kernel::pr_err!("rcu-torture: CPU {cpu} stays offline\n");
}
