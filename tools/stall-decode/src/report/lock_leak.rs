// SPDX-License-Identifier: GPL-2.0

//! Locks and readers still held at the return to user space, or at the end of a work item:
//! `kernel/locking/lockdep.c`, `kernel/workqueue.c`.

use super::atomic::{is_underflow, UNDERFLOW};
use super::{event_of_task, task_named, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind};
use crate::scan::{name_and_pid, Scan};
use crate::stack::{frame, function};

pub(crate) static FAMILY: Family = Family {
    headers: &[
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
    detail_starts: b"#",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Caller,
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
        // `workqueue leaked atomic, lock or RCU: kworker/0:1[57]`
        let task = text.split_once(": ")?.1;
        let (_, task) = task.split_once(": ")?;
        let (comm, rest) = task
            .split_once('[')
            .or_else(|| task.split_once('/').map(|_| (task, "")))?;
        let pid = Scan::new(rest).small();
        if let Some(event) = older_work_item(task) {
            return Some(event);
        }
        let mut event = event_of_task(EventKind::LockLeak, comm, pid);
        event.message = Some(
            "a work item ended with a lock held, a reader open, or preemption disabled".to_string(),
        );
        return Some(event);
    }
    let (before, _) = text.split_once(" still has locks held!")?;
    let (_, task) = before.rsplit_once(": ")?;
    let (comm, pid) = name_and_pid(task, '/')?;
    let mut event = event_of_task(EventKind::LockLeak, comm, Some(pid));
    event.message = Some("the task freezes or exits with locks held".to_string());
    Some(event)
}

/// Parses `kworker/0:2/0xffffffff/4586`: the worker, its preemption count, and its pid.
fn older_work_item(task: &str) -> Option<Event> {
    let (rest, pid) = name_and_pid(task, '/')?;
    let (comm, count) = rest.rsplit_once("/0x")?;
    let mut event = event_of_task(EventKind::LockLeak, comm, Some(pid));
    event.message = Some("a work item ended with a lock held, or preemption disabled".to_string());
    add_preempt_count(&mut event, &format!("0x{count}"));
    Some(event)
}

fn add_preempt_count(event: &mut Event, count: &str) {
    let number = Scan::new(count).hex().unwrap_or_default();
    let meaning = match is_underflow(number) {
        true => UNDERFLOW,
        false => "the preemption count when the work item ended: must be 0",
    };
    event.add_field("preempt", count, meaning);
}

fn detail(report: &mut Report, text: &str) -> bool {
    if let Some((task, _)) = text.split_once(" is leaving the kernel with locks still held!") {
        if let Some((comm, pid)) = name_and_pid(task, '/') {
            report.event.tasks = vec![task_named(comm, Some(pid))];
        }
        return true;
    }
    if text.starts_with("preempt=0x") {
        work_item(&mut report.event, text);
        return true;
    }
    if let Some(symbol) = text.strip_prefix("last function: ") {
        report.event.symbol = Some(function(Scan::new(symbol).word()));
        return true;
    }
    report.parse_release(text) || text.starts_with("-----") || report.parse_locks(text)
}

/// Parses `preempt=0x00000000 lock=0->1 RCU=0->1 workfn=leak [demo]`.
fn work_item(event: &mut Event, text: &str) {
    if let Some(mut count) = Scan::after(text, "preempt=") {
        add_preempt_count(event, count.word());
    }
    for (key, meaning) in [
        ("lock", "locks held before and after the work item"),
        ("RCU", "readers open before and after the work item"),
    ] {
        if let Some(mut value) = Scan::after(text, &format!("{key}=")) {
            event.add_field(key, value.word(), meaning);
        }
    }
    if let Some(mut symbol) = Scan::after(text, "workfn=") {
        event.symbol = Some(function(symbol.word()));
    }
}

fn complete(report: &mut Report) {
    report.add_current_task(Origin::Caller);
    // Without a stack, lockdep's line on the lock names the function that acquired it.
    if report.event.culprit_frame.is_none() {
        let lock = report.event.locks.first();
        let acquired = lock.and_then(|lock| lock.rsplit_once("at: "));
        let acquired = acquired.and_then(|(_, at)| frame(at));
        report.event.culprit_frame = acquired.map(|frame| frame.function());
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
    fn a_reader_open_at_return_to_user_space_names_its_function() {
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
    fn a_leaking_work_item_names_its_function() {
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
    fn the_list_of_locks_has_a_limit() {
        let mut log = "WARNING: lock held when returning to user space!\n".to_string();
        for number in 0..50 {
            log.push_str(&format!(
                " #{number}: ffffffff82 (lock{number}), at: leak+0x0/0x1\n"
            ));
        }
        assert_eq!(only(&log).locks.len(), super::super::MAX_LOCKS);
    }

    #[test]
    fn prose_about_lock_leaks_is_no_report() {
        assert!(decode("about lock held when returning to user space\n").is_empty());
    }
}
