// SPDX-License-Identifier: GPL-2.0

//! Stalls of RCU Tasks and RCU Tasks Trace: `kernel/rcu/tasks.h`.

use super::{task_of, Family, Report};
use crate::event::{Event, EventKind, Task};
use crate::machinery::Passed;
use crate::scan::{number_after, Scan};

pub(crate) static FAMILY: Family = Family {
    needles: &["detected stalls on tasks", "detected stalls? (Late IPI"],
    details: &[" nvcsw: ", "IPI outstanding"],
    starts: b"P",
    header,
    detail,
    settle,
};

fn header(text: &str) -> Option<Event> {
    let (before, _) = text
        .split_once(" detected stalls on tasks")
        .or_else(|| text.split_once(" detected stalls? (Late IPI"))?;
    let mut event = Event::new(EventKind::RcuTasksStall);
    event.flavor = super::cpu_stall::flavor(before);
    event.flavor.is_some().then_some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    let event = &mut report.event;
    // 00000000c0ffee00: .. nvcsw: 2/2 holdout: 1 idle_cpu: -1/3
    if let Some(mut switches) = Scan::after(text, " nvcsw: ") {
        event.field(
            "nvcsw",
            switches.word(),
            "voluntary context switches: when the grace period began, and now; equal means that the task has not given up its CPU since",
        );
        if let Some(mut idle) = Scan::after(text, "idle_cpu: ") {
            idle.signed();
            if idle.eat("/") {
                if let Some(cpu) = idle.small() {
                    event.blame_cpu(cpu);
                }
            }
        }
        return true;
    }
    // P57: ...B nesting: 1N cpu: 2
    let mut scan = Scan::new(text);
    if scan.eat("P") {
        let Some(pid) = scan.small() else {
            return false;
        };
        if !scan.eat(": ") {
            return false;
        }
        let flags = scan.word();
        let nesting = Scan::after(text, "nesting: ").and_then(|mut scan| scan.signed());
        event.blame_task(Task {
            pid: Some(pid),
            nesting,
            flags: trace_flags(flags),
            ..Task::default()
        });
        if let Some(cpu) = number_after(text, " cpu: ").and_then(|cpu| cpu.try_into().ok()) {
            event.blame_cpu(cpu);
        }
        return true;
    }
    if text.starts_with("IPI outstanding to CPU ") {
        if let Some(cpu) = number_after(text, "to CPU ").and_then(|cpu| cpu.try_into().ok()) {
            event.blame_cpu(cpu);
        }
        return true;
    }
    false
}

fn trace_flags(flags: &str) -> Vec<&'static str> {
    let mut words = Vec::new();
    for (mark, meaning) in [
        ('I', "an interrupt was sent to its CPU"),
        ('i', "idle task"),
        ('N', "its CPU has no clock interrupt"),
        ('B', "blocked in a reader"),
    ] {
        if flags.contains(mark) {
            words.push(meaning);
        }
    }
    words
}

fn settle(report: &mut Report) {
    let dumps: Vec<_> = report.plain().cloned().collect();
    for dump in &dumps {
        if let Some(task) = task_of(dump) {
            report.event.blame_task(task);
        }
        report.tell(dump, Passed::USUAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn a_task_that_does_not_switch() {
        let event = only(
            "INFO: rcu_tasks detected stalls on tasks:\n\
             00000000c0ffee00: .N nvcsw: 2/2 holdout: 1 idle_cpu: -1/3\n\
             task:spinner         state:R  running task     stack:0     pid:57    tgid:57    ppid:2      flags:0x00004000\n\
             Call Trace:\n\
             spin+0x1/0x2 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::RcuTasksStall);
        assert_eq!(event.flavor.as_deref(), Some("rcu_tasks"));
        assert_eq!(event.cpus, [3]);
        assert_eq!(event.tasks[0].pid, Some(57));
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
    }

    #[test]
    fn the_tracing_flavor() {
        let event = only(
            "INFO: rcu_tasks_trace detected stalls on tasks:\n\
             P57: ..NB nesting: 1N cpu: 2\n",
        );
        assert_eq!(event.flavor.as_deref(), Some("rcu_tasks_trace"));
        assert_eq!(
            (event.cpus.as_slice(), event.tasks[0].nesting),
            (&[2][..], Some(1))
        );
        assert_eq!(
            event.tasks[0].flags,
            ["its CPU has no clock interrupt", "blocked in a reader"]
        );
        let event = only(
            "INFO: rcu_tasks_trace detected stalls? (Late IPI?)\n\tIPI outstanding to CPU 1\n",
        );
        assert_eq!(event.cpus, [1]);
    }
}
