// SPDX-License-Identifier: GPL-2.0

//! Stalls by a task whose CPU has passed a quiescent state: a preempted reader, a reader that
//! sleeps, and a task that never yields.

use super::{
    kind::{unless, StallKind, HUNG_TASK_MS},
    raw,
    run::Run,
    threads::StallThreads,
};
use crate::{
    kernel_ext::{
        delay::spin_us,
        kthread::{Attributes, Priority},
    },
    rcu::{self, read_lock},
};
use kernel::{prelude::*, sync::Arc};

pub(super) const PREEMPTED: StallKind = StallKind {
    name: "task_preempted",
    shows: "a thread of higher priority preempts a reader",
    expects: "Tasks blocked on level-",
    missing: NO_PREEMPTIBLE_READERS,
    provoke: preempted,
    ..StallKind::DEFAULT
};

pub(super) const BLOCKED: StallKind = StallKind {
    name: "task_blocked",
    shows: "a reader sleeps repeatedly",
    expects: "Tasks blocked on level-",
    missing: NO_PREEMPTIBLE_READERS,
    provoke: blocked,
    ..StallKind::DEFAULT
};

pub(super) const TASKS: StallKind = StallKind {
    name: "tasks",
    shows: "a thread never yields its CPU voluntarily, which RCU tasks waits for",
    expects: "rcu_tasks detected stalls on tasks:",
    missing: unless(cfg!(CONFIG_TASKS_RCU), "CONFIG_TASKS_RCU"),
    hold_ms: HUNG_TASK_MS,
    culprit: Some(c"stall_task"),
    provoke: tasks,
    ..StallKind::DEFAULT
};

/// Without preemptible readers, RCU treats each context switch as the end of a reader.
const NO_PREEMPTIBLE_READERS: Option<&str> = unless(cfg!(CONFIG_PREEMPT_RCU), "CONFIG_PREEMPT_RCU");

/// The priorities of the thread that preempts, and of the reader.
///
/// With `PREEMPT_RT` a thread of each CPU does RCU's work. It has the lowest real-time priority, so
/// a real-time preempter would starve that thread, and RCU would report only this.
const PREEMPTER_AND_READER: (Priority, Priority) = if cfg!(CONFIG_PREEMPT_RT) {
    (Priority::Normal, Priority::Lowest)
} else {
    (Priority::RealTime, Priority::Normal)
};

fn preempted(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    let on_stalled_cpu = threads.on_stalled_cpu();
    let of_priority = |priority| Attributes {
        priority,
        ..on_stalled_cpu
    };
    let (preempter, reader) = PREEMPTER_AND_READER;
    threads.spawn_blocked(
        c"stall_preempter",
        of_priority(preempter),
        Run::spin_until_over,
    )?;
    threads.spawn_waiter(rcu::synchronize)?;
    threads.spawn(c"stall_reader", of_priority(reader), |run| {
        let _reader = read_lock();
        run.note_culprit_began();
        spin_preemptibly(run);
    })?;
    threads.join_when_over();
    Ok(())
}

/// Keeps the CPU busy until the run is over, and lets other threads preempt this one on every
/// preemption model.
fn spin_preemptibly(run: &Run) {
    while !run.is_over() {
        spin_us(100);
        raw::might_resched();
    }
}

fn blocked(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(rcu::synchronize)?;
    threads.spawn_culprit(|run| {
        let reader = read_lock();
        run.note_culprit_began();
        while !run.is_over() {
            raw::sleep_in_reader(&reader, 5);
        }
    })?;
    threads.join_when_over();
    Ok(())
}

fn tasks(run: &Arc<Run>) -> Result {
    let mut threads = StallThreads::new(run);
    threads.spawn_waiter(raw::synchronize_tasks)?;
    threads.spawn_culprit(|run| {
        run.note_culprit_began();
        spin_preemptibly(run);
    })?;
    threads.join_when_over();
    Ok(())
}
