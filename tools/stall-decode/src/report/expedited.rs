// SPDX-License-Identifier: GPL-2.0

//! Stalls of expedited grace periods: `kernel/rcu/tree_exp.h`.

use super::culprits::{continue_braces, flavor, in_braces};
use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::Scan;

pub(crate) static FAMILY: Family = Family {
    headers: &["detected expedited stalls"],
    details: &[
        "blocking rcu_node structures",
        " jiffies s: ",
        "xpedited stall ended",
        "Sending NMI from CPU",
        "to the NMI: ",
        "l=",
    ],
    detail_starts: b"P0123456789-}",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

fn header(text: &str) -> Option<Event> {
    let (before, after) = text.split_once(" detected expedited stalls")?;
    let mut event = Event::new(EventKind::RcuExpeditedStall);
    event.flavor = Some(flavor(before)?);
    if after.contains("suppressed full report") {
        event.message = Some(after.trim_start_matches(", but ").to_string());
    }
    in_braces(&mut event, after);
    event.evidence.is_list_open = after.contains('{') && !after.contains('}');
    end_of_list(&mut event, after);
    Some(event)
}

/// Parses `} 21 jiffies s: 57 root: 0x2/.`.
fn end_of_list(event: &mut Event, text: &str) -> bool {
    let Some(mut scan) = Scan::after(text, "} ") else {
        return false;
    };
    let Some(jiffies) = scan.number() else {
        return false;
    };
    if !scan.eat(" jiffies") {
        return false;
    }
    event.t_jiffies = Some(jiffies);
    if let Some(mut sequence) = Scan::after(scan.rest(), "s: ") {
        event.gp_seq = sequence.signed();
    }
    if let Some(mut root) = Scan::after(scan.rest(), "root: ") {
        let root = root.word().to_string();
        let meaning = "mask, at the root of RCU's tree, of the CPUs or groups of CPUs for which the grace period waits; T: tasks too";
        event.add_field("root", root, meaning);
    }
    true
}

fn detail(report: &mut Report, text: &str) -> bool {
    let text = text.strip_prefix("rcu:").unwrap_or(text).trim_start();
    if text.contains("blocking rcu_node structures") {
        return true;
    }
    // The list is printed in pieces. Other CPUs may print between them.
    let event = &mut report.event;
    if event.evidence.is_list_open && !text.contains('{') && continue_braces(event, text) {
        event.evidence.is_list_open = !text.contains('}');
        end_of_list(event, text);
        return true;
    }
    if report.parse_nmi_request(text) {
        return true;
    }
    if text.contains("xpedited stall ended before state dump") {
        report.event.ended = true;
        return true;
    }
    text.starts_with("l=")
}

fn complete(report: &mut Report) {
    let dumps: Vec<_> = report.subject_dumps().cloned().collect();
    let cpus = report.event.cpus.clone();
    let listed = report.event.tasks.clone();
    for dump in &dumps {
        let is_of_cpu = dump.cpu.is_some_and(|cpu| cpus.contains(&cpu));
        let is_of_task = dump.pid.is_some() && listed.iter().any(|task| task.pid == dump.pid);
        let is_unnamed = dump.cpu.is_none() && dump.pid.is_none();
        let is_only_one = is_unnamed && cpus.len() + listed.len() == 1;
        // The list is empty if the line was cut off.
        let is_list_lost = cpus.is_empty() && listed.is_empty();
        if is_of_cpu || is_of_task || is_only_one || is_list_lost {
            report.add_task_and_stack(dump, Origin::Interrupt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn cpus_and_tasks_of_the_list_are_parsed() {
        let event = only(
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { P57 1-...D 3-O..D } 23 jiffies s: 57 root: 0x2/T\n\
             rcu: blocking rcu_node structures (internal RCU debug): l=1:0-15:0x2/T\n\
             Sending NMI from CPU 0 to CPUs 1:\n\
             NMI backtrace for cpu 1\n\
             CPU: 1 UID: 0 PID: 99 Comm: spinner Not tainted 6.18.15 #1\n\
             RIP: 0010:spin+0x12/0x20 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::RcuExpeditedStall);
        assert_eq!(event.cpus, [1, 3]);
        assert_eq!((event.t_jiffies, event.gp_seq), (Some(23), Some(57)));
        assert_eq!(event.cpu_details[0].flags, "...D");
        assert!(event.cpu_details[1].offline);
        let pids: Vec<_> = event.tasks.iter().map(|task| task.pid).collect();
        assert_eq!(pids, [Some(57), Some(99)]);
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
    }

    #[test]
    fn a_list_printed_in_pieces_is_parsed() {
        let event = only(
            "INFO: rcu_sched detected expedited stalls on CPUs/tasks: {\n\
             usb 1-1: new device\n \
             2-... } 64 jiffies s: 413 root: 0x1/.\n",
        );
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[2][..], Some(64))
        );
        let event = only(
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {\n\
             \x200-....\n\
             \x20P57\n\
             \x20} 2688 jiffies s: 4485 root: 0x1/.\n",
        );
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[0][..], Some(2688))
        );
        assert_eq!(event.tasks[0].pid, Some(57));
    }
}
