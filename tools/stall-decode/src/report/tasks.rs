// SPDX-License-Identifier: GPL-2.0

//! Stalls of RCU Tasks and RCU Tasks Trace: `kernel/rcu/tasks.h`.

use super::culprits::flavor;
use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Task};
use crate::scan::{small_after, Scan};

pub(crate) static FAMILY: Family = Family {
    headers: &["detected stalls on tasks", "detected stalls? (Late IPI"],
    details: &[" nvcsw: ", "IPI outstanding"],
    detail_starts: b"P",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

fn header(text: &str) -> Option<Event> {
    let (before, _) = text
        .split_once(" detected stalls on tasks")
        .or_else(|| text.split_once(" detected stalls? (Late IPI"))?;
    let mut event = Event::new(EventKind::RcuTasksStall);
    event.flavor = flavor(before);
    event.flavor.is_some().then_some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    let event = &mut report.event;
    if let Some(switches) = Scan::after(text, " nvcsw: ") {
        holdout(event, switches);
        return true;
    }
    if text.starts_with("IPI outstanding to CPU ") {
        if let Some(cpu) = small_after(text, "to CPU ") {
            event.add_cpu(cpu);
        }
        return true;
    }
    trace_reader(event, text).is_some()
}

/// Parses `00000000c0ffee00: .. nvcsw: 2/2 holdout: 1 idle_cpu: -1/3` after ` nvcsw: `.
fn holdout(event: &mut Event, mut switches: Scan<'_>) {
    let idle = Scan::after(switches.rest(), "idle_cpu: ");
    event.add_field(
        "nvcsw",
        switches.word(),
        "voluntary context switches when the grace period began, and now; equal numbers mean that the task has had none since",
    );
    if let Some(mut idle) = idle {
        idle.signed();
        if let (true, Some(cpu)) = (idle.eat("/"), idle.small()) {
            event.add_cpu(cpu);
        }
    }
}

/// Parses `P57: ...B nesting: 1N cpu: 2` of RCU Tasks Trace.
fn trace_reader(event: &mut Event, text: &str) -> Option<()> {
    let mut scan = Scan::new(text);
    let pid = scan.expect("P")?.small()?;
    let flags = scan.expect(": ")?.word();
    event.add_task(Task {
        pid: Some(pid),
        nesting: Scan::after(text, "nesting: ").and_then(|mut scan| scan.signed()),
        flags: trace_flags(flags),
        ..Task::default()
    });
    if let Some(cpu) = small_after(text, " cpu: ") {
        event.add_cpu(cpu);
    }
    Some(())
}

fn trace_flags(flags: &str) -> Vec<&'static str> {
    let mut words = Vec::new();
    for (mark, meaning) in [
        ('I', "an IPI was sent to its CPU"),
        ('i', "idle task"),
        ('N', "its CPU is nohz_full"),
        ('B', "blocked in a reader"),
    ] {
        if flags.contains(mark) {
            words.push(meaning);
        }
    }
    words
}

fn complete(report: &mut Report) {
    let dumps: Vec<_> = report.subject_dumps().cloned().collect();
    for dump in &dumps {
        report.add_task_and_stack(dump, Origin::Interrupt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn a_task_without_context_switches_is_named() {
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
    fn a_reader_of_rcu_tasks_trace_is_named() {
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
            ["its CPU is nohz_full", "blocked in a reader"]
        );
        let event = only(
            "INFO: rcu_tasks_trace detected stalls? (Late IPI?)\n\tIPI outstanding to CPU 1\n",
        );
        assert_eq!(event.cpus, [1]);
    }
}
