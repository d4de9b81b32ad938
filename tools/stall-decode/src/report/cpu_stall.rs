// SPDX-License-Identifier: GPL-2.0

//! Stalls of normal grace periods: `kernel/rcu/tree_stall.h`, back to the forms of Linux 3.x.

mod cpu_line;

use super::culprits::{self, flavor};
use super::{Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::{number_after, small_after, Scan};
use crate::stack::{base, Dump, Role};

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "self-detected stall on CPU",
        "detected stalls on CPUs/tasks",
        "detected stall on CPU",
        "detected stall, but suppressed",
        // Details that begin a report whose first line is missing.
        "ticks this GP)",
        "GPs behind)",
        "(detected by ",
        "(t=",
        "All QSes seen",
    ],
    details: &[
        "t=",
        "ticks this GP)",
        "GPs behind)",
        "Tasks blocked on ",
        "Stall ended",
        "All QSes seen",
        "Offline CPU ",
        "number:",
        "cputime:",
        "hardirqs ",
        "ending NMI",
        "(detected by",
        "rcu_node tree",
        "softirq=",
        "fqs=",
        "Sending NMI",
        "to the NMI: ",
        "sending NMI",
        "} ",
    ],
    detail_starts: b"{-}0123456789P",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

/// First lines, and whether the stalled CPU prints them.
const FORMS: [(&str, Option<bool>); 4] = [
    (" self-detected stall on CPU", Some(true)),
    (" detected stalls on CPUs/tasks", Some(false)),
    (" detected stall on CPU", Some(true)),
    (" detected stall, but suppressed", None),
];

fn header(text: &str) -> Option<Event> {
    let form = FORMS.iter().find_map(|(form, is_self)| {
        let (before, after) = text.split_once(form)?;
        Some((before, after, *is_self))
    });
    let Some((before, after, is_self)) = form else {
        return without_header(text);
    };
    if is_prose(before, after) {
        return None;
    }
    let mut event = Event::new(EventKind::RcuCpuStall);
    event.flavor = Some(flavor(before)?);
    event.self_detected = is_self;
    if is_self.is_none() {
        event.message = Some(format!("suppressed{after}"));
    }
    culprits::in_braces(&mut event, after);
    event.evidence.is_list_open = after.contains('{') && !after.contains('}');
    if is_self == Some(true) && event.cpus.is_empty() {
        // `detected stall on CPU 0 (t=1000 jiffies)`
        if let Some(cpu) = Scan::new(after).spaces().small() {
            if !after.trim_start().contains(':') {
                event.add_cpu(cpu);
            }
        }
    }
    cpu_line::parse(&mut event, after);
    totals(&mut event, after);
    Some(event)
}

/// Returns whether a line is a sentence about a stall, not the kernel's line.
///
/// Prose that quotes the line continues with punctuation and words, or begins with words.
fn is_prose(before: &str, after: &str) -> bool {
    let mut rest = after.chars();
    let is_punctuated = rest.next().is_some_and(|first| ".,\"'`);".contains(first));
    let begins = before.trim_start_matches("rcu: ").starts_with("INFO: ");
    is_punctuated && (!begins || rest.any(|other| other.is_ascii_alphanumeric()))
}

/// Begins a report whose first line is missing.
fn without_header(text: &str) -> Option<Event> {
    let mut event = Event::new(EventKind::RcuCpuStall);
    event.header_missing = true;
    let text = text.strip_prefix("rcu:").unwrap_or(text).trim_start();
    let has_cpu = cpu_line::parse(&mut event, text);
    let begins = ["(detected by ", "(t=", "All QSes seen, last "]
        .iter()
        .any(|start| text.starts_with(start));
    let has_totals = begins && totals(&mut event, text);
    let has_note = begins && note(&mut event, text);
    (has_cpu || has_totals || has_note).then_some(event)
}

/// Parses `(t=5250 jiffies g=1 q=2 ncpus=4)`, `(detected by 1, t=5250 jiffies, g=1, c=0, q=2)`.
fn totals(event: &mut Event, text: &str) -> bool {
    let by = Scan::after(text, "(detected by ").map(|mut scan| scan.small());
    let at = text
        .find("t=")
        .filter(|&at| at == 0 || b" (,".contains(&text.as_bytes()[at - 1]));
    let Some(at) = at else {
        event.detected_by = event.detected_by.or(by.flatten());
        return by.is_some();
    };
    let rest = text.get(at + 2..).unwrap_or_default();
    let mut scan = Scan::new(rest);
    let jiffies = scan.number();
    if by.is_none() && !scan.eat(" jiffies") {
        return false;
    }
    event.self_detected = event.self_detected.or(Some(by.is_none()));
    event.t_jiffies = event.t_jiffies.or(jiffies);
    event.detected_by = event.detected_by.or(by.flatten());
    let gp_seq = Scan::after(rest, " g=").and_then(|mut scan| scan.signed());
    event.gp_seq = event.gp_seq.or(gp_seq);
    event.callbacks = event.callbacks.or(number_after(rest, " q="));
    event.ncpus = event.ncpus.or(small_after(rest, " ncpus="));
    true
}

