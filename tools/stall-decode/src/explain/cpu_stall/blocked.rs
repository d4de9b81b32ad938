// SPDX-License-Identifier: GPL-2.0

//! Explains tasks that block a grace period while they do not run.

use crate::event::{Culprit, Event, Task};
use crate::explain::Explanation;

/// What the log shows of a blocked task.
enum State {
    /// A reader was left open, by the reason.
    Leaked(String),
    Runnable,
    Sleeping,
    Unknown,
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let Some(task) = blocked_task(event) else {
        return;
    };
    match state(event, task) {
        State::Leaked(why) => leaked(event, task, &why, out),
        State::Runnable => runnable(event, task, out),
        State::Sleeping => {
            out.blame(Culprit::Task, task.to_string());
            let place = wait(event);
            if is_realtime_lock(event) {
                out.cause(format!("the task waits for a spinlock inside rcu_read_lock(){place}, which PREEMPT_RT permits: the holder of that lock does not release it, or is this task itself"))
                    .advise("Find the holder of the lock: a task that is not scheduled (priorities), or code further out on this stack.");
                tell(event, out);
                return;
            }
            out.cause(format!("the task sleeps inside rcu_read_lock(){place}: a reader must not wait for a lock, a device or a timer"))
                .advise("Find the wait in the task's stack. Move the wait out of the reader, or use SRCU. If nothing on the stack is a reader, an earlier path left one open.");
        }
        State::Unknown => {
            out.blame(Culprit::Task, task.to_string())
                .cause("a task sleeps or was preempted inside rcu_read_lock(): it waits where a reader must not, or real-time tasks of higher priority keep its CPU")
                .advise("Look at the task's stack. If the task waits, move the wait out of the reader. If it is runnable, give it CPU time (CONFIG_RCU_BOOST helps against real-time load).");
        }
    }
    tell(event, out);
}

/// Adds what earlier events of the incident mean.
fn tell(event: &Event, out: &mut Explanation) {
    for told in &event.evidence.story {
        out.cause(told.clone());
    }
}

/// Returns the task that blocks the grace period, preferably one with a known state.
fn blocked_task(event: &Event) -> Option<&Task> {
    let listed = || {
        event
            .tasks
            .iter()
            .filter(|task| task.nesting.is_some() || event.cpus.is_empty())
    };
    let known = listed().find(|task| task.state.is_some());
    known.or_else(|| listed().next())
}

fn state(event: &Event, task: &Task) -> State {
    if let (Some(before), Some(now)) = (event.evidence.earlier_nesting, task.nesting) {
        return State::Leaked(format!("its readers were nested {before} deep in an earlier report of this grace period, and {now} deep now: each run leaves more open"));
    }
    if event.evidence.is_idle_worker {
        return State::Leaked("it is a kernel worker that waits for work, so that no work item runs, yet a reader is open".to_string());
    }
    match task.state.as_deref() {
        Some("R") => State::Runnable,
        Some(_) => State::Sleeping,
        None => State::Unknown,
    }
}

fn leaked(event: &Event, task: &Task, why: &str, out: &mut Explanation) {
    let nesting = task.nesting.unwrap_or_default();
    let deep = match nesting {
        2.. => format!(", {nesting} times"),
        _ => String::new(),
    };
    out.blame(Culprit::LeakedReader, format!("code that {task} ran earlier"))
        .certain()
        .cause(format!("a leaked reader: code that {task} ran earlier returned without rcu_read_unlock(){deep}; {why}. The stack shows where the task is now, not that code"));
    let worker = match event.evidence.is_idle_worker {
        true => " Look at the work items that this worker ran, not at worker_thread().",
        false => "",
    };
    out.advise(format!("Look for a path that returns between rcu_read_lock() and rcu_read_unlock(), such as an error path, in code that the task ran before this report.{worker} CONFIG_PROVE_LOCKING names the function that left the reader open."));
}

fn runnable(event: &Event, task: &Task, out: &mut Explanation) {
    let by = event.detected_by.map_or(String::new(), |cpu| {
        format!(" It may be CPU {cpu}, which made this report and does not list itself.")
    });
    let boost = match event.evidence.is_realtime {
        true => "On PREEMPT_RT, give RCU's boosting a priority above the real-time load (rcutree.kthread_prio=).",
        false => "CONFIG_RCU_BOOST helps against real-time load.",
    };
    out.blame(Culprit::Task, format!("whatever keeps {task} from running"))
        .cause("the task was preempted inside rcu_read_lock(), and tasks of higher priority or a loop in the kernel keep its CPU")
        .advise(format!("Find what runs on its CPU: `echo l > /proc/sysrq-trigger` shows the stacks of all CPUs.{by} {boost}"));
}

/// Returns whether a task sleeps for a spinlock, which is a mutex on PREEMPT_RT.
fn is_realtime_lock(event: &Event) -> bool {
    let starts = [
        "rt_spin_lock",
        "__rt_spin_lock",
        "rtlock_",
        "schedule_rtlock",
        "rt_read_lock",
        "rt_write_lock",
    ];
    let mut frames = event.frames.iter();
    frames.any(|frame| starts.iter().any(|start| frame.starts_with(start)))
}

/// ` in foo()`, where a task sleeps.
fn wait(event: &Event) -> String {
    let function = event.culprit_frame.as_ref();
    function.map_or(String::new(), |function| format!(", in {function}()"))
}
