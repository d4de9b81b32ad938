// SPDX-License-Identifier: GPL-2.0

//! Stalls of normal grace periods: `kernel/rcu/tree_stall.h`, back to the forms of Linux 3.x.

use super::{task_of, Family, Report};
use crate::event::{CpuDetail, CpuTime, Event, EventKind, Task, MAX_CULPRITS};
use crate::machinery::Passed;
use crate::scan::{number_after, Scan};
use crate::stack::Dump;

pub(crate) static FAMILY: Family = Family {
    needles: &[
        "self-detected stall on CPU",
        "detected stalls on CPUs/tasks",
        "detected stall on CPU",
        "detected stall, but suppressed",
        // Details of a report whose first line is missing.
        "ticks this GP)",
        "GPs behind)",
    ],
    details: &[
        "t=",
        "ticks this GP)",
        "GPs behind)",
        "Tasks blocked on level-",
        "Stall ended",
        "All QSes seen",
        "Offline CPU ",
        "number:",
        "cputime:",
        "hardirqs ",
        "ending NMI",
        "(detected by",
        "rcu_node tree",
    ],
    starts: b"{",
    header,
    detail,
    settle,
};

fn header(text: &str) -> Option<Event> {
    let (before, after, is_self) =
        if let Some((before, after)) = text.split_once(" self-detected stall on CPU") {
            (before, after, Some(true))
        } else if let Some((before, after)) = text.split_once(" detected stalls on CPUs/tasks") {
            (before, after, Some(false))
        } else if let Some((before, after)) = text.split_once(" detected stall on CPU") {
            (before, after, Some(true))
        } else if let Some((before, after)) = text.split_once(" detected stall, but suppressed") {
            (before, after, None)
        } else {
            return headless(text);
        };
    // Prose that quotes the line goes on in its own way.
    if after.starts_with(['.', ',', '"', '\'', '`', ')', ';']) {
        return None;
    }
    let mut event = Event::new(EventKind::RcuCpuStall);
    event.flavor = Some(flavor(before)?);
    event.self_detected = is_self;
    if is_self.is_none() {
        event.message = Some(format!("suppressed{after}"));
    }
    braces(&mut event, after);
    if is_self == Some(true) && event.cpus.is_empty() {
        // `detected stall on CPU 0 (t=1000 jiffies)`
        if let Some(cpu) = Scan::new(after).spaces().small() {
            if !after.trim_start().contains(':') {
                event.blame_cpu(cpu);
            }
        }
    }
    cpu_lines(&mut event, after);
    totals(&mut event, after);
    Some(event)
}

/// A report whose first line was lost.
fn headless(text: &str) -> Option<Event> {
    let mut event = Event::new(EventKind::RcuCpuStall);
    event.header_missing = true;
    cpu_lines(&mut event, text).then_some(event)
}

/// The word in front: `rcu: INFO: rcu_preempt`.
pub(super) fn flavor(before: &str) -> Option<String> {
    let word = before.rsplit([' ', '\t']).next()?;
    let known = word.starts_with("rcu") || word.starts_with("srcu") || word.contains("rcu");
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (known && plain).then(|| word.to_string())
}

/// `{ 1 2-... P57}`: CPUs and tasks as kernels before 4.1 list them, and expedited reports still do.
pub(super) fn braces(event: &mut Event, text: &str) -> bool {
    let Some(mut scan) = Scan::after(text, "{") else {
        return false;
    };
    loop {
        match scan.spaces().peek() {
            Some(b'P') => {
                let word = scan.word().trim_end_matches('}');
                if let Some(task) = blocked_task(word) {
                    event.blame_task(task);
                }
            }
            Some(b'0'..=b'9') => {
                let Some(cpu) = scan.small() else {
                    return true;
                };
                event.blame_cpu(cpu);
                if scan.eat("-") {
                    let flags = scan.run(|byte| b".OoNDd!?".contains(&byte));
                    detail_of(event, cpu).flags = flags.to_string();
                    detail_of(event, cpu).offline = flags.starts_with('O');
                }
            }
            _ => return true,
        }
    }
}

