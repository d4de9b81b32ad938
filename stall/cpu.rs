// SPDX-License-Identifier: GPL-2.0

//! Stalls of a CPU: a loop in which RCU sees no quiescent state.

use super::{
    kind::{StallKind, CPU_STALL_MS},
    raw,
    run::Run,
    threads::StallThreads,
};
use crate::{
    kernel_ext::cpu,
    rcu::{self, read_lock, Reclaim, Softirq, UniqueRcuBox},
};
use kernel::{prelude::*, sync::Arc};

pub(super) const PREEMPT_OFF: StallKind = StallKind {
    name: "cpu_preempt_off",
    shows: "a reader loops with preemption off",
    expects: CPU_STALL,
    provoke: preempt_off,
    ..StallKind::DEFAULT
};

pub(super) const BH_OFF: StallKind = StallKind {
    name: "cpu_bh_off",
    shows: "a call_rcu() callback loops with bottom halves off",
    expects: CPU_STALL,
    culprit: None,
    provoke: bh_off,
    ..StallKind::DEFAULT
};

pub(super) const IRQ_OFF: StallKind = StallKind {
    name: "cpu_irq_off",
    shows: "an interrupt handler loops with interrupts off",
    expects: "detected stalls on CPUs/tasks:",
    needs_two_cpus: true,
    hold_ms: CPU_STALL_MS + 1500,
    // Shorter than the time-outs of hardware watchdogs.
    max_hold_ms: 10_000,
    culprit: None,
    provoke: irq_off,
    ..StallKind::DEFAULT
};

/// Matches "self-detected stall on CPU", the usual report, and "detected stalls on CPUs/tasks:".
/// The kernel prints the second one if another CPU's tick is two jiffies earlier, as in a virtual
/// machine whose CPUs share a host CPU.
const CPU_STALL: &str = "detected stall";

fn preempt_off(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    spawn_spinning_reader(&mut threads)?;
    threads.join_when_over();
    Ok(())
}

/// Starts a culprit that reads with preemption off until the run is over.
///
/// Errors: those of [`StallThreads::spawn`]. Context: may sleep.
pub(super) fn spawn_spinning_reader(threads: &mut StallThreads<'_>) -> Result {
    let preemption = raw::PreemptionLock::new()?;
    threads.spawn_culprit(move |run| {
        preemption.hold(|| {
            let _reader = read_lock();
            run.note_culprit_began();
            run.spin_until_over();
        });
    })
}

/// An object whose callback lasts until the run is over.
struct SpinningCallback(Arc<Run>);

impl Reclaim for SpinningCallback {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl SpinningCallback {
    fn reclaim(this: UniqueRcuBox<Self>) {
        this.0.note_culprit_began();
        this.0.spin_until_over();
    }
}

fn bh_off(run: &Arc<Run>) -> Result {
    let callback = UniqueRcuBox::new(SpinningCallback(run.clone()), GFP_KERNEL)?;
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    cpu::interrupt(run.plan.cpu, || callback.retire().call_rcu())?;
    threads.join_when_over();
    rcu::barrier();
    Ok(())
}

fn irq_off(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    let handler = || {
        run.note_culprit_began();
        run.spin_until_over();
    };
    raw::interrupt_meanwhile(run.plan.cpu, &handler, || threads.join_when_over())
}
