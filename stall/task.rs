// SPDX-License-Identifier: GPL-2.0

//! Tasks that do not come to their end, while their CPU has done its part: readers that were preempted, and
//! readers that wait, which is forbidden.

use super::{
    kinds::{unless, Kind, HUNG_TASK_MS},
    raw,
    run::Run,
    scene::Scene,
};
use crate::{
    kernel_ext::{
        delay::spin_us,
        kthread::{Attributes, Priority},
    },
    rcu::{self, read_lock},
};
use kernel::{prelude::*, sync::Arc};

pub(super) const PREEMPTED: Kind = Kind {
    name: "task_preempted",
    shows: "a real-time thread takes a reader's CPU away",
    expects: "Tasks blocked on level-",
    missing: NO_PREEMPTION,
    provoke: preempted,
    ..Kind::DEFAULT
};

pub(super) const BLOCKED: Kind = Kind {
    name: "task_blocked",
    shows: "a reader sleeps, again and again",
    expects: "Tasks blocked on level-",
    missing: NO_PREEMPTION,
    provoke: blocked,
    ..Kind::DEFAULT
};

pub(super) const TASKS: Kind = Kind {
    name: "tasks",
    shows: "a thread never gives up its CPU by itself, which RCU tasks wait for",
    expects: "rcu_tasks detected stalls on tasks:",
    missing: unless(cfg!(CONFIG_TASKS_RCU), "CONFIG_TASKS_RCU"),
    hold_ms: HUNG_TASK_MS,
    culprit: Some(c"stall_task"),
    provoke: tasks,
    ..Kind::DEFAULT
};

/// Where readers cannot be preempted, each switch ends what RCU takes for a reader.
const NO_PREEMPTION: Option<&str> = unless(cfg!(CONFIG_PREEMPT_RCU), "CONFIG_PREEMPT_RCU");

fn preempted(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    let first = Attributes {
        priority: Priority::RealTime,
        ..scene.on_cpu()
    };
    scene.victim(c"stall_preempter", first, Run::spin)?;
    scene.waiter(rcu::synchronize)?;
    scene.culprit(|run| {
        let _reader = read_lock();
        run.note_held();
        spin_preemptibly(run);
    })?;
    scene.play();
    Ok(())
}

/// Keeps the CPU busy, and gives it to whom it is taken away for even where the kernel preempts at certain points
/// only.
fn spin_preemptibly(run: &Run) {
    while !run.is_over() {
        spin_us(100);
        raw::might_resched();
    }
}

fn blocked(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    scene.waiter(rcu::synchronize)?;
    scene.culprit(|run| {
        let reader = read_lock();
        run.note_held();
        while !run.is_over() {
            raw::sleep_in_reader(&reader, 5);
        }
    })?;
    scene.play();
    Ok(())
}

fn tasks(run: &Arc<Run>) -> Result {
    let mut scene = Scene::new(run);
    scene.waiter(raw::synchronize_tasks)?;
    scene.culprit(|run| {
        run.note_held();
        spin_preemptibly(run);
    })?;
    scene.play();
    Ok(())
}