fn detail(report: &mut Report, text: &str) -> bool {
    let text = text.strip_prefix("rcu:").unwrap_or(text).trim_start();
    if text.contains("INFO: rcu") && text.contains("detected stall") {
        return false;
    }
    let has_sibling = report.has_sibling;
    let event = &mut report.event;
    if event.evidence.is_list_open && culprits::continue_braces(event, text) {
        event.evidence.is_list_open = !text.contains('}');
        totals(event, text);
        return true;
    }
    if text.contains("t=") && is_of_other_form(event, text) {
        return false;
    }
    if event.t_jiffies.is_none() && text.contains("t=") && totals(event, text) {
        cpu_line::parse(event, text);
        return true;
    }
    if !has_sibling && has_same_totals(event, text) {
        return true;
    }
    let is_taken = has_sibling && !event.cpu_details.is_empty();
    if !is_taken && text.contains('(') && cpu_line::parse(event, text) {
        return true;
    }
    if let Some(at) = text.find("Tasks blocked on ") {
        event.evidence.is_blocked_by_tasks = true;
        culprits::blocked_tasks(event, text.get(at..).unwrap_or(text));
        let cpus = Scan::after(text, "rcu_node (CPUs ").and_then(|mut scan| scan.until(")"));
        if let (true, Some(cpus)) = (event.tasks.is_empty(), cpus) {
            let meaning = "a task that ran on one of these CPUs blocks the grace period";
            event.add_field("rcu_node", cpus, meaning);
        }
        return true;
    }
    if event.cpus.is_empty() && event.tasks.is_empty() && text.starts_with('{') {
        culprits::in_braces(event, text);
        totals(event, text);
        return true;
    }
    if report.parse_nmi_request(text) {
        return true;
    }
    let event = &mut report.event;
    note(event, text)
        || cpu_line::rest(event, text)
        || cpu_line::cputime(event, text)
        || is_filler(text)
}

/// Returns whether `(t=` and `(detected by` belong to a report of the other form.
///
/// Only a self-detected report has `(t=`, and only one on other CPUs has `(detected by`. Both kinds
/// may be printed at the same time.
fn is_of_other_form(event: &Event, text: &str) -> bool {
    if event.header_missing {
        return false;
    }
    let is_by = text.contains("(detected by ");
    let is_own = text.starts_with("(t=");
    match event.self_detected {
        Some(true) => is_by,
        Some(false) => is_own,
        None => false,
    }
}

/// Returns whether a line repeats the totals of a report, as a second console does.
fn has_same_totals(event: &Event, text: &str) -> bool {
    let Some(t) = event.t_jiffies else {
        return false;
    };
    let begins = text.starts_with("(t=") || text.starts_with("(detected by ");
    begins && number_after(text, "t=") == Some(t)
}

/// Parses a note about the stall.
fn note(event: &mut Event, text: &str) -> bool {
    let has_ended = text.contains("Stall ended before state dump start")
        || text.contains("Stall ended during stack backtracing");
    if has_ended {
        event.ended = true;
        return true;
    }
    let is_note = text.starts_with("All QSes seen") || text.starts_with("Offline CPU ");
    if is_note && event.message.is_none() {
        event.message = Some(text.to_string());
    }
    is_note
}

/// Returns whether a line belongs to the report but has no information.
fn is_filler(text: &str) -> bool {
    text.starts_with("Sending NMI to")
        || text.starts_with("sending NMI to")
        || text.starts_with("rcu_node tree")
}

/// Functions of a CPU that reports the stall of others.
const DETECTORS: [&str; 6] = [
    "print_other_cpu_stall",
    "check_cpu_stall",
    "rcu_check_callbacks",
    "rcu_sched_clock_irq",
    "rcu_pending",
    "__rcu_pending",
];

