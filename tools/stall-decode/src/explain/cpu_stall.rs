// SPDX-License-Identifier: GPL-2.0

//! Explains stalls of normal grace periods.

mod blocked;
mod cpu;

use super::{called, frozen, stall, Context, Explanation};
use crate::event::{CpuDetail, Culprit, Event};

/// What a report shows, in the order in which the cases are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// RCU printed no report, because a CPU does not answer cross-CPU calls.
    Suppressed,
    /// The whole machine stopped.
    Frozen,
    /// The stall ended while it was reported.
    Ended,
    /// All CPUs have passed through a quiescent state.
    AllPassed,
    /// The report names no CPU or task, because the log lacks its details.
    NoDetails,
    /// The listed CPUs are idle: the grace-period kthread did not notice.
    Idle,
    /// A CPU stalls.
    Cpu,
    /// Tasks block the grace period while they do not run.
    Blocked,
}

pub(super) fn case(event: &Event) -> Case {
    let message = event.message.as_deref().unwrap_or_default();
    let names_nobody = event.cpus.is_empty() && event.tasks.is_empty();
    if message.starts_with("suppressed") {
        Case::Suppressed
    } else if frozen::is_frozen(event) {
        Case::Frozen
    } else if names_nobody && event.ended {
        Case::Ended
    } else if names_nobody && message.contains("All QSes seen") {
        Case::AllPassed
    } else if names_nobody {
        Case::NoDetails
    } else if event.cpus.is_empty() {
        Case::Blocked
    } else if are_idle(event) && !has_blocked_task(event) {
        Case::Idle
    } else if are_idle(event) {
        Case::Blocked
    } else {
        Case::Cpu
    }
}

/// Returns whether RCU considers every listed CPU idle.
fn are_idle(event: &Event) -> bool {
    let is_idle =
        |detail: &CpuDetail| detail.false_positive || Context::of(detail) == Some(Context::Idle);
    !event.cpu_details.is_empty()
        && event.cpu_details.iter().all(is_idle)
        && event.cpu_details.len() >= event.cpus.len()
}

fn has_blocked_task(event: &Event) -> bool {
    event.tasks.iter().any(|task| task.nesting.is_some())
}

/// Returns whether the grace-period kthread scanned all the time, if the report shows it.
fn kthread_ran(event: &Event) -> Option<bool> {
    let scans = event
        .cpu_details
        .iter()
        .filter_map(|detail| detail.fqs)
        .max()?;
    let t = event.t_jiffies?;
    match () {
        () if scans.saturating_mul(frozen::MAX_PER_SCAN) >= t => Some(true),
        () if scans.saturating_mul(200) < t => Some(false),
        () => None,
    }
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    match case(event) {
        Case::Suppressed => {
            out.blame(Culprit::Cpu, "the CPU that the CSD-lock report names")
                .cause(format!("{}, which stalls RCU too", stall::CSD_LOCK))
                .advise(stall::CSD_LOCK_ADVICE);
            return;
        }
        Case::Frozen => {
            out.blame(Culprit::Host, "the host, or whatever stopped the machine");
            frozen::explain(event, out);
        }
        Case::Ended => {
            out.blame(Culprit::Nobody, "nobody: the stall is over");
        }
        Case::AllPassed if event.field("rcu_node").is_some() => unlisted(event, out),
        Case::AllPassed => all_passed(event, out),
        Case::NoDetails => no_details(event, out),
        Case::Idle => idle(event, out),
        Case::Cpu => cpu::explain(event, out),
        Case::Blocked => blocked::explain(event, out),
    }
    if event.ended {
        out.cause("the stall ended while it was being reported: the time-out is slightly too short, or the machine is overloaded")
            .advise("Nothing hangs any more. If it recurs, check the load, and rcupdate.rcu_cpu_stall_timeout=.");
    }
    if case(event) == Case::Cpu && has_blocked_task(event) {
        blocked::explain(event, out);
    }
    if matches!(case(event), Case::Cpu | Case::Blocked) {
        out.hint(event);
    }
    stall::complete(event, out);
}

