// SPDX-License-Identifier: GPL-2.0

//! Text shared by normal, expedited and RCU Tasks stalls.

use super::cpu_stall::{self, Case};
use super::{age, cpus, in_function, list, Explanation, MAX_NAMED};
use crate::event::{Event, EventKind, Task};

pub(super) const CSD_LOCK: &str = "a CPU does not answer cross-CPU calls (a stuck CSD lock)";
pub(super) const CSD_LOCK_ADVICE: &str =
    "See the CSD-lock report before this one: it names the CPU.";

/// Summarizes a normal or expedited stall.
pub(super) fn summary(event: &Event) -> String {
    let is_normal = event.kind == EventKind::RcuCpuStall;
    match is_normal.then(|| cpu_stall::case(event)) {
        Some(Case::Idle) => return of_idle_cpus(event),
        Some(Case::Frozen) => return of_nobody(event, "The whole machine stopped, so that"),
        Some(Case::AllPassed) if event.field("rcu_node").is_some() => {
            return of_nobody(
                event,
                "A task that the report does not list blocks RCU, so that",
            );
        }
        Some(Case::AllPassed) => return of_nobody(event, "every CPU and task has passed, but"),
        Some(Case::Suppressed) => {
            return format!("RCU detected a stall{}, but printed no report, because a CPU does not answer cross-CPU calls.", stall_age(event));
        }
        _ => (),
    }
    let listed: Vec<_> = event
        .tasks
        .iter()
        .filter(|task| is_listed(event, task))
        .map(ToString::to_string)
        .collect();
    if event.cpus.is_empty() && listed.is_empty() {
        return of_nobody(event, "The report names no CPU or task, but");
    }
    let stalled = stalled(event);
    let repeat = repeat(event);
    if event.cpus.is_empty() {
        let culprits = list(listed.get(..MAX_NAMED).unwrap_or(&listed));
        let at = match event.evidence.is_idle_worker {
            true => ", while it waits for work".to_string(),
            false => in_function(event),
        };
        let noun = task_noun(listed.len());
        return format!("{noun} {culprits} {stalled} inside rcu_read_lock(){at}{repeat}.");
    }
    let mut culprits = vec![cpus(event)];
    culprits.extend(listed.into_iter().take(MAX_NAMED));
    let doing = doing(event);
    format!("{} {stalled}{doing}{repeat}.", list(&culprits))
}

/// Summarizes a stall whose report names no CPU or task.
fn of_nobody(event: &Event, why: &str) -> String {
    let text = format!(
        "{why} {} has not ended{}{}.",
        grace_period(event),
        stall_age(event),
        repeat(event)
    );
    capital(&text)
}

/// Summarizes a stall in which the listed CPUs are idle.
fn of_idle_cpus(event: &Event) -> String {
    format!(
        "{} has not ended{}, although the CPUs for which RCU waits are idle{}.",
        capital(&grace_period(event)),
        stall_age(event),
        repeat(event)
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.map_or(String::new(), |first| {
        format!("{first}{}", letters.as_str())
    })
}

/// `stalled a grace period of rcu_preempt for 21 s (5250 jiffies)`
pub(super) fn stalled(event: &Event) -> String {
    format!("stalled {}{}", grace_period(event), stall_age(event))
}

fn grace_period(event: &Event) -> String {
    let flavor = event.flavor.as_deref().unwrap_or("RCU");
    match event.kind {
        EventKind::RcuExpeditedStall => format!("an expedited grace period of {flavor}"),
        _ => format!("a grace period of {flavor}"),
    }
}

fn stall_age(event: &Event) -> String {
    let jiffies = event.t_jiffies;
    jiffies.map_or(String::new(), |jiffies| {
        let about = match event.evidence.is_hz_guessed {
            true => "about ",
            false => "",
        };
        format!(" for {about}{}", age(jiffies, event.seconds))
    })
}

/// ` (report 2 of this stall)`
pub(super) fn repeat(event: &Event) -> String {
    match event.repeats {
        0 => String::new(),
        count => format!(" (report {} of this stall)", count + 1),
    }
}

pub(super) fn task_noun(count: usize) -> &'static str {
    match count {
        1 => "Task",
        _ => "Tasks",
    }
}

/// Returns whether a task itself blocks the grace period. Others are current on a stalled CPU.
fn is_listed(event: &Event, task: &Task) -> bool {
    task.nesting.is_some() || event.cpus.is_empty()
}

/// `, running foo (pid 57) in spin()`
fn doing(event: &Event) -> String {
    let mut tasks = event.tasks.iter();
    let current = tasks.find(|task| task.nesting.is_none() && task.comm.is_some());
    let at = in_function(event);
    match current {
        Some(task) if task.pid == Some(0) && event.culprit_frame.is_some() => {
            format!("{at}, in an interrupt taken while the CPU was idle")
        }
        Some(task) => format!(", running {task}{at}{}", work(event)),
        None if event.culprit_frame.is_some() => format!(", stuck{at}"),
        None => String::new(),
    }
}

/// `, in the work item foo_work()`, unless that is the culprit frame.
fn work(event: &Event) -> String {
    match &event.work {
        Some(work) if event.culprit_frame.as_ref() != Some(work) => {
            format!(", in the work item {work}()")
        }
        _ => String::new(),
    }
}

/// Completes the explanation of a stall: a general cause if there is none, and how to learn more.
pub(super) fn complete(event: &Event, out: &mut Explanation) {
    if out.causes.is_empty() {
        out.cause("a reader or a CPU does not reach a quiescent state: a loop in the kernel, disabled interrupts, or a CPU that does not run");
    }
    let is_normal = event.kind == EventKind::RcuCpuStall;
    let needs_stack = !is_normal || matches!(cpu_stall::case(event), Case::Cpu | Case::Blocked);
    let has_culprit = needs_stack && (!event.cpus.is_empty() || !event.tasks.is_empty());
    if event.header_missing {
        out.advise("The report's first line is missing from this log. Read the log from further back (dmesg, journalctl -k -b).");
    } else if event.evidence.is_stack_cut && event.culprit_frame.is_none() {
        out.advise("The log has only the reporting part of the stack: the lines below it are missing. Read the log from its source.");
    } else if event.frames.is_empty() && has_culprit && !event.evidence.is_in_user_mode {
        out.cause("the log has no stack of it, so that it does not say where it is");
        out.advise("The log has no stack of the culprit. Check for lost lines, or raise the log level and enlarge the log buffer (loglevel=7 log_buf_len=4M). While the stall lasts, `echo l > /proc/sysrq-trigger` shows the stacks of all CPUs.");
    }
    if out.advice.is_empty() {
        out.advise("Check whether the report repeats with the same grace-period number: then there is no progress. `echo l > /proc/sysrq-trigger` shows the stacks of all CPUs.");
    }
}
#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn the_summary_of_a_stall_names_the_culprit() {
        let event = only(
            "rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             rcu: \t3-....: (5240 ticks this GP) idle=6a84/1/0x4000000000000000 softirq=1245/1246 fqs=5222\n\
             rcu: \t(t=5250 jiffies g=5229 q=217 ncpus=4)\n\
             CPU: 3 UID: 0 PID: 57 Comm: spinner Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x12/0x20 [demo]\n",
        );
        assert_eq!(
            event.summary,
            "CPU 3 stalled a grace period of rcu_preempt for about 21 s (5250 jiffies), running spinner (pid 57) in spin()."
        );
    }
}
