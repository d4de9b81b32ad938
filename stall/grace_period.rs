// SPDX-License-Identifier: GPL-2.0

//! Grace periods that RCU itself cannot bring to their end, and those that are in a hurry.

use super::{
    cpu::hold_cpu,
    kinds::{unless, Kind},
    raw,
    run::Run,
    scene::Scene,
};
use crate::{
    kernel_ext::delay::{sleep_ms, spin_us},
    rcu::{self, read_lock, GracePeriod},
};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

pub(super) const KTHREAD_STARVED: Kind = Kind {
    name: "gp_kthread_starved",
    shows: "RCU's own thread does not run, as if others left it no CPU",
    expects: "kthread starved for",
    missing: unless(cfg!(CONFIG_RCU_TORTURE_TEST), "CONFIG_RCU_TORTURE_TEST"),
    needs_two_cpus: true,
    culprit: Some(GP_KTHREAD),
    provoke: kthread_starved,
    ..Kind::DEFAULT
};

pub(super) const EXPEDITED: Kind = Kind {
    name: "expedited",
    shows: "a reader holds up synchronize_rcu_expedited()",
    expects: "detected expedited stalls on CPUs/tasks:",
    hold_ms: 3000,
    provoke: expedited,
    ..Kind::DEFAULT
};

/// The name of the thread that conducts grace periods.
const GP_KTHREAD: &CStr = if cfg!(CONFIG_PREEMPT_RCU) {
    c"rcu_preempt"
} else {
    c"rcu_sched"
};

/// Milliseconds in which a grace period has begun, and its thread has come to where it waits for readers.
const BEGINNING_MS: u32 = 50;
/// Milliseconds in which it looks again whether readers are done: many times where nobody else wants its CPU.
const LOOKING_MS: u32 = 300;

fn kthread_starved(run: &Arc<Run>) -> Result {
    let gp_kthread = raw::find_kthread(GP_KTHREAD).ok_or(ESRCH)?;
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize)?;
    // The thread must be caught inside a grace period, so there is one that waits for this reader.
    scene.spawn(c"stall_reader", scene.on_cpu(), |run| {
        let _reader = read_lock();
        let _started = GracePeriod::start();
        run.note_held();
        spin_us(BEGINNING_MS * 1000);
        raw::delay_gp_kthread(run.left_ms());
        spin_us(LOOKING_MS * 1000);
    })?;
    run.wait_until_held();
    run.note_culprit(gp_kthread.pid());
    let grace_period = GracePeriod::start();
    run.sleep();
    // The thread is to sleep no longer; nor after the run, if it has not begun yet.
    while !grace_period.is_complete() {
        gp_kthread.wake();
        sleep_ms(10);
    }
    Ok(())
}

fn expedited(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize_expedited)?;
    hold_cpu(&mut scene)?;
    scene.play();
    Ok(())
}