/// `P57/1:b..l`, or `P57` of a task that runs again.
fn blocked_task(word: &str) -> Option<Task> {
    let mut scan = Scan::new(word);
    let mut task = Task {
        pid: Some(scan.expect("P")?.small()?),
        ..Task::default()
    };
    if scan.eat("/") {
        task.nesting = scan.signed();
        if scan.eat(":") {
            for (mark, meaning) in [
                ('b', "blocked in a reader"),
                ('q', "quiescent state wanted"),
                ('e', "blocks an expedited grace period"),
                ('l', "on the list of blocked readers"),
            ] {
                if scan.rest().contains(mark) {
                    task.flags.push(meaning);
                }
            }
        }
    }
    Some(task)
}

/// Each `3-...!: (20 ticks this GP) idle=…` of a line. The bracket is looked for first, and what stands before
/// it is read backwards: two CPUs may have written into one line.
fn cpu_lines(event: &mut Event, text: &str) -> bool {
    let mut found = false;
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find('(')) {
        let open = from + open;
        from = open + 1;
        let (Some(before), Some(inside)) = (text.get(..open), text.get(open + 1..)) else {
            break;
        };
        let mut scan = Scan::new(inside);
        let Some(value) = scan.number() else {
            continue;
        };
        let is_ticks = scan.eat(" ticks this GP)");
        if !is_ticks && !scan.eat(" GPs behind)") {
            continue;
        }
        let Some((cpu, flags)) = cpu_before(before) else {
            continue;
        };
        found = true;
        event.blame_cpu(cpu);
        let detail = detail_of(event, cpu);
        detail.flags = flags.to_string();
        detail.offline = flags.starts_with('O');
        detail.irq_work = irq_work(flags);
        if is_ticks {
            detail.ticks_this_gp = Some(value);
        } else {
            detail.gps_behind = Some(value);
        }
        // Up to the next CPU's, if there is one.
        let rest = scan.rest();
        let end = rest
            .find(" GP")
            .or_else(|| rest.find("GPs "))
            .unwrap_or(rest.len());
        cpu_fields(detail, rest.get(..end).unwrap_or(rest));
    }
    found
}

/// The CPU and its marks, at the end of `rcu: \t3-...!: `.
fn cpu_before(before: &str) -> Option<(u32, &str)> {
    let before = before.trim_end().strip_suffix(':')?;
    let flags_at = before.len()
        - before
            .bytes()
            .rev()
            .take_while(|byte| b".OoN!?".contains(byte) || byte.is_ascii_digit())
            .count();
    let (head, tail) = before.split_at_checked(flags_at)?;
    if let Some(head) = head.strip_suffix('-') {
        let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
        let cpu = head.get(head.len() - digits..)?.parse().ok()?;
        return Some((cpu, tail));
    }
    Some((tail.parse().ok()?, ""))
}

fn irq_work(flags: &str) -> Option<&'static str> {
    Some(match flags.as_bytes().get(3)? {
        b'.' => "ran",
        b'!' => "not run",
        b'0'..=b'9' => "pending",
        _ => "unknown",
    })
}

fn cpu_fields(detail: &mut CpuDetail, text: &str) {
    if let Some(mut scan) = Scan::after(text, "idle=") {
        detail.idle = Some(scan.word().to_string()).filter(|idle| !idle.is_empty());
    }
    if let Some(mut scan) = Scan::after(text, "softirq=") {
        if let Some(before) = scan.number() {
            if scan.eat("/") {
                detail.softirq = scan.number().map(|now| [before, now]);
            }
        }
    }
    detail.fqs = number_after(text, "fqs=").or(detail.fqs);
    if let Some(mut scan) = Scan::after(text, "rcuc=") {
        detail.rcuc_starved_jiffies = scan.signed();
    }
    detail.false_positive = text.contains("(false positive?)");
}

/// The detail of a CPU, made if need be.
pub(super) fn detail_of(event: &mut Event, cpu: u32) -> &mut CpuDetail {
    let known = event
        .cpu_details
        .iter()
        .position(|detail| detail.cpu == cpu);
    let at = known.unwrap_or_else(|| {
        if event.cpu_details.len() >= MAX_CULPRITS {
            event.cpu_details.pop();
        }
        event.cpu_details.push(CpuDetail {
            cpu,
            ..CpuDetail::default()
        });
        event.cpu_details.len() - 1
    });
    &mut event.cpu_details[at]
}

