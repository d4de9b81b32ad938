// SPDX-License-Identifier: GPL-2.0

//! Locks and readers that outlive their task's stay in the kernel, or their work item:
//! `kernel/locking/lockdep.c`, `kernel/workqueue.c`.

use super::{locks, named, Family, Report};
use crate::event::{Event, EventKind};
use crate::machinery::Passed;
use crate::scan::{name_and_pid, Scan};
use crate::stack::looks_like_release;

pub(crate) static FAMILY: Family = Family {
    needles: &[
        "lock held when returning to user space",
        "leaked atomic, lock or RCU",
        "leaked lock or atomic",
        "still has locks held!",
    ],
    details: &[
        "is leaving the kernel",
        "preempt=0x",
        "last function: ",
        " #",
        "-----",
        " held by ",
    ],
    starts: b"#",
    header,
    detail,
    settle,
};

fn header(text: &str) -> Option<Event> {
    let begins = |start: &str| {
        let text = text.trim_start_matches("[ ");
        ["BUG: ", "WARNING: "].iter().any(|level| {
            text.strip_prefix(level)
                .is_some_and(|text| text.starts_with(start))
        })
    };
    if begins("lock held when returning to user space") {
        return Some(Event::new(EventKind::LockLeak));
    }
    if begins("workqueue leaked ") {
        // workqueue leaked atomic, lock or RCU: kworker/0:1[57]
        let task = text.split_once(": ")?.1;
        let (_, task) = task.split_once(": ")?;
        let (comm, rest) = task
            .split_once('[')
            .or_else(|| task.split_once('/').map(|_| (task, "")))?;
        let pid = Scan::new(rest).small();
        let mut event = named(EventKind::LockLeak, comm, pid);
        event.message =
            Some("a work item ended with a lock, a reader or preemption off".to_string());
        return Some(event);
    }
    let (before, _) = text.split_once(" still has locks held!")?;
    let (_, task) = before.rsplit_once(": ")?;
    let (comm, pid) = name_and_pid(task, '/')?;
    let mut event = named(EventKind::LockLeak, comm, Some(pid));
    event.message = Some("the task freezes or exits with locks held".to_string());
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    if let Some((task, _)) = text.split_once(" is leaving the kernel with locks still held!") {
        if let Some((comm, pid)) = name_and_pid(task, '/') {
            report.event.tasks = named(EventKind::LockLeak, comm, Some(pid)).tasks;
        }
        return true;
    }
    // preempt=0x00000000 lock=0->1 RCU=0->1 workfn=leak [demo]
    if text.starts_with("preempt=0x") {
        for key in ["preempt=", "lock=", "RCU="] {
            if let Some(mut value) = Scan::after(text, key) {
                let meaning = match key {
                    "preempt=" => "the preemption count when the work item ended: 0 is right",
                    "lock=" => "locks held before and after the work item",
                    _ => "readers open before and after the work item",
                };
                let name = key.trim_end_matches('=');
                report.event.field(name, value.word(), meaning);
            }
        }
        if let Some(mut function) = Scan::after(text, "workfn=") {
            report.event.symbol = Some(crate::stack::function(function.word()));
        }
        return true;
    }
    if let Some(function) = text.strip_prefix("last function: ") {
        report.event.symbol = Some(crate::stack::function(Scan::new(function).word()));
        return true;
    }
    if report.event.kernel.is_none() && looks_like_release(text) && text.contains('#') {
        let (kernel, _) = text.split_once(' ').unwrap_or((text, ""));
        report.event.kernel = Some(kernel.to_string());
        return true;
    }
    text.starts_with("-----") || locks(report, text)
}

fn settle(report: &mut Report) {
    report.blame_current(Passed::USUAL);
    // The lock's line says where it was taken.
    if report.event.culprit_frame.is_none() {
        let lock = report.event.locks.first();
        let taken = lock.and_then(|lock| lock.rsplit_once("at: "));
        let function = taken.and_then(|(_, at)| crate::stack::frame(at));
        report.event.culprit_frame = function.map(|frame| frame.function());
    }
    if report.event.culprit_frame.is_none() {
        report.event.culprit_frame.clone_from(&report.event.symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_reader_that_leaves_the_kernel() {
        let event = only(
            "================================================\n\
             WARNING: lock held when returning to user space!\n\
             6.18.15 #1 Tainted: G O\n\
             ------------------------------------------------\n\
             leaker/57 is leaving the kernel with locks still held!\n\
             1 lock held by leaker/57:\n\
             \x20#0: ffffffff82 (rcu_read_lock){....}-{1:3}, at: leak+0x0/0x1 [demo]\n",
        );
        assert_eq!(event.kind, EventKind::LockLeak);
        assert_eq!(event.tasks[0].pid, Some(57));
        assert_eq!(event.locks.len(), 1);
        assert_eq!(event.culprit_frame.as_deref(), Some("leak"));
        assert_eq!(event.kernel.as_deref(), Some("6.18.15"));
    }

    #[test]
    fn a_work_item_that_leaks() {
        let event = only(
            "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[57]\n\
             \x20    preempt=0x00000000 lock=0->1 RCU=0->1 workfn=leak [demo]\n",
        );
        assert_eq!(event.tasks[0].pid, Some(57));
        assert_eq!(event.symbol.as_deref(), Some("leak"));
        assert_eq!(event.fields.len(), 3);
        let event = only("WARNING: leaker/57 still has locks held!\n");
        assert_eq!(event.tasks[0].pid, Some(57));
    }

    #[test]
    fn locks_have_a_limit() {
        let mut log = "WARNING: lock held when returning to user space!\n".to_string();
        for number in 0..50 {
            log.push_str(&format!(
                " #{number}: ffffffff82 (lock{number}), at: leak+0x0/0x1\n"
            ));
        }
        assert_eq!(only(&log).locks.len(), super::super::MAX_LOCKS);
    }

    #[test]
    fn prose_is_no_report() {
        assert!(decode("about lock held when returning to user space\n").is_empty());
    }
}
