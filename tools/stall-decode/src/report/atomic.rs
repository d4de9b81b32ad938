// SPDX-License-Identifier: GPL-2.0

//! Sleeping in atomic context: `__might_resched()` and `__schedule_bug()` in `kernel/sched/core.c`.

use super::{event_of_task, Expected, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Task};
use crate::scan::{number_after, small_after, Scan};
use crate::stack;

const SLEEPING: &str = "sleeping function called from invalid context";
const SCHEDULING: &str = "scheduling while atomic: ";

pub(crate) static FAMILY: Family = Family {
    headers: &[SLEEPING, SCHEDULING],
    details: &[
        "in_atomic(): ",
        "preempt_count: ",
        "RCU nest depth: ",
        "Preemption disabled at:",
        " held by ",
        "irq event stamp:",
        "irqs last ",
        "lockdep is turned off",
    ],
    detail_starts: b"#",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

fn header(text: &str) -> Option<Event> {
    if let Some(mut scan) = Scan::after(text, SCHEDULING).filter(|_| text.contains("BUG: ")) {
        // `foo/57/0x00000002`. The name may contain slashes.
        let task = scan.word();
        let rest = format!("{task}{}", scan.rest());
        let (task, count) = rest.split_once("/0x")?;
        let (comm, pid) = crate::scan::name_and_pid(task, '/')?;
        let mut event = event_of_task(EventKind::SleepingInAtomic, comm, Some(pid));
        event.message = Some("scheduling while atomic".to_string());
        let count = format!("0x{}", Scan::new(count).word());
        event.add_field("preempt_count", count.clone(), preempt_count(&count));
        return Some(event);
    }
    let scan = Scan::after(text, SLEEPING)?;
    let mut event = Event::new(EventKind::SleepingInAtomic);
    event.message = Some(SLEEPING.to_string());
    let mut place = Scan::new(scan.rest().strip_prefix(" at ").unwrap_or_default());
    let location = place.word();
    // Rust code prints `<Location::file_as_c_str() not supported>:102` on some kernels.
    if location.starts_with('<') {
        return Some(event);
    }
    if location.contains(':') {
        event.location = Some(location.to_string());
    } else if !text.contains("BUG: ") {
        return None;
    }
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    if text.starts_with("in_atomic(): ") {
        context(&mut report.event, text);
        if text.trim_end().ends_with(", name:") {
            report.expected = Some(Expected::TaskName);
        }
        return true;
    }
    if let Some(count) = text.strip_prefix("preempt_count: ") {
        let count = Scan::new(count).run(|byte| byte.is_ascii_hexdigit());
        let event = &mut report.event;
        event.add_field("preempt_count", count, preempt_count(count));
        return true;
    }
    if let Some(depth) = text.strip_prefix("RCU nest depth: ") {
        let depth = Scan::new(depth).run(|byte| byte.is_ascii_digit());
        let meaning = match depth {
            "0" => "the task has no RCU reader open",
            _ => "the task sleeps inside rcu_read_lock()",
        };
        report.event.add_field("RCU nest depth", depth, meaning);
        return true;
    }
    if let Some(place) = text.strip_prefix("Preemption disabled at:") {
        report.expected = Some(Expected::PreemptionDisabledAt);
        if !place.trim().is_empty() {
            disabled_at(report, place);
        }
        return true;
    }
    if report.expected == Some(Expected::TaskName) {
        report.expected = None;
        if let (Some(task), false) = (report.event.tasks.first_mut(), text.contains(": ")) {
            task.comm = Some(text.trim().to_string());
            return true;
        }
    }
    if report.expected == Some(Expected::PreemptionDisabledAt) {
        return disabled_at(report, text);
    }
    report.parse_locks(text)
        || text.starts_with("irq event stamp:")
        || text.starts_with("hardirqs last ")
        || text.starts_with("softirqs last ")
        || text.starts_with("INFO: lockdep is turned off")
}

/// Parses the function that disabled preemption.
fn disabled_at(report: &mut Report, text: &str) -> bool {
    let Some(frame) = stack::frame(text) else {
        // An unrelated line may precede the function, but a stack follows it.
        if text.starts_with("CPU: ") || text.starts_with("Call ") {
            report.expected = None;
        }
        return false;
    };
    report.expected = None;
    let function = frame.function();
    let meaning = "the function that disabled preemption first: the atomic section began there";
    report
        .event
        .add_field("Preemption disabled at", function, meaning);
    true
}

/// Parses `in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: foo`.
fn context(event: &mut Event, text: &str) {
    let flag = |event: &mut Event, name: &str, yes: &str, no: &str| {
        if let Some(value) = number_after(text, &format!("{name}: ")) {
            let meaning = if value == 0 { no } else { yes };
            event.add_field(name, value.to_string(), meaning);
        }
    };
    flag(
        event,
        "in_atomic()",
        "preemption or softirqs are disabled, or this is an interrupt",
        "preemption is enabled, according to the count",
    );
    flag(
        event,
        "irqs_disabled()",
        "interrupts are disabled",
        "interrupts are enabled",
    );
    flag(
        event,
        "non_block",
        "in a section marked with non_block_start()",
        "not in a section marked with non_block_start()",
    );
    let comm = Scan::after(text, "name: ").map(|name| name.rest().trim().to_string());
    let pid = small_after(text, "pid: ");
    if pid.is_none() && comm.is_none() {
        return; // The line is cut before the task.
    }
    event.add_task(Task {
        pid,
        comm,
        ..Task::default()
    });
}

/// Explains the fields of a preemption count (`include/linux/preempt.h`).
fn preempt_count(count: &str) -> String {
    let Some(count) = Scan::new(count).hex() else {
        return "the preemption count".to_string();
    };
    if is_underflow(count) {
        return UNDERFLOW.to_string();
    }
    let mut parts = Vec::new();
    for (shift, mask, what) in [
        (0, 0xff, "disabled preemption (spinlocks count)"),
        (8, 0xff, "softirq or disabled softirqs"),
        (16, 0xf, "hard interrupt"),
        (20, 0xf, "NMI"),
    ] {
        let depth = (count >> shift) & mask;
        if depth != 0 {
            parts.push(format!("{what}: {depth}"));
        }
    }
    if parts.is_empty() {
        return "preemption is enabled: another field shows why the task must not sleep"
            .to_string();
    }
    parts.join("; ")
}

/// The meaning of a negative preemption count.
pub(super) const UNDERFLOW: &str = "negative, an underflow: preemption was enabled more often than disabled, by an extra preempt_enable(), spin_unlock() or local_bh_enable()";

/// Returns whether a preemption count is negative. Bit 31 alone only means that no reschedule is
/// needed.
pub(super) fn is_underflow(count: u64) -> bool {
    count & 0x7000_0000 == 0x7000_0000
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_line_cut_before_the_task_names_none() {
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:747\n\
             in_atomic(): 1, irqs_disabled(): 128,\n",
        );
        assert!(event.tasks.is_empty(), "{:?}", event.tasks);
    }

    #[test]
    fn a_sleep_in_a_reader_names_task_and_place() {
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283\n\
             in_atomic(): 0, irqs_disabled(): 0, non_block: 0, pid: 57, name: reader\n\
             preempt_count: 1, expected: 0\n\
             RCU nest depth: 1, expected: 0\n\
             1 lock held by reader/57:\n\
             \x20#0: ffffffff82 (rcu_read_lock){....}-{1:3}, at: nap+0x0/0x1\n\
             Preemption disabled at:\n\
             [<ffffffffc0000000>] nap+0x5/0x100 [demo]\n\
             CPU: 1 UID: 0 PID: 57 Comm: reader Not tainted 6.18.15 #1\n\
             Call Trace:\n\
             dump_stack_lvl+0x1/0x2\n\
             __might_resched+0x1/0x2\n\
             mutex_lock+0x1/0x2\n\
             nap+0x1/0x2 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::SleepingInAtomic);
        assert_eq!(
            event.location.as_deref(),
            Some("kernel/locking/mutex.c:283")
        );
        assert_eq!(
            (event.tasks[0].pid, event.cpus.as_slice()),
            (Some(57), &[1][..])
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("nap"));
        let names: Vec<_> = event
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        assert!(
            names.contains(&"RCU nest depth") && names.contains(&"Preemption disabled at"),
            "{names:?}"
        );
    }

    #[test]
    fn scheduling_while_atomic_names_the_task() {
        let event = only("BUG: scheduling while atomic: kworker/0:1/57/0x00000201\n");
        let task = &event.tasks[0];
        assert_eq!(
            (task.comm.as_deref(), task.pid),
            (Some("kworker/0:1"), Some(57))
        );
        assert_eq!(event.fields[0].value, "0x00000201");
        assert!(event.fields[0].meaning.contains("softirqs: 2"));
    }

    #[test]
    fn prose_about_sleeping_is_no_report() {
        assert!(decode("a sleeping function called from invalid context is bad\n").is_empty());
    }
}