/// `(t=5250 jiffies g=1 q=2 ncpus=4)`, `(detected by 1, t=5250 jiffies, g=1, c=0, q=2)`
fn totals(event: &mut Event, text: &str) -> bool {
    let by = Scan::after(text, "(detected by ").map(|mut scan| scan.small());
    let Some(at) = text
        .find("t=")
        .filter(|&at| at == 0 || b" (,".contains(&text.as_bytes()[at - 1]))
    else {
        if let Some(Some(cpu)) = by {
            event.detected_by = event.detected_by.or(Some(cpu));
        }
        return by.is_some();
    };
    let rest = text.get(at + 2..).unwrap_or_default();
    let mut scan = Scan::new(rest);
    let jiffies = scan.number();
    if by.is_none() && !scan.eat(" jiffies") {
        return false;
    }
    event.t_jiffies = event.t_jiffies.or(jiffies);
    event.detected_by = event.detected_by.or(by.flatten());
    let signed = |key| Scan::after(rest, key).and_then(|mut scan| scan.signed());
    event.gp_seq = event.gp_seq.or(signed(" g="));
    event.callbacks = event.callbacks.or(number_after(rest, " q="));
    let ncpus = number_after(rest, " ncpus=").and_then(|ncpus| ncpus.try_into().ok());
    event.ncpus = event.ncpus.or(ncpus);
    true
}

fn detail(report: &mut Report, text: &str) -> bool {
    let text = text.strip_prefix("rcu:").unwrap_or(text).trim_start();
    if text.contains("INFO: rcu") && text.contains("detected stall") {
        return false;
    }
    let event = &mut report.event;
    if event.t_jiffies.is_none() && text.contains("t=") && totals(event, text) {
        cpu_lines(event, text);
        return true;
    }
    if text.contains('(') && cpu_lines(event, text) {
        return true;
    }
    if let Some(at) = text.find("Tasks blocked on level-") {
        return blocked_tasks(event, text.get(at..).unwrap_or(text));
    }
    if event.cpus.is_empty() && event.tasks.is_empty() && text.starts_with('{') {
        braces(event, text);
        totals(event, text);
        return true;
    }
    notes(event, text) || cputime(event, text) || is_ours(text)
}

/// `Tasks blocked on level-0 rcu_node (CPUs 0-3): P57/1:b..l`
fn blocked_tasks(event: &mut Event, text: &str) -> bool {
    let Some((_, list)) = text.split_once("):") else {
        return true;
    };
    for word in list.split_ascii_whitespace().take(64) {
        match blocked_task(word) {
            Some(task) => event.blame_task(task),
            None => break,
        }
    }
    true
}

/// What RCU says in words.
fn notes(event: &mut Event, text: &str) -> bool {
    let ends = text.contains("Stall ended before state dump start")
        || text.contains("Stall ended during stack backtracing");
    if ends {
        event.ended = true;
        return true;
    }
    let worth = text.starts_with("All QSes seen") || text.starts_with("Offline CPU ");
    if worth && event.message.is_none() {
        event.message = Some(text.to_string());
    }
    worth
}

/// The table that `rcupdate.rcu_cpu_stall_cputime` adds.
fn cputime(event: &mut Event, text: &str) -> bool {
    let (values, is_number) = if let Some(rest) = text.strip_prefix("number:") {
        (rest, true)
    } else if let Some(rest) = text.strip_prefix("cputime:") {
        (rest, false)
    } else {
        return text.starts_with("hardirqs ") && text.contains("csw/system");
    };
    let Some(detail) = event.cpu_details.last_mut() else {
        return false;
    };
    let mut scan = Scan::new(values);
    let mut three = [0; 3];
    for value in &mut three {
        match scan.spaces().signed() {
            Some(number) => *value = number,
            None => return false,
        }
    }
    let cputime = detail.cputime.get_or_insert_with(CpuTime::default);
    if is_number {
        cputime.number = Some(three);
    } else {
        cputime.milliseconds = Some(three);
        cputime.period = Scan::after(values, "==>").and_then(|mut scan| scan.spaces().signed());
    }
    true
}

/// Lines that say nothing more, but that the report goes on.
fn is_ours(text: &str) -> bool {
    text.starts_with("Sending NMI from CPU")
        || text.starts_with("Sending NMI to")
        || text.starts_with("sending NMI to")
        || text.starts_with("rcu_node tree")
}

