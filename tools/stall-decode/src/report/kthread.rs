// SPDX-License-Identifier: GPL-2.0

//! Starvation of the grace-period kthread: `kernel/rcu/tree_stall.h`.

use super::culprits::flavor;
use super::{backtrace_of, task_of, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Kthread, Task};
use crate::scan::{number_after, Scan};
use crate::stack::Role;

const STARVED: &str = " kthread starved for ";
const OVERDUE: &str = " kthread timer wakeup didn't happen for ";
/// The start of [`OVERDUE`]. Some loggers change the apostrophe.
const OVERDUE_START: &str = " kthread timer wakeup didn";

pub(crate) static FAMILY: Family = Family {
    headers: &[STARVED, OVERDUE_START],
    details: &[
        "kthread stack dump",
        "Stack dump where RCU GP kthread",
        STARVED,
        OVERDUE_START,
        "Possible timer handling issue",
        "RCU GP kthread last ran",
        "OOM is now expected",
        ") ->state=",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

fn header(text: &str) -> Option<Event> {
    let (before, _) = text
        .split_once(STARVED)
        .or_else(|| text.split_once(OVERDUE_START))?;
    let mut event = Event::new(EventKind::RcuKthreadStarved);
    let flavor = flavor(before)?;
    event.flavor = Some(flavor.clone());
    event.kthread = Some(Kthread {
        comm: Some(flavor),
        ..Kthread::default()
    });
    starvation(&mut event, text)?;
    Some(event)
}

/// Parses `starved for 5252 jiffies! g5229 f0x2 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1`.
///
/// Lines may be cut off. Old kernels print `c5228` after the grace period, and `s3` as wait state.
fn starvation(event: &mut Event, text: &str) -> Option<()> {
    let kthread = event.kthread.as_mut()?;
    let starved = Scan::after(text, STARVED);
    let overdue = Scan::after(text, " happen for ").filter(|_| text.contains("timer wakeup didn"));
    let mut scan = starved.or(overdue)?;
    let jiffies = scan.signed()?;
    if starved.is_some() {
        kthread.starved_jiffies = Some(jiffies);
    } else {
        kthread.timer_overdue_jiffies = Some(jiffies);
    }
    scan.until("!");
    if scan.spaces().eat("g") {
        kthread.gp_seq = scan.signed();
        event.gp_seq = kthread.gp_seq;
    }
    if scan.spaces().eat("c") {
        scan.signed();
    }
    if scan.spaces().eat("f") {
        kthread.flags = non_empty(scan.word());
    }
    state(event, scan.spaces().rest());
    Some(())
}

/// Parses `RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1`.
fn state(event: &mut Event, text: &str) {
    let Some(kthread) = event.kthread.as_mut() else {
        return;
    };
    let wait_state = Scan::new(text).word();
    if ["RCU_GP", "s", "???"]
        .iter()
        .any(|start| wait_state.starts_with(start))
    {
        kthread.wait_state = Some(wait_state.to_string());
    }
    if let Some(mut state) = Scan::after(text, "->state=") {
        kthread.task_state = non_empty(state.word());
    }
    if let Some(mut cpu) = Scan::after(text, "->cpu=") {
        kthread.cpu = cpu.signed();
    }
    if let Some(cpu) = kthread.cpu.and_then(|cpu| cpu.try_into().ok()) {
        event.add_cpu(cpu);
    }
}

fn non_empty(word: &str) -> Option<String> {
    (!word.is_empty()).then(|| word.to_string())
}

fn detail(report: &mut Report, text: &str) -> bool {
    let text = text.strip_prefix("rcu:").unwrap_or(text).trim_start();
    if text.contains("grace-period kthread stack dump") {
        report.next_dump = Some(Role::GpKthread);
        return true;
    }
    if text.contains("Stack dump where RCU GP kthread last ran") {
        report.next_dump = Some(Role::GpKthreadCpu);
        return true;
    }
    let is_other_line = report.event.flavor.as_deref().is_some_and(|flavor| {
        text.starts_with(flavor) && (text.contains(STARVED) || text.contains(OVERDUE))
    });
    if is_other_line {
        return other_line(report, text);
    }
    if text.contains("Possible timer handling issue on cpu=") {
        if let Some(kthread) = report.event.kthread.as_mut() {
            kthread.timer_cpu = Scan::after(text, "on cpu=").and_then(|mut cpu| cpu.signed());
            kthread.timer_softirqs = number_after(text, "timer-softirq=");
        }
        return true;
    }
    // A mail program wrapped the first line.
    if text.starts_with("RCU_GP_") && text.contains(") ->state=") {
        state(&mut report.event, text);
        return true;
    }
    if text.starts_with("RCU GP kthread last ran on offline CPU") {
        report.event.message = Some(text.to_string());
        return true;
    }
    text.contains("OOM is now expected behavior")
}

/// Parses the second of a report's two lines. One is on the timer, the other on starvation.
fn other_line(report: &mut Report, text: &str) -> bool {
    let is_starved = text.contains(STARVED);
    let kthread = report.event.kthread.as_ref();
    let is_known = kthread.is_some_and(|kthread| {
        if is_starved {
            kthread.starved_jiffies.is_some()
        } else {
            kthread.timer_overdue_jiffies.is_some()
        }
    });
    if is_known || starvation(&mut report.event, text).is_none() {
        return false;
    }
    // The event's line is that of starvation, which follows that of the timer.
    if is_starved {
        report.event.line = report.current_line;
    }
    true
}

fn complete(report: &mut Report) {
    let task = report.dump_of(Role::GpKthread).and_then(task_of);
    let task = task.unwrap_or_else(|| Task {
        comm: report.event.flavor.clone(),
        ..Task::default()
    });
    report.event.tasks.insert(0, task);
    // The CPU's stack shows the code that keeps the kthread from running.
    if let Some(dump) = report.dump_of(Role::GpKthreadCpu).cloned() {
        let is_kthread = dump.comm == report.event.flavor;
        if let Some(task) = task_of(&dump).filter(|_| !is_kthread) {
            let meaning = "the task on the CPU where the kthread last ran";
            report
                .event
                .add_field("runs on its CPU", task.to_string(), meaning);
        }
        report.add_stack(&dump, Origin::Interrupt);
    }
    // If the CPU is idle, the kthread's own stack shows where it waits.
    if report.event.culprit_frame.is_none() {
        if let Some(dump) = report.dump_of(Role::GpKthread).cloned() {
            report.set_backtrace(backtrace_of(&dump, Origin::RcuKthread));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;

    const REPORT: &str = "\
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: \t1-...!: (0 ticks this GP) idle=6a84/0/0x0 softirq=1/1 fqs=0 (false positive?)
rcu: \t(detected by 0, t=5252 jiffies, g=9861, q=3 ncpus=2)
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1 skipped: idling at default_idle+0x1/0x2
rcu: rcu_preempt kthread timer wakeup didn't happen for 5251 jiffies! g9861 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402
rcu: \tPossible timer handling issue on cpu=1 timer-softirq=1234
rcu: rcu_preempt kthread starved for 5252 jiffies! g9861 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402 ->cpu=1
rcu: \tUnless rcu_preempt kthread gets sufficient CPU time, OOM is now expected behavior.
rcu: RCU grace-period kthread stack dump:
task:rcu_preempt     state:I stack:0     pid:16    tgid:16    ppid:2      flags:0x00004000
Call Trace:
__schedule+0x1/0x2
schedule_timeout+0x1/0x2
rcu_gp_fqs_loop+0x1/0x2
rcu: Stack dump where RCU GP kthread last ran:
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
CPU: 1 UID: 0 PID: 99 Comm: hog Not tainted 6.18.15 #1
RIP: 0010:hogging+0x1/0x2
";

    #[test]
    fn starvation_is_an_event_of_its_own_in_the_stalls_incident() {
        let events = decode(REPORT);
        assert_eq!(events.len(), 2, "{events:#?}");
        let (stall, starved) = (&events[0], &events[1]);
        assert_eq!(stall.kind, EventKind::RcuCpuStall);
        assert_eq!(stall.incident, starved.incident);
        assert!(stall.culprit_frame.is_none());
        assert_eq!(starved.kind, EventKind::RcuKthreadStarved);
        assert_eq!((starved.line, starved.cpus.as_slice()), (8, &[1][..]));
        let kthread = starved.kthread.as_ref().expect("a kthread");
        assert_eq!(kthread.starved_jiffies, Some(5252));
        assert_eq!(kthread.timer_overdue_jiffies, Some(5251));
        assert_eq!(kthread.wait_state.as_deref(), Some("RCU_GP_WAIT_FQS(5)"));
        assert_eq!(kthread.task_state.as_deref(), Some("0x402"));
        assert_eq!((kthread.cpu, kthread.timer_cpu), (Some(1), Some(1)));
        assert_eq!(kthread.timer_softirqs, Some(1234));
        assert_eq!(starved.tasks[0].pid, Some(16));
        assert_eq!(starved.culprit_frame.as_deref(), Some("hogging"));
    }

    #[test]
    fn starvation_lines_of_old_and_new_kernels_are_parsed() {
        let one = |text: &str| decode(text).remove(0).kthread.expect("a kthread");
        let kthread = one("rcu_sched kthread starved for 15002 jiffies! g8 c7 f0x2 RCU_GP_WAIT_FQS(3) ->state=0x1\n");
        assert_eq!(
            (kthread.gp_seq, kthread.flags.as_deref()),
            (Some(8), Some("0x2"))
        );
        assert_eq!(kthread.wait_state.as_deref(), Some("RCU_GP_WAIT_FQS(3)"));
        let kthread =
            one("rcu_sched kthread starved for 25250 jiffies! g8 c7 f0x0 s3 ->state=0x1\n");
        assert_eq!(kthread.wait_state.as_deref(), Some("s3"));
        let kthread = one("rcu: rcu_preempt kthread starved for 10 jiffies! g8 f0x0 RCU_GP_WAIT_FQS(5) ->state=I ->cpu=0\n");
        assert_eq!(kthread.task_state.as_deref(), Some("I"));
        let kthread = one("rcu_sched kthread starved for 25250 jiffies!\n");
        assert_eq!(
            (kthread.starved_jiffies, kthread.gp_seq),
            (Some(25250), None)
        );
    }
}
