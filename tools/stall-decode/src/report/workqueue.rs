// SPDX-License-Identifier: GPL-2.0

//! Worker pools that make no progress: `wq_watchdog_timer_fn()` and `show_all_workqueues()` in
//! `kernel/workqueue.c`.

use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Task};
use crate::scan::{number_after, Scan};
use crate::stack::{function, Role};

const LOCKUP: &str = "BUG: workqueue lockup - pool";

/// Work items named per field.
const MAX_NAMED: usize = 12;

pub(crate) static FAMILY: Family = Family {
    headers: &[LOCKUP],
    details: &[
        "Showing busy workqueues",
        "Showing backtraces of ",
        "workqueue ",
        "pwq ",
        "in-flight:",
        "pending:",
        "inactive:",
        "delayed:",
        "pool ",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

/// Parses `BUG: workqueue lockup - pool cpus=2 node=0 flags=0x0 nice=0 stuck for 58s!`.
fn header(text: &str) -> Option<Event> {
    let scan = Scan::after(text, LOCKUP)?;
    let mut event = Event::new(EventKind::WorkqueueLockup);
    event.seconds = Some(number_after(scan.rest(), "stuck for ")? as f64);
    if let Some(mut cpus) = Scan::after(scan.rest(), "cpus=") {
        let value = cpus
            .rest()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_string();
        for cpu in cpus.cpu_list() {
            event.add_cpu(cpu);
        }
        let meaning = "the CPUs whose work items this pool runs";
        event.add_field("pool cpus", value, meaning);
    }
    for (key, meaning) in [
        ("node=", "the NUMA node of the pool"),
        ("flags=", "flags of the pool"),
        (
            "nice=",
            "the nice value of its workers; -20 is the pool of WQ_HIGHPRI",
        ),
    ] {
        if let Some(mut value) = Scan::after(scan.rest(), key) {
            event.add_field(key.trim_end_matches('='), value.word(), meaning);
        }
    }
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    let event = &mut report.event;
    for (key, name, meaning) in [
        (
            "in-flight:",
            "in flight",
            "work items that run now, with the pid of their worker",
        ),
        ("pending:", "pending", "work items that wait for a worker"),
        (
            "inactive:",
            "inactive",
            "work items over the limit of their work queue",
        ),
        (
            "delayed:",
            "inactive",
            "work items over the limit of their work queue",
        ),
    ] {
        if let Some(list) = text.strip_prefix(key) {
            // Other pools have work too, but do not stand still.
            if !event.evidence.is_own_pool {
                return true;
            }
            if name == "in flight" {
                in_flight(event, list);
            }
            let list = list.split(',').take(MAX_NAMED).map(str::trim);
            let list: Vec<_> = list.collect();
            event.add_field(name, list.join(", "), meaning);
            return true;
        }
    }
    if text.starts_with("Showing backtraces of ") {
        report.next_dump = Some(Role::Worker);
        return true;
    }
    if let Some(queue) = text.strip_prefix("workqueue ") {
        let Some((name, _)) = queue.split_once(": flags=") else {
            return false;
        };
        event.add_field("workqueue", name, "a work queue with work");
        return true;
    }
    if text.starts_with("pwq ") {
        let cpus = event
            .field("pool cpus")
            .map(|field| format!("cpus={} ", field.value));
        event.evidence.is_own_pool = cpus.is_none_or(|cpus| text.contains(&cpus));
        return true;
    }
    text.starts_with("Showing busy workqueues") || text.starts_with("pool ")
}

/// Parses `14164:foo_work [foo] for 58s, 99(RESCUER):bar_work`.
fn in_flight(event: &mut Event, list: &str) {
    for item in list.split(',') {
        let mut scan = Scan::new(item.trim());
        let pid = scan.small();
        scan.eat("(RESCUER)");
        let Some(work) = scan.rest().strip_prefix(':') else {
            continue;
        };
        let name = work.split(' ').next().unwrap_or(work);
        if event.work.is_none() {
            let module = work
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'));
            event.work = Some(function(name));
            event.culprit_frame = Some(function(name));
            event.culprit_module = module.map(|(module, _)| module.to_string());
        }
        if let Some(pid) = pid {
            event.add_task(Task {
                pid: Some(pid),
                comm: Some("kworker".to_string()),
                ..Task::default()
            });
        }
    }
}

fn complete(report: &mut Report) {
    let dumps = report.dumps.iter().filter(|dump| !dump.frames.is_empty());
    let Some(dump) = dumps.last().cloned() else {
        return;
    };
    let work = report.event.culprit_frame.take();
    report.add_task_and_stack(&dump, Origin::Interrupt);
    if report.event.culprit_frame.is_none() {
        report.event.culprit_frame = work;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn a_lockup_names_its_pool_and_the_work_items() {
        let event = only(
            "BUG: workqueue lockup - pool cpus=2 node=0 flags=0x0 nice=-20 stuck for 58s!\n\
             Showing busy workqueues and worker pools:\n\
             workqueue events_highpri: flags=0x10\n\
             \x20 pwq 5: cpus=2 node=0 flags=0x0 nice=-20 active=2/256 refcnt=3\n\
             \x20   in-flight: 57:stuck_work [demo] for 58s\n\
             \x20   pending: other_work, 2*third_work\n\
             pool 5: cpus=2 node=0 flags=0x0 nice=-20 hung=58s workers=2 idle: 58\n\
             Showing backtraces of running workers in stalled CPU-bound worker pools:\n\
             pool 5:\n\
             task:kworker/2:1H    state:R  running task     stack:0     pid:57    tgid:57    ppid:2      flags:0x00004000\n\
             Workqueue: events_highpri stuck_work [demo]\n\
             Call Trace:\n\
             spin+0x1/0x2 [demo]\n\
             stuck_work+0x1/0x2 [demo]\n\
             process_one_work+0x1/0x2\n",
        );
        assert_eq!(event.kind, EventKind::WorkqueueLockup);
        assert_eq!(event.cpus, [2]);
        assert_eq!(event.seconds, Some(58.0));
        assert_eq!(event.work.as_deref(), Some("stuck_work"));
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
        assert_eq!(event.culprit_module.as_deref(), Some("demo"));
        let pending = event.field("pending").expect("pending work");
        assert_eq!(pending.value, "other_work, 2*third_work");
    }
}