/// Takes CPUs, tasks and stacks from the dumps.
fn settle(report: &mut Report) {
    let dumps: Vec<Dump> = report.plain().cloned().collect();
    // A CPU that reports itself prints its own stack first.
    if report.event.cpus.is_empty() && report.event.self_detected == Some(true) {
        if let Some(cpu) = dumps.iter().find_map(|dump| dump.cpu) {
            report.event.blame_cpu(cpu);
        }
    }
    let mut of_cpus = Vec::new();
    for &cpu in &report.event.cpus {
        of_cpus.extend(dumps.iter().find(|dump| dump.cpu == Some(cpu)).cloned());
    }
    if of_cpus.is_empty() && report.event.cpus.len() == 1 {
        // Some architectures do not say whose stack it is.
        of_cpus.extend(
            dumps
                .iter()
                .find(|dump| dump.cpu.is_none() && !is_listed(report, dump))
                .cloned(),
        );
    }
    for dump in &of_cpus {
        report.blame(dump, Passed::USUAL);
    }
    for dump in &dumps {
        if is_listed(report, dump) {
            if let Some(task) = task_of(dump) {
                report.event.blame_task(task);
            }
            report.tell(dump, Passed::USUAL);
        }
    }
}

/// Whether a dump is of a task that the report lists.
fn is_listed(report: &Report, dump: &Dump) -> bool {
    dump.pid.is_some() && report.event.tasks.iter().any(|task| task.pid == dump.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_cpu_that_reports_itself() {
        let event = only(
            "rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             rcu: \t3-....: (20994 ticks this GP) idle=6a84/1/0x4000000000000000 softirq=1245/1246 fqs=5222\n\
             rcu: \t(t=21003 jiffies g=5229 q=217 ncpus=4)\n\
             CPU: 3 UID: 0 PID: 57 Comm: spinner Tainted: G O 6.18.15 #1 PREEMPT(full)\n\
             RIP: 0010:spin+0x12/0x20 [rust_rcu_demo]\n\
             Call Trace:\n",
        );
        assert_eq!(event.kind, EventKind::RcuCpuStall);
        assert_eq!(event.flavor.as_deref(), Some("rcu_preempt"));
        assert_eq!(event.self_detected, Some(true));
        assert_eq!(event.cpus, [3]);
        assert_eq!((event.t_jiffies, event.gp_seq), (Some(21003), Some(5229)));
        assert_eq!((event.callbacks, event.ncpus), (Some(217), Some(4)));
        assert_eq!(event.tasks[0].comm.as_deref(), Some("spinner"));
        assert_eq!(event.culprit_frame.as_deref(), Some("spin"));
        let detail = &event.cpu_details[0];
        assert_eq!(detail.ticks_this_gp, Some(20994));
        assert_eq!(detail.idle.as_deref(), Some("6a84/1/0x4000000000000000"));
        assert_eq!(detail.softirq, Some([1245, 1246]));
        assert_eq!((detail.fqs, detail.irq_work), (Some(5222), Some("ran")));
    }

    #[test]
    fn cpus_and_tasks_that_others_report() {
        let event = only(
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             rcu: \t1-O..!: (3 GPs behind) idle=b7c/1/0x4000000000000002 softirq=1/2 fqs=0 rcuc=5000 jiffies(starved) (false positive?)\n\
             rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-3): P57/1:b..l P58\n\
             rcu: \t(detected by 2, t=5252 jiffies, g=-7, q=9 ncpus=3)\n\
             task:reader          state:S stack:0     pid:57    tgid:57    ppid:2      flags:0x00004000\n\
             Call Trace:\n\
             __schedule+0x1/0x2\n\
             schedule+0x1/0x2\n\
             nap+0x1/0x2 [demo]\n",
        );
        assert_eq!(event.self_detected, Some(false));
        assert_eq!(
            (event.cpus.as_slice(), event.detected_by),
            (&[1][..], Some(2))
        );
        assert_eq!(event.gp_seq, Some(-7));
        let detail = &event.cpu_details[0];
        assert!(detail.offline && detail.false_positive);
        assert_eq!(
            (detail.gps_behind, detail.irq_work),
            (Some(3), Some("not run"))
        );
        assert_eq!(detail.rcuc_starved_jiffies, Some(5000));
        assert_eq!(event.tasks.len(), 2);
        assert_eq!(event.tasks[0].comm.as_deref(), Some("reader"));
        assert_eq!(event.tasks[0].nesting, Some(1));
        assert_eq!(
            event.tasks[0].flags,
            ["blocked in a reader", "on the list of blocked readers"]
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("nap"));
    }

    #[test]
    fn the_forms_of_old_kernels() {
        let event = only(
            "INFO: rcu_sched self-detected stall on CPU { 1}  (t=2101 jiffies g=10 c=9 q=3)\n",
        );
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[1][..], Some(2101))
        );
        assert_eq!((event.gp_seq, event.callbacks), (Some(10), Some(3)));
        let event = only("INFO: rcu_bh detected stalls on CPUs/tasks: { 2 5 P57} (detected by 0, t=2102 jiffies, g=10, c=9, q=0)\n");
        assert_eq!(event.cpus, [2, 5]);
        assert_eq!(event.tasks[0].pid, Some(57));
        assert_eq!(event.detected_by, Some(0));
        let event = only("INFO: rcu_sched_state detected stall on CPU 3 (t=1000 jiffies)\n");
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[3][..], Some(1000))
        );
        let event = only(
            "INFO: rcu_sched self-detected stall on CPU\n\
             \t0: (2099 ticks this GP) idle=f4d/140000000000001/0 softirq=15/16 fqs=1 last_accelerate: 77f5/8a31 dyntick_enabled: 1\n\
             \t (t=2100 jiffies g=-287 c=-288 q=2)\n",
        );
        assert_eq!(event.cpus, [0]);
        assert_eq!(
            event.cpu_details[0].idle.as_deref(),
            Some("f4d/140000000000001/0")
        );
        assert_eq!(event.gp_seq, Some(-287));
    }

    #[test]
    fn two_cpus_in_one_line() {
        let event = only(
            "INFO: rcu_sched self-detected stall on CPU\t1-...: (1 GPs behind) idle=1/2/0x3 \t2-...: (4 ticks this GP) idle=5/6/0x7\n",
        );
        assert_eq!(event.cpus, [1, 2]);
        assert_eq!(event.cpu_details[0].gps_behind, Some(1));
        assert_eq!(event.cpu_details[1].ticks_this_gp, Some(4));
    }

    #[test]
    fn details_without_a_first_line() {
        let event = only("rcu: \t3-...!: (20 ticks this GP) idle=6a84/1/0x4 softirq=1/2 fqs=3\n(detected by 0, t=100 jiffies, g=5, q=6)\n");
        assert!(event.header_missing);
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[3][..], Some(100))
        );
    }

    #[test]
    fn the_cputime_table() {
        let event = only(
            "rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             rcu: \t0-....: (5249 ticks this GP) idle=1/2/0x3\n\
             rcu: \t         hardirqs   softirqs   csw/system\n\
             rcu: \t number:      624         45            0\n\
             rcu: \tcputime:       69          1         2425   ==> 2500(ms)\n",
        );
        let cputime = event.cpu_details[0].cputime.as_ref().expect("a table");
        assert_eq!(cputime.number, Some([624, 45, 0]));
        assert_eq!(cputime.milliseconds, Some([69, 1, 2425]));
        assert_eq!(cputime.period, Some(2500));
    }

    #[test]
    fn other_words_of_rcu() {
        let event = only(
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             rcu: \t(detected by 0, t=100 jiffies, g=5, q=6)\n\
             rcu: INFO: Stall ended before state dump start\n",
        );
        assert!(event.ended);
        let event = only(
            "rcu: INFO: rcu_preempt detected stall, but suppressed full report due to a stuck CSD-lock.\n",
        );
        assert!(event
            .message
            .is_some_and(|message| message.contains("CSD-lock")));
    }

    #[test]
    fn prose_is_no_report() {
        assert!(decode("I got a self-detected stall on CPU yesterday\n").is_empty());
        assert!(decode("it detected stalls on CPUs/tasks: see below\n").is_empty());
        assert!(decode("fixes 'rcu: INFO: rcu_sched self-detected stall on CPU'.\n").is_empty());
    }
}
