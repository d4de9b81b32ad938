// SPDX-License-Identifier: GPL-2.0

//! Explains stalls of RCU Tasks and RCU Tasks Trace.

use super::{cpus, in_function, stall, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    if event.tasks.is_empty() {
        return stall::summary(event);
    }
    let on_cpus = match event.cpus.as_slice() {
        [] => String::new(),
        _ => format!(" on {}", cpus(event)),
    };
    let how = match is_trace(event) {
        true => "with a reader open",
        false => "without a voluntary context switch",
    };
    format!(
        "{} {}{on_cpus} {}, {how}{}{}.",
        stall::task_noun(event.tasks.len()),
        tasks(event),
        stall::stalled(event),
        in_function(event),
        stall::repeat(event)
    )
}

fn is_trace(event: &Event) -> bool {
    let flavor = event.flavor.as_deref();
    flavor.is_some_and(|flavor| flavor.contains("trace"))
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    if is_trace(event) {
        out.cause("a reader of RCU Tasks Trace, such as a sleepable BPF program, does not end")
            .advise("Find the BPF program that sleeps or loops in the task's stack.");
    } else {
        out.cause("a kthread or another task runs for minutes without a voluntary context switch, for which RCU Tasks waits; preemption does not count")
            .advise("Call cond_resched_tasks_rcu_qs() in its loop. Tracing, BPF trampolines and live patching wait for it.");
    }
    out.hint(event);
    stall::complete(event, out);
}
