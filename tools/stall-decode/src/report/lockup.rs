// SPDX-License-Identifier: GPL-2.0

//! Soft and hard lockups: `kernel/watchdog.c`, and PowerPC's `arch/powerpc/kernel/watchdog.c`.

use super::{event_of_task, task_of, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::functions::Class;
use crate::scan::{name_and_pid, Scan};
use crate::stack::{self, Dump};

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "soft lockup - CPU#",
        "hard LOCKUP",
        "Hard LOCKUP",
        "not syncing: softlockup",
    ],
    details: &[
        "Modules linked in:",
        "irq event stamp:",
        "Sending NMI",
        "Utilization",
        "% system",
        "heartbeat",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

fn header(text: &str) -> Option<Event> {
    panic(text).or_else(|| soft(text)).or_else(|| hard(text))
}

/// Parses the panic after a lockup whose own report is missing.
fn panic(text: &str) -> Option<Event> {
    let (_, reason) = text.split_once("Kernel panic - not syncing: ")?;
    let kind = match reason {
        _ if reason.starts_with("Hard LOCKUP") => EventKind::HardLockup,
        _ if reason.starts_with("Watchdog detected hard LOCKUP") => EventKind::HardLockup,
        _ if reason.starts_with("softlockup: ") => EventKind::SoftLockup,
        _ => return None,
    };
    let mut event = Event::new(kind);
    event.header_missing = true;
    event.panic = Some(reason.to_string());
    // The stack that follows is that of the CPU that panics, which may be another one.
    let cpu = Scan::after(reason, " on cpu ").and_then(|mut cpu| cpu.small());
    event.cpus.extend(cpu);
    Some(event)
}

/// Parses `BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:57]`.
fn soft(text: &str) -> Option<Event> {
    let mut scan = Scan::after(text, "soft lockup - CPU#")?;
    let cpu = scan.small()?;
    scan.expect(" stuck for ")?;
    let seconds = scan.number()?;
    let task = Scan::after(scan.rest(), "[").map(|task| task.rest());
    let task = task.map(|task| task.rsplit_once(']').map_or(task, |(task, _)| task));
    let mut event = match task.and_then(|task| name_and_pid(task, ':')) {
        Some((comm, pid)) => event_of_task(EventKind::SoftLockup, comm, Some(pid)),
        None => Event::new(EventKind::SoftLockup),
    };
    event.seconds = Some(seconds as f64);
    event.add_cpu(cpu);
    Some(event)
}

fn hard(text: &str) -> Option<Event> {
    if text.contains("panic") || text.contains("suppressed") {
        return None;
    }
    let mut event = Event::new(EventKind::HardLockup);
    // `CPU3: Watchdog detected hard LOCKUP on cpu 2`
    if let Some(mut scan) = Scan::after(text, "etected hard LOCKUP on cpu ") {
        event.add_cpu(scan.small()?);
        let by = text
            .split_once(": Watchdog")
            .and_then(|(before, _)| before.rsplit_once("CPU"));
        event.detected_by = by.and_then(|(_, cpu)| cpu.parse().ok());
        return Some(event);
    }
    // `watchdog: CPU 0 detected hard LOCKUP on other CPUs 2-3`
    let others = Scan::after(text, "etected hard LOCKUP on other CPUs ")
        .or_else(|| Scan::after(text, "etected Hard LOCKUP other CPUS:"))
        .or_else(|| Scan::after(text, "etected Hard LOCKUP other CPUs:"));
    if let Some(mut scan) = others {
        for cpu in scan.cpu_list() {
            event.add_cpu(cpu);
        }
        event.detected_by = cpu_in(text);
        return Some(event);
    }
    // `watchdog: CPU 4 Hard LOCKUP`, `watchdog: CPU 4 self-detected hard LOCKUP @ func+0x1/0x2`
    let is_self = text.contains("self-detected hard LOCKUP")
        || (text.contains("Hard LOCKUP") && text.to_ascii_lowercase().contains("watchdog"));
    if !is_self {
        return None;
    }
    event.self_detected = Some(true);
    event.add_cpu(cpu_in(text)?);
    let at = Scan::after(text, " @ ").and_then(|at| stack::frame(at.rest()));
    event.symbol = at.map(|frame| frame.function());
    Some(event)
}

/// Parses `CPU 4`, `CPU:4`.
fn cpu_in(text: &str) -> Option<u32> {
    let mut scan = Scan::after(text, "CPU")?;
    scan.run(|byte| byte == b' ' || byte == b':');
    scan.small()
}

/// Parses `#1: 100% system, 0% softirq, 1% hardirq, 0% idle` of a soft lockup.
fn utilization(event: &mut Event, text: &str) -> bool {
    let system = text
        .split_once("% system,")
        .and_then(|(before, _)| before.rsplit_once(' '))
        .and_then(|(_, percent)| percent.parse::<u32>().ok());
    let is_line = text.starts_with('#') && system.is_some();
    event.evidence.is_busy_in_kernel |= is_line && system.is_some_and(|percent| percent > 90);
    is_line
}

fn detail(report: &mut Report, text: &str) -> bool {
    if utilization(&mut report.event, text) {
        return true;
    }
    // `watchdog: CPU 1 TB:75267453118, last heartbeat TB:69871699982 (10538ms ago)`
    if let Some((before, _)) = text.split_once("ms ago)") {
        let ms = before
            .rsplit_once('(')
            .and_then(|(_, ms)| ms.parse::<f64>().ok());
        if let (Some(ms), true) = (ms, text.contains("heartbeat")) {
            report.event.seconds = Some((ms / 100.0).round() / 10.0);
            return true;
        }
    }
    text.starts_with("Modules linked in:")
        || text.starts_with("irq event stamp:")
        || text.starts_with("Sending NMI")
        || text.starts_with("Utilization every")
        || text.starts_with("CPU#") && text.contains("Utilization")
}

/// Adds the stack of the silent CPU.
pub(super) fn complete(report: &mut Report) {
    let cpus = report.event.cpus.clone();
    let is_listed = |cpu: Option<u32>| cpu.is_some_and(|cpu| cpus.contains(&cpu));
    let own = report.subject_dumps().find(|dump| is_listed(dump.cpu));
    let unnamed = || {
        let is_first = |dump: &&Dump| dump.cpu.is_none() || cpus.is_empty();
        report.subject_dumps().find(is_first)
    };
    if let Some(dump) = own.or_else(unnamed).cloned() {
        if report.event.tasks.is_empty() {
            report.event.tasks.extend(task_of(&dump));
        }
        if report.event.cpus.is_empty() {
            report.event.cpus.extend(dump.cpu);
        }
        report.add_stack(&dump, Origin::Interrupt);
    }
    // PowerPC names the place in the first line.
    let event = &mut report.event;
    let is_hard = event.kind == EventKind::HardLockup;
    if let (true, Some(place)) = (is_hard && event.frames.is_empty(), event.symbol.clone()) {
        if Class::of(&place) == Class::Other {
            event.culprit_frame = Some(place.clone());
        }
        event.frames.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_soft_lockup_names_cpu_and_task() {
        let event = only(
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:57]\n\
             Modules linked in: demo(O)\n\
             CPU: 1 UID: 0 PID: 57 Comm: kworker/1:1 Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x1/0x2 [demo]\n",
        );
        assert_eq!(
            (event.kind, event.seconds),
            (EventKind::SoftLockup, Some(22.0))
        );
        assert_eq!(event.cpus, [1]);
        assert_eq!(event.tasks[0].comm.as_deref(), Some("kworker/1:1"));
        assert_eq!(event.tasks.len(), 1);
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
    }

    #[test]
    fn hard_lockups_of_every_form_are_parsed() {
        let forms: [(&str, &[u32], Option<u32>); 7] = [
            (
                "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3\n",
                &[3],
                None,
            ),
            (
                "Watchdog detected hard LOCKUP on cpu 0Modules linked in: x\n",
                &[0],
                None,
            ),
            (
                "watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 2\n",
                &[2],
                Some(3),
            ),
            (
                "watchdog: CPU 0 detected hard LOCKUP on other CPUs 2-3,5\n",
                &[2, 3, 5],
                Some(0),
            ),
            (
                "Watchdog CPU:4 detected Hard LOCKUP other CPUS:3\n",
                &[3],
                Some(4),
            ),
            ("watchdog: CPU 4 Hard LOCKUP\n", &[4], None),
            (
                "watchdog: CPU 4 self-detected hard LOCKUP @ spin+0x1/0x2\n",
                &[4],
                None,
            ),
        ];
        for (text, cpus, by) in forms {
            let event = only(text);
            assert_eq!(event.kind, EventKind::HardLockup, "{text}");
            assert_eq!(
                (event.cpus.as_slice(), event.detected_by),
                (cpus, by),
                "{text}"
            );
        }
    }

    #[test]
    fn time_in_the_kernel_excludes_a_stopped_host() {
        let lockup = |system: u32| {
            only(&format!(
                "watchdog: BUG: soft lockup - CPU#6 stuck for 23s! [foo:57]\n\
                 CPU#6 Utilization every 4000ms during lockup:\n\
                 \t#1: {system}% system,\t  0% softirq,\t  1% hardirq,\t  0% idle\n"
            ))
        };
        assert!(!lockup(100).causes.concat().contains("virtual machine"));
        assert!(lockup(3).causes.concat().contains("virtual machine"));
    }

    #[test]
    fn a_panic_is_a_lockup_only_if_the_log_has_no_other_report() {
        for (panic, kind) in [
            ("Hard LOCKUP", EventKind::HardLockup),
            ("softlockup: hung tasks", EventKind::SoftLockup),
        ] {
            let panic = format!(
                "Kernel panic - not syncing: {panic}\n\
                 CPU: 3 PID: 57 Comm: foo Not tainted 6.18.15 #1\n"
            );
            let event = only(&panic);
            assert_eq!((event.kind, event.cpus.as_slice()), (kind, &[3][..]));
            assert!(event.header_missing && event.panic.is_some());
            let lockup = "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [foo:57]\n";
            assert_eq!(decode(&format!("{lockup}{panic}")).len(), 1);
        }
        assert!(decode("Kernel panic - not syncing: Fatal exception\n").is_empty());
    }
}