/// Marks the stack of the CPU that made the report, which is not to blame.
fn mark_detector(report: &mut Report) {
    if report.event.self_detected != Some(false) {
        return;
    }
    let Event {
        cpus,
        tasks,
        detected_by: by,
        ..
    } = &report.event;
    for dump in &mut report.dumps {
        let is_listed = dump.cpu.is_some_and(|cpu| cpus.contains(&cpu))
            || dump.pid.is_some() && tasks.iter().any(|task| task.pid == dump.pid);
        let is_detector = dump.frames.iter().any(|frame| {
            let name = base(&frame.symbol);
            DETECTORS.contains(&name)
        });
        let is_by = dump.cpu.is_some() && dump.cpu == *by;
        if dump.role == Role::Subject && !is_listed && (is_detector || is_by) {
            dump.role = Role::Detector;
        }
    }
}

fn complete(report: &mut Report) {
    name_silent_cpus(&mut report.event);
    mark_detector(report);
    let dumps: Vec<Dump> = report.subject_dumps().cloned().collect();
    // A CPU that reports itself prints its own stack first.
    if report.event.cpus.is_empty() && report.event.self_detected == Some(true) {
        if let Some(cpu) = dumps.iter().find_map(|dump| dump.cpu) {
            report.event.add_cpu(cpu);
        }
    }
    let cpus = report.event.cpus.iter();
    let mut of_cpus: Vec<_> = cpus
        .filter_map(|&cpu| dumps.iter().find(|dump| dump.cpu == Some(cpu)))
        .collect();
    if of_cpus.is_empty() && report.event.cpus.len() == 1 {
        // Some architectures print the stack without the CPU.
        let mut unnamed = dumps.iter().filter(|dump| dump.cpu.is_none());
        of_cpus.extend(unnamed.find(|dump| !report.lists_task_of(dump)));
    }
    for dump in of_cpus {
        report.add_task_and_stack(dump, Origin::Interrupt);
    }
    for dump in &dumps {
        if report.lists_task_of(dump) {
            report.add_task_and_stack(dump, Origin::Interrupt);
        }
    }
    forget_own_delay(&mut report.event);
}

/// Names the CPUs to which an NMI was sent, if the log lacks the list: RCU asks only those that it
/// waits for.
fn name_silent_cpus(event: &mut Event) {
    let is_nameless = event.cpus.is_empty() && event.tasks.is_empty() && event.message.is_none();
    if is_nameless && event.self_detected == Some(false) {
        for cpu in event.evidence.silent_cpus.clone() {
            event.add_cpu(cpu);
        }
    }
}

/// Forgets the delay in which a CPU that reports itself waits for the other CPUs' dumps.
///
/// Old kernels send the NMI to the reporting CPU too.
fn forget_own_delay(event: &mut Event) {
    let is_delay = |frame: &String| frame.contains("udelay") || frame.contains("delay_tsc");
    let is_only_frame = matches!(event.frames.as_slice(), [frame] if is_delay(frame));
    if event.self_detected == Some(true) && is_only_frame {
        event.frames.clear();
        event.culprit_frame = None;
        event.culprit_doubt = None;
        event.evidence.is_stack_cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_self_detected_stall_is_parsed() {
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
    fn a_stall_detected_by_another_cpu_lists_cpus_and_tasks() {
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
    fn stall_forms_of_old_kernels_are_parsed() {
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
    fn two_cpus_on_one_line_are_both_parsed() {
        let event = only(
            "INFO: rcu_sched self-detected stall on CPU\t1-...: (1 GPs behind) idle=1/2/0x3 \t2-...: (4 ticks this GP) idle=5/6/0x7\n",
        );
        assert_eq!(event.cpus, [1, 2]);
        assert_eq!(event.cpu_details[0].gps_behind, Some(1));
        assert_eq!(event.cpu_details[1].ticks_this_gp, Some(4));
    }

    #[test]
    fn details_begin_a_report_whose_first_line_is_missing() {
        let event = only("rcu: \t3-...!: (20 ticks this GP) idle=6a84/1/0x4 softirq=1/2 fqs=3\n(detected by 0, t=100 jiffies, g=5, q=6)\n");
        assert!(event.header_missing);
        assert_eq!(
            (event.cpus.as_slice(), event.t_jiffies),
            (&[3][..], Some(100))
        );
    }

    #[test]
    fn the_cputime_table_is_parsed() {
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
    fn an_ended_and_a_suppressed_stall_are_recognized() {
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
    fn prose_about_stalls_is_no_report() {
        assert!(decode("I got a self-detected stall on CPU yesterday\n").is_empty());
        assert!(decode("it detected stalls on CPUs/tasks: see below\n").is_empty());
        assert!(decode("fixes 'rcu: INFO: rcu_sched self-detected stall on CPU'.\n").is_empty());
    }
}
