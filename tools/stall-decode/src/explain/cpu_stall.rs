// SPDX-License-Identifier: GPL-2.0

//! Explains stalls of normal grace periods.

use super::{frozen, stall, Context, Explanation};
use crate::event::{CpuDetail, Event};

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let message = event.message.as_deref().unwrap_or_default();
    if message.starts_with("suppressed") {
        out.cause(format!("{}, which stalls RCU too", stall::CSD_LOCK))
            .advise(stall::CSD_LOCK_ADVICE);
        return;
    }
    frozen::explain(event, out);
    if event.cpus.is_empty() && event.tasks.is_empty() {
        out.cause("all CPUs have passed through a quiescent state, but the grace-period kthread did not notice: it does not run, or its timer does not fire")
            .advise("See the report on the grace-period kthread that follows this one.");
    }
    if event.ended {
        out.cause("the stall ended while it was being reported: the time-out is slightly too short, or the machine is overloaded");
    }
    let mut details = event.cpu_details.iter();
    if let Some(detail) = details.find(|detail| !detail.false_positive) {
        cpu(event, detail, out);
    }
    let mut details = event.cpu_details.iter();
    if details.any(|detail| detail.false_positive || detail.fqs == Some(0)) {
        out.cause("the grace-period kthread does not run: it made no force-quiescent-state scan in this grace period, so idle CPUs go unnoticed")
            .advise("Find what keeps the grace-period kthread from running: real-time tasks on its CPU, a stuck CPU, or timers that do not fire.");
    }
    let has_blocked_task = event.tasks.iter().any(|task| task.nesting.is_some());
    if has_blocked_task || (event.cpus.is_empty() && !event.tasks.is_empty()) {
        blocked_tasks(event, out);
    }
    out.hint(event);
    stall::complete(event, out);
}

/// Explains tasks that block a grace period while they do not run.
fn blocked_tasks(event: &Event, out: &mut Explanation) {
    let mut states = event.tasks.iter().filter_map(|task| task.state.as_deref());
    if states.clone().any(|state| state == "R") {
        let by = event.detected_by.map_or(String::new(), |cpu| {
            format!(" It may be CPU {cpu}, which made this report and does not list itself.")
        });
        out.cause("the task was preempted inside rcu_read_lock(), and tasks of higher priority or a loop in the kernel keep its CPU")
            .advise(format!("Find what runs on its CPU: `echo l > /proc/sysrq-trigger` shows the stacks of all CPUs.{by} CONFIG_RCU_BOOST helps against real-time load."));
    } else if states.next().is_some() {
        out.cause("the task sleeps inside rcu_read_lock(): it waits for a lock, a device or a timer, which a reader must not do")
            .advise("Find the wait in the task's stack. Move the wait out of the reader, or use SRCU.");
    } else {
        out.cause("a task sleeps or was preempted inside rcu_read_lock(): it waits where a reader must not, or real-time tasks of higher priority keep its CPU")
            .advise("Look at the task's stack. If the task waits, move the wait out of the reader. If it is runnable, give it CPU time (CONFIG_RCU_BOOST helps against real-time load).");
    }
}

/// Explains the line of a stalled CPU.
fn cpu(event: &Event, detail: &CpuDetail, out: &mut Explanation) {
    let number = detail.cpu;
    if detail.offline {
        out.cause(format!(
            "CPU {number} is offline without RCU's knowledge, or is going offline"
        ));
        return;
    }
    if detail.rcuc_starved_jiffies.is_some() {
        out.cause(format!("real-time tasks keep the rcuc kthread of CPU {number} from running"))
            .advise("Raise the priority of rcuc (rcutree.kthread_prio=), or give the real-time task less CPU time.");
    }
    let place = match &event.culprit_frame {
        Some(function) => format!("{function}()"),
        None => format!("CPU {number}"),
    };
    let has_few_ticks = match (detail.ticks_this_gp, event.t_jiffies) {
        (Some(ticks), Some(t)) => ticks.saturating_mul(10) < t,
        _ => detail.gps_behind.is_some(),
    };
    let had_irqs_disabled = matches!(detail.irq_work, Some("not run" | "pending"));
    match Context::of(detail) {
        Some(Context::Idle) => {
            out.cause(format!("CPU {number} is idle or in user mode, so it is not the culprit: the grace-period kthread has not noticed"));
        }
        Some(Context::Interrupt) if has_few_ticks && is_in_softirq(event) => {
            out.cause(format!("{place} runs in a long softirq. The softirq began while CPU {number} was idle with its tick stopped, hence the few clock interrupts"))
                .advise("Shorten the softirq, or move its work to a kthread.");
        }
        _ if had_irqs_disabled && has_few_ticks => {
            out.cause(format!("CPU {number} had interrupts disabled all the time, or did not run: {place} loops or waits with interrupts disabled, or firmware or the hypervisor holds the CPU"))
                .advise("Look for a loop between local_irq_disable() and local_irq_enable(), or under spin_lock_irqsave(). The hard-lockup detector shows its stack. In a virtual machine, check the load of the host.");
        }
        _ if has_few_ticks => {
            out.cause(format!("CPU {number} handled few clock interrupts: interrupts were disabled for long, its tick was stopped (nohz_full), or the host did not run it"))
                .advise("In a virtual machine, check steal time and the host. On hardware, check for disabled interrupts and for a broken clock source.");
        }
        _ => {
            out.cause(format!("{place} runs in the kernel without rescheduling: a long or endless loop, with preemption or softirqs disabled, or in a reader"))
                .advise("Shorten the loop, or leave the reader and call cond_resched() in it. Check what the loop waits for.");
        }
    }
}

fn is_in_softirq(event: &Event) -> bool {
    let runs_softirqs =
        |frame: &String| frame.starts_with("handle_softirqs") || frame.starts_with("__do_softirq");
    event.frames.iter().any(runs_softirqs)
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    fn stall(detail: &str) -> crate::Event {
        only(&format!(
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             rcu: \t{detail}\n\
             rcu: \t(detected by 0, t=5252 jiffies, g=9, q=3 ncpus=2)\n"
        ))
    }

    fn first_cause(detail: &str) -> String {
        stall(detail).causes.remove(0)
    }

    #[test]
    fn the_fields_of_a_cpu_select_the_first_cause() {
        let looping = first_cause(
            "1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=9",
        );
        assert!(looping.contains("without rescheduling"), "{looping}");
        let irqs_off = first_cause(
            "1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9",
        );
        assert!(irqs_off.contains("interrupts disabled"), "{irqs_off}");
        let few = first_cause(
            "1-....: (2 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=9",
        );
        assert!(few.contains("few clock interrupts"), "{few}");
        let idle = first_cause("1-....: (2 ticks this GP) idle=1234/0/0x0 softirq=1/1 fqs=9");
        assert!(idle.contains("not the culprit"), "{idle}");
        let task = first_cause("Tasks blocked on level-0 rcu_node (CPUs 0-1): P57/1:b..l");
        assert!(task.contains("inside rcu_read_lock()"), "{task}");
        let no_culprit = first_cause("nothing");
        assert!(
            no_culprit.contains("grace-period kthread did not notice"),
            "{no_culprit}"
        );
    }
}
