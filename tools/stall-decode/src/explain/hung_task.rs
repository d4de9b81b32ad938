// SPDX-License-Identifier: GPL-2.0

//! Explains hung tasks.

use super::{duration, in_function, tasks, Explanation};
use crate::event::Event;
use crate::incident::waits_for_grace_period;

pub(super) fn summary(event: &Event) -> String {
    let task = tasks(event);
    let seconds = event.seconds.map_or("long".to_string(), duration);
    let at = match (&event.waits_for, &event.culprit_frame) {
        (Some(wait), Some(caller)) => format!(", waiting in {wait}() called by {caller}()"),
        (Some(wait), None) => format!(", waiting in {wait}()"),
        (None, _) => in_function(event),
    };
    let grace_period = match waits_for_grace_period(event) {
        true => ": the grace period does not end",
        false => "",
    };
    format!("{task} has slept for more than {seconds}{at}{grace_period}.")
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    if let Some(owner) = event.field("likely owner") {
        out.cause(format!(
            "{} holds the lock for which the task waits",
            owner.value
        ));
    }
    let function = event.waits_for.as_deref().unwrap_or_default();
    if waits_for_grace_period(event) {
        grace_period(function, out);
    } else if event.waits_for.is_some() {
        other_wait(function, out);
    }
    if out.causes.is_empty() {
        out.cause("a device or file system does not respond, or a lock is not released");
    }
    if out.advice.is_empty() {
        out.advise("`echo w > /proc/sysrq-trigger` shows the stacks of all tasks that hang.");
    }
}

fn grace_period(function: &str, out: &mut Explanation) {
    if function.contains("srcu") {
        out.cause("a reader of that srcu_struct does not end: SRCU itself reports no stalls")
            .advise("Look for tasks that sleep inside srcu_read_lock() of the same structure.");
    } else {
        out.cause("an RCU reader does not end, or the grace-period kthread does not run: look for an RCU stall in this log")
            .advise("Fix the culprit of the stall. This task only waits for it.");
    }
    if function.contains("barrier") {
        out.cause("too many callbacks are queued, or one runs for too long");
    }
    if function.contains("exp_funnel") {
        out.cause(
            "another task waits for an expedited grace period, and this task is queued behind it",
        );
    }
}

fn other_wait(function: &str, out: &mut Explanation) {
    let is_lock = ["mutex", "rwsem", "lock"]
        .iter()
        .any(|part| function.contains(part));
    if is_lock || function.starts_with("down") {
        out.cause("the holder of the lock sleeps itself, or two tasks wait for each other")
            .advise("Find the holder: `echo d > /proc/sysrq-trigger` lists all locks held (lockdep kernels), `echo w` all tasks that hang.");
    } else {
        out.cause("the event that it waits for does not happen: a device does not respond, or another task hangs")
            .advise("Find in the stack what the task waits for. Other hung tasks in this log may be the cause.");
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn a_task_that_waits_for_a_grace_period_is_not_the_culprit() {
        let event = only(
            "INFO: task sh:57 blocked for more than 122 seconds.\n\
             task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
             schedule+0x1/0x2\n\
             synchronize_rcu+0x1/0x2\n\
             sys_thing+0x1/0x2\n",
        );
        assert_eq!(
            event.summary,
            "sh (pid 57) has slept for more than 2 min 2 s, waiting in synchronize_rcu() called by sys_thing(): the grace period does not end."
        );
        assert!(
            event.advice[0].contains("culprit of the stall"),
            "{:?}",
            event.advice
        );
    }
}