/// Explains a report that all CPUs have passed, by the age of the kthread's last activity.
fn all_passed(event: &Event, out: &mut Explanation) {
    let message = event.message.as_deref().unwrap_or_default();
    let idle = message
        .split_once("kthread activity ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse::<i64>().ok());
    let just_ran = idle
        .zip(event.t_jiffies)
        .is_some_and(|(idle, t)| idle.unsigned_abs().saturating_mul(10) < t);
    if just_ran && (event.evidence.is_blocked_by_tasks || event.repeats > 0) {
        out.blame(Culprit::Unknown, "a task that the report does not list")
            .cause("all CPUs have passed through a quiescent state and the grace-period kthread runs, yet the grace period does not end: a task was preempted or sleeps inside rcu_read_lock(), and left the list while it was printed")
            .advise("Look for the task in an expedited stall report of this log (P and its pid), or by `echo t > /proc/sysrq-trigger`: which task that runs or sleeps holds a reader?");
        return;
    }
    if let (true, Some(idle)) = (just_ran, idle) {
        out.blame(Culprit::Nobody, "nobody any more: every CPU has passed")
            .cause(format!("all CPUs have passed through a quiescent state, and the grace-period kthread ran {idle} jiffies ago: the grace period was about to end when it was reported"))
            .advise("Nothing hangs any more. If it recurs, the CPUs or the grace-period kthread run too late: check the load, steal time, and real-time tasks.");
        return;
    }
    let ago = idle.map_or(String::new(), |idle| format!(" for {idle} jiffies"));
    if event.evidence.clock_behind.is_some() {
        out.blame(Culprit::Host, "the host, which did not run a vCPU");
        clock_behind(event, out);
        out.cause(format!("all CPUs have passed through a quiescent state, but the grace-period kthread has not run{ago}: its timer is on that vCPU"));
        return;
    }
    out.blame(Culprit::GpKthread, "whatever keeps the grace-period kthread from running")
        .cause(format!("all CPUs have passed through a quiescent state, but the grace-period kthread did not notice: it has not run{ago}, or its timer did not fire"))
        .advise(match event.evidence.kthread_overdue {
            Some(_) => "See the report on the grace-period kthread that follows this one.",
            None => "Look at the grace-period kthread (`ps -eo pid,stat,psr,comm | grep rcu_`) and at the timers of its CPU. In a virtual machine, check whether the host runs all CPUs.",
        });
}

/// Explains tasks that block the grace period, but that the report does not list.
fn unlisted(event: &Event, out: &mut Explanation) {
    let cpus = event
        .field("rcu_node")
        .map_or("", |field| field.value.as_str());
    out.blame(Culprit::Unknown, format!("a task that ran on one of the CPUs {cpus}; the report does not list it"))
        .cause(format!("a task was preempted or sleeps inside rcu_read_lock(): it ran on one of the CPUs {cpus}. Kernels before 5.15 leave the first task out of the list, and then print \"All QSes seen\""))
        .advise("Look for the task in an expedited stall report of this log (P and its pid), in a hung task or a sleep in atomic context, or by `echo t > /proc/sysrq-trigger`: which task that runs or sleeps holds a reader?");
}

fn no_details(event: &Event, out: &mut Explanation) {
    let what = match (event.t_jiffies, event.header_missing) {
        (_, true) => "the log has only the end of this report: its list of CPUs and tasks is missing",
        (None, _) if !event.stacks.is_empty() => "the report lists no CPU or task in this log. The stack after it may be that of the culprit, but the log does not say whose it is",
        (None, _) => "the log has only the first line of this report: it does not say which CPU or task stalls",
        _ => "the report lists no CPU or task in this log: its list is empty, or was lost",
    };
    out.blame(Culprit::Unknown, "unknown: the log does not say")
        .cause(what)
        .advise("Read the log from its source, with the lines around this one (dmesg, journalctl -k -b). Another report of the same stall may name the culprit.");
    if let Some(stack) = event.stacks.first().filter(|_| event.t_jiffies.is_none()) {
        let frames = stack.frames.iter().take(4).map(|frame| called(frame));
        out.cause(format!(
            "the stack that follows is in {}",
            frames.collect::<Vec<_>>().join(", called by ")
        ));
    }
}

/// Explains idle CPUs that block a grace period: the kthread has not noticed.
fn idle(event: &Event, out: &mut Explanation) {
    if kthread_ran(event) == Some(true) {
        out.blame(Culprit::Nobody, "nobody any more: the listed CPU is idle")
            .cause("the listed CPUs are idle, and the grace-period kthread scans: whatever kept them has just ended")
            .advise("Nothing hangs any more. If it recurs, look for long softirqs or interrupts on that CPU.");
        return;
    }
    out.blame(Culprit::GpKthread, "whatever keeps the grace-period kthread from running")
        .cause("the grace-period kthread does not run, so that idle CPUs go unnoticed: the listed CPUs are idle or in user mode, and not to blame")
        .advise("Find what keeps the grace-period kthread from running: real-time tasks on its CPU, a stuck CPU, or timers that do not fire.");
    clock_behind(event, out);
}

/// Explains a CPU whose clock stopped.
pub(super) fn clock_behind(event: &Event, out: &mut Explanation) {
    if let Some((cpu, seconds)) = event.evidence.clock_behind {
        out.cause(format!("the clock of CPU {cpu} is {seconds:.0} s behind that of the other CPUs: the host did not run that vCPU for so long"))
            .advise(format!("In a virtual machine, find out why the host did not run the thread of vCPU {cpu}: an overcommitted host, a stopped or throttled thread."));
    }
}

#[cfg(test)]
mod tests;
