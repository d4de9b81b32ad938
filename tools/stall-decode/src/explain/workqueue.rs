// SPDX-License-Identifier: GPL-2.0

//! Explains worker pools that make no progress.

use super::{cpus, duration, in_function, Explanation};
use crate::event::{Culprit, Event};

pub(super) fn summary(event: &Event) -> String {
    let seconds = event.seconds.map_or("long".to_string(), duration);
    let busy = match &event.work {
        Some(work) => format!("; {work}() is running{}{}", at(event, work), worker(event)),
        None => String::new(),
    };
    let pending = event.fields.iter().filter(|field| field.name == "pending");
    let pending: Vec<_> = pending.map(|field| field.value.as_str()).collect();
    let waiting = match pending.is_empty() {
        true => String::new(),
        false => format!("; waiting: {}", pending.join(", ")),
    };
    format!(
        "The worker pool of {} has started no work item for {seconds}{busy}{waiting}.",
        cpus(event)
    )
}

/// ` (kworker (pid 57))`
fn worker(event: &Event) -> String {
    let worker = event.tasks.first();
    worker.map_or(String::new(), |worker| format!(" in {worker}"))
}

/// ` in spin()`, if the work item is in another function.
fn at(event: &Event, work: &str) -> String {
    match event.culprit_frame.as_deref() {
        Some(function) if function != work => in_function(event),
        _ => String::new(),
    }
}

/// Returns whether the log has the list of work items.
fn has_list(event: &Event) -> bool {
    let names = ["workqueue", "pending", "in flight", "inactive"];
    names.iter().any(|name| event.field(name).is_some())
}

/// Returns whether the pool has lost its CPU (POOL_DISASSOCIATED).
fn is_without_cpu(event: &Event) -> bool {
    let flags = event.field("flags").and_then(|flags| {
        let digits = flags.value.trim_start_matches("0x");
        u64::from_str_radix(digits, 16).ok()
    });
    flags.is_some_and(|flags| flags & 4 != 0)
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let cpus = cpus(event);
    match &event.work {
        Some(work) => {
            out.cause(format!("the work item {work}() keeps a worker of {cpus} busy without sleeping, so that the pool starts no other"))
                .advise(format!("Shorten {work}(), call cond_resched() in it, or queue it to a work queue with WQ_UNBOUND or WQ_CPU_INTENSIVE."));
        }
        None if is_without_cpu(event) => {
            out.blame(Culprit::Code, format!("whoever queues work to {cpus}, which is offline"))
                .cause(format!("the pool has no CPU (flags=0x4): {cpus} is offline, so that no worker runs there, and the work item waits forever"))
                .advise(format!("Find the code that queues work to {cpus}: the pending work items below the reports name it. It must not queue to a CPU that is offline."));
            out.blame.sure = "guess";
        }
        None if !has_list(event) => {
            out.cause(format!("the log does not show the work items of the pool of {cpus}: either a work item does not end, or the CPU does not get to its workers"))
                .advise(format!("Read the list of busy workqueues after the report. `echo t > /proc/sysrq-trigger` shows the workers; `echo l` the stack of {cpus}."));
            out.blame(Culprit::Cpu, cpus.clone());
            out.blame.sure = "guess";
        }
        None => {
            out.cause(format!("{cpus} runs none of its workers: a task of real-time priority, an interrupt, or a loop in the kernel keeps the CPU"))
                .advise(format!("Look for the stack of {cpus}: `echo l > /proc/sysrq-trigger` shows it. A soft lockup or an RCU stall of the same CPU names the culprit."));
        }
    }
    if event.frames.is_empty() && event.work.is_some() {
        out.blame.sure = "guess";
        out.cause("the log has no stack of the worker, so that it does not say where it is")
            .advise("While the worker runs, its stack is in /proc/PID/stack, or `echo l > /proc/sysrq-trigger` shows it.");
    }
    out.hint(event);
    out.cause("the pool cannot create a worker, because memory is short");
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn a_busy_work_item_is_to_blame_for_the_waiting_ones() {
        let event = only(
            "BUG: workqueue lockup - pool cpus=2 node=0 flags=0x0 nice=0 stuck for 58s!\n\
             workqueue events: flags=0x0\n\
             \x20 pwq 4: cpus=2 node=0 flags=0x0 nice=0 active=3/512 refcnt=5\n\
             \x20   in-flight: 14164:foo_work [foo]\n\
             \x20   pending: bar_work, baz_work\n",
        );
        assert_eq!(
            event.summary,
            "The worker pool of CPU 2 has started no work item for 58 s; foo_work() is running in kworker (pid 14164); waiting: bar_work, baz_work."
        );
        assert!(event.causes[0].contains("foo_work() keeps a worker of CPU 2 busy"));
        assert!(event.advice[0].contains("WQ_UNBOUND"));
    }
}
