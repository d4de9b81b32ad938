// SPDX-License-Identifier: GPL-2.0

//! The grace-period kthread that does not get to run: `kernel/rcu/tree_stall.h`.

use super::{task_of, Family, Report};
use crate::event::{Event, EventKind, Kthread, Task};
use crate::machinery::{self, Passed};
use crate::scan::{number_after, Scan};
use crate::stack::Role;

const STARVED: &str = " kthread starved for ";
const OVERDUE: &str = " kthread timer wakeup didn't happen for ";

pub(crate) static FAMILY: Family = Family {
    needles: &[STARVED, " kthread timer wakeup didn"],
    details: &[
        "kthread stack dump",
        "Stack dump where RCU GP kthread",
        " kthread starved for ",
        " kthread timer wakeup didn",
        "Possible timer handling issue",
        "RCU GP kthread last ran",
        "OOM is now expected",
    ],
    starts: b"",
    header,
    detail,
    settle,
};

fn header(text: &str) -> Option<Event> {
    let (before, _) = text
        .split_once(STARVED)
        .or_else(|| text.split_once(" kthread timer wakeup didn"))?;
    let mut event = Event::new(EventKind::RcuKthreadStarved);
    let flavor = super::cpu_stall::flavor(before)?;
    event.flavor = Some(flavor.clone());
    event.kthread = Some(Kthread {
        comm: Some(flavor),
        ..Kthread::default()
    });
    take_line(&mut event, text).then_some(event)
}

/// `starved for 5252 jiffies! g5229 f0x2 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1`
fn take_line(event: &mut Event, text: &str) -> bool {
    let Some(kthread) = event.kthread.as_mut() else {
        return false;
    };
    let starved = Scan::after(text, STARVED);
    let overdue = Scan::after(text, " happen for ").filter(|_| text.contains("timer wakeup didn"));
    let Some(mut scan) = starved.or(overdue) else {
        return false;
    };
    let Some(jiffies) = scan.signed() else {
        return false;
    };
    if starved.is_some() {
        kthread.starved_jiffies = Some(jiffies);
    } else {
        kthread.timer_overdue_jiffies = Some(jiffies);
    }
    scan.until("!");
    // Every part may be cut off; old kernels have no names of states.
    if scan.spaces().eat("g") {
        kthread.gp_seq = scan.signed();
        event.gp_seq = kthread.gp_seq;
    }
    if scan.spaces().eat("c") {
        scan.signed();
    }
    let flags = *scan.spaces();
    if scan.eat("f") {
        kthread.flags = Some(flags_of(flags.rest())).filter(|flags| !flags.is_empty());
        scan.word();
    }
    let wait_state = scan.spaces().word();
    if wait_state.starts_with("RCU_GP")
        || wait_state.starts_with("s")
        || wait_state.starts_with("???")
    {
        kthread.wait_state = Some(wait_state.to_string());
    }
    if let Some(mut state) = Scan::after(text, "->state=") {
        kthread.task_state = Some(state.word().to_string()).filter(|state| !state.is_empty());
    }
    if let Some(mut cpu) = Scan::after(text, "->cpu=") {
        kthread.cpu = cpu.signed();
    }
    if let Some(cpu) = kthread.cpu.and_then(|cpu| cpu.try_into().ok()) {
        event.blame_cpu(cpu);
    }
    true
}

fn flags_of(text: &str) -> String {
    let mut scan = Scan::new(text);
    scan.eat("f");
    scan.word().to_string()
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
    // The other of the two lines of one report.
    let same = report.event.flavor.as_deref().is_some_and(|flavor| {
        text.starts_with(flavor) && (text.contains(STARVED) || text.contains(OVERDUE))
    });
    if same {
        let kthread = report.event.kthread.clone().unwrap_or_default();
        let taken = if text.contains(STARVED) {
            kthread.starved_jiffies.is_some()
        } else {
            kthread.timer_overdue_jiffies.is_some()
        };
        if taken || !take_line(&mut report.event, text) {
            return false;
        }
        // Of the two, this one is the event's: the timer's line comes before it.
        if text.contains(STARVED) {
            report.event.line = report.line;
        }
        return true;
    }
    if text.contains("Possible timer handling issue on cpu=") {
        if let Some(kthread) = report.event.kthread.as_mut() {
            kthread.timer_cpu = Scan::after(text, "on cpu=").and_then(|mut cpu| cpu.signed());
            kthread.timer_softirqs = number_after(text, "timer-softirq=");
        }
        return true;
    }
    if text.starts_with("RCU GP kthread last ran on offline CPU") {
        report.event.message = Some(text.to_string());
        return true;
    }
    text.contains("OOM is now expected behavior")
}

fn settle(report: &mut Report) {
    let flavor = report.event.flavor.clone();
    let task = report.dump_of(Role::GpKthread).and_then(task_of);
    let task = task.unwrap_or(Task {
        comm: flavor,
        ..Task::default()
    });
    report.event.tasks.insert(0, task);
    // What runs on its CPU keeps it from running; what it does itself is in its own stack.
    if let Some(dump) = report.dump_of(Role::GpKthreadCpu).cloned() {
        let about_kthread = dump.comm.as_deref() == report.event.flavor.as_deref();
        if !about_kthread {
            if let Some(task) = task_of(&dump) {
                let text = task.to_string();
                report.event.field(
                    "runs on its CPU",
                    text,
                    "what the CPU did that the kthread ran on last",
                );
            }
        }
        report.tell(&dump, Passed::USUAL);
    }
    // An idle CPU does not keep it from running: its own stack tells where it waits.
    if report.event.culprit_frame.is_none() {
        if let Some(dump) = report.dump_of(Role::GpKthread).cloned() {
            report.take_story(machinery::story(&dump, Passed::OF_RCU));
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
    fn it_stands_beside_the_stall() {
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
    fn the_forms_of_old_and_new_kernels() {
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
