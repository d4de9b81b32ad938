// SPDX-License-Identifier: GPL-2.0

//! Explains stalls of expedited grace periods.

use super::{cpus, stall, verb, Explanation};
use crate::event::{Culprit, Event};

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    if event.message.is_some() {
        out.cause(stall::CSD_LOCK).advise(stall::CSD_LOCK_ADVICE);
        return;
    }
    if is_over(event) {
        out.blame(
            Culprit::Nobody,
            "nobody any more: the list and the mask are empty",
        )
        .cause("no CPU or task blocks the grace period any more: it ended while it was reported");
    }
    let cpus = cpus(event);
    let was_idle =
        !event.frames.is_empty() && event.culprit_frame.is_none() && event.tasks.is_empty();
    if was_idle {
        out.cause(format!(
            "{cpus} {} idle when the stack was dumped: the stall had just ended",
            verb(event, "was", "were")
        ));
    }
    let mut details = event.cpu_details.iter();
    if details.any(|detail| detail.flags.contains('D')) {
        out.cause(format!("{cpus} did not reach a quiescent state after RCU's interrupt: in a long reader, with preemption disabled, or with interrupts disabled so that the interrupt is pending"));
    } else if !event.cpus.is_empty() {
        let runs = verb(event, "runs", "run");
        out.cause(format!("{cpus} {runs} a reader, softirqs, or code with preemption disabled, for longer than the expedited time-out"));
    }
    if event.cpus.is_empty() && !event.tasks.is_empty() {
        out.cause("a task was preempted or sleeps inside rcu_read_lock()");
    }
    if event.seconds.is_some_and(|seconds| seconds < 1.0)
        || event.t_jiffies.is_some_and(|t| t < 100)
    {
        out.cause("the time-out is very short (20 ms on Android), so short busy periods are reported too")
            .advise("rcupdate.rcu_exp_cpu_stall_timeout= sets the time-out in milliseconds; 0 selects the normal one.");
    }
    out.hint(event);
    if !event.frames.is_empty() {
        out.advise("Look at the stack: shorten that section, or reschedule in it.");
    }
    stall::complete(event, out);
}

/// Returns whether the report lists nobody, and its mask is empty.
fn is_over(event: &Event) -> bool {
    let is_empty = event.cpus.is_empty() && event.tasks.is_empty();
    let root = event.field("root");
    is_empty && root.is_some_and(|root| root.value.trim_end_matches(['/', '.']) == "0x0")
}

#[cfg(test)]
mod tests {
    use crate::event::Culprit;
    use crate::tests::only;

    #[test]
    fn a_task_under_softirqs_was_only_interrupted() {
        let event = only(
            "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-.... } 6431 jiffies s: 565 root: 0x1/.\n\
             Sending NMI from CPU 3 to CPUs 0:\n\
             NMI backtrace for cpu 0\n\
             CPU: 0 UID: 0 PID: 2288 Comm: reader#1 Not tainted 6.12.62 #0\n\
             pc : handle_softirqs+0x98/0x210\n\
             lr : __do_softirq+0x10/0x18\n",
        );
        assert_eq!(event.blame.culprit, Culprit::Cpu);
        assert!(
            event.blame.text.contains("softirq on CPU 0"),
            "{:?}",
            event.blame
        );
    }
}
