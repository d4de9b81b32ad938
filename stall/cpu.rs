// SPDX-License-Identifier: GPL-2.0

//! CPUs that do nothing else: a loop in which RCU sees no quiescent state.

use super::{
    kinds::{Kind, CPU_STALL_MS},
    raw,
    run::Run,
    scene::Scene,
};
use crate::{
    kernel_ext::cpu,
    rcu::{self, read_lock, RcuBox, Reclaim, Softirq},
};
use kernel::{new_spinlock, prelude::*, sync::Arc};

pub(super) const PREEMPT_OFF: Kind = Kind {
    name: "cpu_preempt_off",
    shows: "a reader loops with preemption off",
    expects: SELF_DETECTED,
    provoke: preempt_off,
    ..Kind::DEFAULT
};

pub(super) const BH_OFF: Kind = Kind {
    name: "cpu_bh_off",
    shows: "a callback of call_rcu() loops, with bottom halves off",
    expects: SELF_DETECTED,
    culprit: None,
    provoke: bh_off,
    ..Kind::DEFAULT
};

pub(super) const IRQ_OFF: Kind = Kind {
    name: "cpu_irq_off",
    shows: "an interrupt's handler loops, with interrupts off",
    expects: "detected stalls on CPUs/tasks:",
    needs_two_cpus: true,
    hold_ms: CPU_STALL_MS + 1500,
    // Less than watchdogs of hardware allow.
    max_hold_ms: 10_000,
    culprit: None,
    provoke: irq_off,
    ..Kind::DEFAULT
};

/// Mostly "self-detected stall on CPU"; "detected stalls on CPUs/tasks:" where another CPU's tick comes first by two
/// jiffies, as it does in a virtual machine whose own CPUs have to wait.
const SELF_DETECTED: &str = "detected stall";

fn preempt_off(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize)?;
    hold_cpu(&mut scene)?;
    scene.play();
    Ok(())
}

/// Has the culprit read until the run is over, and let nobody else have the CPU meanwhile.
///
/// Errors: those of [`Scene::spawn`]. Context: may sleep.
pub(super) fn hold_cpu(scene: &mut Scene<'_>) -> Result {
    let lock = Arc::pin_init(new_spinlock!((), "stall"), GFP_KERNEL)?;
    scene.culprit(move |run| {
        let _preemption_is_off = lock.lock();
        let _reader = read_lock();
        run.note_held();
        run.spin();
    })
}

/// An object whose callback takes as long as the run.
struct Callback(Arc<Run>);

impl Reclaim for Callback {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        this.0.note_held();
        this.0.spin();
    }
}

fn bh_off(run: &Arc<Run>) -> Result {
    let callback = RcuBox::new(Callback(run.clone()), GFP_KERNEL)?;
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize)?;
    cpu::interrupt(run.plan.cpu, || callback.retire().call_rcu())?;
    scene.play();
    rcu::barrier();
    Ok(())
}

fn irq_off(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize)?;
    let handler = || {
        run.note_held();
        run.spin();
    };
    raw::interrupt_meanwhile(run.plan.cpu, &handler, || scene.play())
}
