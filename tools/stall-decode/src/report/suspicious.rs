// SPDX-License-Identifier: GPL-2.0

//! Wrong uses of RCU found by lockdep: `lockdep_rcu_suspicious()` in `kernel/locking/lockdep.c`.

use super::{Expected, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::Scan;
use crate::stack::taint_and_kernel;

pub(crate) static FAMILY: Family = Family {
    headers: &[
        "suspicious RCU usage",
        "suspicious rcu_dereference_check() usage. ]",
    ],
    details: &[
        "-----",
        ".c:",
        ".h:",
        ".S:",
        ".rs:",
        " #",
        "RCU used illegally",
        "debug_locks = ",
        " held by ",
        "other info that might",
        "stack backtrace:",
    ],
    detail_starts: b"#",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
};

fn header(text: &str) -> Option<Event> {
    let known = text.starts_with("WARNING: suspicious RCU usage")
        || text.starts_with("[ INFO: suspicious RCU usage")
        || text.starts_with("[ INFO: suspicious rcu_dereference_check() usage")
        || text.starts_with("INFO: suspicious RCU usage");
    known.then(|| Event::new(EventKind::SuspiciousRcuUsage))
}

fn detail(report: &mut Report, text: &str) -> bool {
    if text.starts_with("-----") {
        report.expected = Some(Expected::Message);
        return true;
    }
    let has_message = report.event.location.is_some() || report.event.message.is_some();
    if !has_message && message(report, text) {
        return true;
    }
    if report.parse_release(text) {
        report.event.taint = taint_and_kernel(text).0;
        return true;
    }
    if text.starts_with("RCU used illegally from ") {
        let meaning = "RCU does not watch the CPU in this state: a reader on it protects nothing";
        report.event.add_field("RCU used illegally", text, meaning);
        return true;
    }
    if let Some(mut scan) = Scan::after(text, "debug_locks = ") {
        if scan.eat("0") {
            let meaning = "lockdep was already off: this may be a false positive";
            report.event.add_field("debug_locks", "0", meaning);
        }
        return true;
    }
    report.parse_locks(text)
        || text.starts_with("other info that might")
        || text.starts_with("stack backtrace:")
}

/// Parses `net/core/dev.c:57 suspicious rcu_dereference_check() usage!`.
fn message(report: &mut Report, text: &str) -> bool {
    let Some((location, message)) = text.split_once(' ') else {
        return false;
    };
    let Some((file, line)) = location.rsplit_once(':') else {
        return false;
    };
    let is_location = line.parse::<u32>().is_ok()
        && [".c", ".h", ".S", ".rs"]
            .iter()
            .any(|end| file.ends_with(end));
    if !is_location {
        return false;
    }
    report.expected = None;
    report.event.location = Some(location.to_string());
    report.event.message = Some(message.trim_end_matches('!').to_string());
    true
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_suspicious_usage_has_location_message_locks_and_stack() {
        let event = only(
            "\n=============================\n\
             WARNING: suspicious RCU usage\n\
             6.18.15 #1 Not tainted\n\
             -----------------------------\n\
             net/core/dev.c:57 suspicious rcu_dereference_check() usage!\n\
             \nother info that might help us debug this:\n\n\
             \nrcu_scheduler_active = 2, debug_locks = 1\n\
             1 lock held by prober/57:\n\
             \x20#0: ffff888100 (&mm->lock){....}-{3:3}, at: foo+0x1/0x2\n\
             \nstack backtrace:\n\
             CPU: 1 UID: 0 PID: 57 Comm: prober Not tainted 6.18.15 #1\n\
             Call Trace:\n\
             <TASK>\n\
             dump_stack_lvl+0x1/0x2\n\
             lockdep_rcu_suspicious+0x1/0x2\n\
             peek+0x1/0x2 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::SuspiciousRcuUsage);
        assert_eq!(event.location.as_deref(), Some("net/core/dev.c:57"));
        assert_eq!(
            event.message.as_deref(),
            Some("suspicious rcu_dereference_check() usage")
        );
        assert_eq!(event.kernel.as_deref(), Some("6.18.15"));
        assert_eq!(event.locks.len(), 1);
        assert_eq!(
            (event.cpus.as_slice(), event.tasks[0].pid),
            (&[1][..], Some(57))
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("peek"));
    }

    #[test]
    fn suspicious_usage_forms_of_old_kernels_are_parsed() {
        for text in [
            "[ INFO: suspicious RCU usage. ]\n",
            "[ INFO: suspicious rcu_dereference_check() usage. ]\n",
        ] {
            assert_eq!(only(text).kind, EventKind::SuspiciousRcuUsage);
        }
        assert!(decode("fix a suspicious RCU usage warning\n").is_empty());
    }

    #[test]
    fn idle_cpus_and_disabled_lockdep_are_fields() {
        let event = only(
            "WARNING: suspicious RCU usage\n\
             RCU used illegally from idle CPU!\n\
             rcu_scheduler_active = 2, debug_locks = 0\n",
        );
        assert_eq!(event.fields.len(), 2);
    }
}
