// SPDX-License-Identifier: GPL-2.0

//! Grace periods that RCU itself cannot end, and expedited grace periods.

use super::{
    cpu::spawn_spinning_reader,
    kind::{unless, StallKind},
    raw,
    run::Run,
    threads::StallThreads,
};
use crate::{
    kernel_ext::{
        delay::{sleep_ms, spin_us},
        kthread::{Attributes, Priority},
        sched::yield_now,
    },
    rcu::{self, read_lock, GracePeriod},
};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

pub(super) const KTHREAD_STARVED: StallKind = StallKind {
    name: "gp_kthread_starved",
    shows: "the grace-period kthread does not run, as if other threads left it no CPU",
    expects: "kthread starved for",
    missing: unless(cfg!(CONFIG_RCU_TORTURE_TEST), "CONFIG_RCU_TORTURE_TEST"),
    needs_two_cpus: true,
    culprit: Some(GP_KTHREAD),
    provoke: kthread_starved,
    ..StallKind::DEFAULT
};

pub(super) const KTHREAD_PREEMPTED: StallKind = StallKind {
    name: "gp_kthread_preempted",
    shows: "a real-time thread that never sleeps has the CPU of the grace-period kthread",
    expects: "kthread starved for",
    needs_two_cpus: true,
    culprit: Some(c"stall_hog"),
    provoke: kthread_preempted,
    ..StallKind::DEFAULT
};

pub(super) const EXPEDITED: StallKind = StallKind {
    name: "expedited",
    shows: "a reader blocks synchronize_rcu_expedited()",
    expects: "detected expedited stalls on CPUs/tasks:",
    hold_ms: 3000,
    provoke: expedited,
    ..StallKind::DEFAULT
};

/// The name of the grace-period kthread.
const GP_KTHREAD: &CStr = if cfg!(CONFIG_PREEMPT_RCU) {
    c"rcu_preempt"
} else {
    c"rcu_sched"
};

/// Milliseconds within which the kthread begins a requested grace period.
const GP_START_MS: u32 = 50;
/// Milliseconds within which the kthread scans again for quiescent states. On an idle CPU it scans
/// many times.
const GP_CHECK_MS: u32 = 300;

fn kthread_starved(run: &Arc<Run>) -> Result {
    let gp_kthread = raw::find_kthread(GP_KTHREAD).ok_or(ESRCH)?;
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    // The kthread must be delayed inside a grace period. This reader keeps one from ending.
    threads.spawn(c"stall_reader", threads.on_stalled_cpu(), |run| {
        let _reader = read_lock();
        let _started = GracePeriod::start();
        run.note_culprit_began();
        spin_us(GP_START_MS * 1000);
        raw::delay_gp_kthread(run.left_ms());
        spin_us(GP_CHECK_MS * 1000);
    })?;
    run.wait_for_culprit();
    run.set_pid(gp_kthread.pid());
    let grace_period = GracePeriod::start();
    run.sleep_until_over();
    // The kthread may still sleep, or begin to sleep now: wake it until it has ended a grace
    // period. Where it has not slept yet, it would do so in a later one, after this run.
    raw::delay_gp_kthread(1);
    while !grace_period.is_complete() {
        gp_kthread.wake();
        sleep_ms(10);
    }
    Ok(())
}

fn kthread_preempted(run: &Arc<Run>) -> Result {
    let gp_kthread = raw::find_kthread(GP_KTHREAD).ok_or(ESRCH)?;
    // The kthread begins a grace period there.
    let bound = gp_kthread.bind(run.plan.other_cpu.ok_or(ENXIO)?)?;
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    let hog = Attributes {
        priority: Priority::HighRealTime,
        ..threads.on_stalled_cpu()
    };
    threads.spawn(c"stall_hog", hog, |run| {
        // RCU reports only a grace period that has begun. This reader keeps it from ending until
        // the kthread is here.
        let reader = read_lock();
        let _started = GracePeriod::start();
        spin_us(GP_START_MS * 1000);
        run.note_culprit_began();
        spin_us(GP_CHECK_MS * 1000);
        drop(reader);
        // Without preemptible readers, RCU would take a loop in the kernel for one.
        while !run.is_over() {
            spin_us(100);
            yield_now();
        }
    })?;
    run.wait_for_culprit();
    bound.move_to(run.plan.cpu)?;
    threads.join_when_over();
    Ok(())
}

fn expedited(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize_expedited)?;
    spawn_spinning_reader(&mut threads)?;
    threads.join_when_over();
    Ok(())
}
