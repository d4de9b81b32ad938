// SPDX-License-Identifier: GPL-2.0

//! Tasks in uninterruptible sleep for minutes: `kernel/hung_task.c`.

use super::{backtrace_of, event_of_task, task_named, task_of, Family, Report};
use crate::backtrace::Origin;
use crate::event::{Event, EventKind, Task};
use crate::functions::Class;
use crate::scan::{name_and_pid, Scan};
use crate::stack::{taint_and_kernel, Role};

pub(crate) static FAMILY: Family = Family {
    headers: &[
        " blocked for more than ",
        " blocked in I/O wait for more than ",
        " can't die for more than ",
        " blocked on a ",
        "not syncing: hung_task",
    ],
    details: &[
        "hung_task_timeout_secs",
        "ainted",
        "INFO: task ",
        "Blocked by coredump",
    ],
    detail_starts: b"",
    parse_header: header,
    parse_detail: detail,
    complete,
    origin: Origin::Interrupt,
};

/// Parses the panic after a report that is missing.
fn panic(text: &str) -> Option<Event> {
    let (_, reason) = text.split_once("Kernel panic - not syncing: ")?;
    let mut event = Event::new(EventKind::HungTask);
    event.header_missing = true;
    event.panic = Some(reason.to_string());
    Some(event)
}

/// Parses `INFO: task foo:57 blocked on a mutex likely owned by task bar:58` without the line
/// before it.
fn only_holder(rest: &str) -> Option<Event> {
    let (task, after) = rest.split_once(" blocked on a ")?;
    if !after.contains(" likely ") {
        return None;
    }
    let (comm, pid) = name_and_pid(task.trim_end_matches(" is"), ':')?;
    let mut event = event_of_task(EventKind::HungTask, comm, Some(pid));
    event.header_missing = true;
    Some(event)
}

fn header(text: &str) -> Option<Event> {
    if text.contains("not syncing: hung_task") {
        return panic(text);
    }
    let Some((before, rest)) = text.split_once("INFO: task ") else {
        return cut_header(text);
    };
    // A monitoring program quotes the line: `Message:INFO: task foo:57 blocked`.
    if before.ends_with(':') {
        return None;
    }
    if rest.contains(" blocked on a ") {
        return only_holder(rest);
    }
    let (task, after) = rest
        .split_once(" blocked ")
        .or_else(|| rest.split_once(" can't die "))?;
    let (comm, pid) = name_and_pid(task, ':')?;
    let mut event = event_of_task(EventKind::HungTask, comm, Some(pid));
    let mut seconds = Scan::after(after, "for more than ")?;
    event.seconds = Some(seconds.number()? as f64);
    if after.starts_with("in I/O wait") {
        event.add_field(
            "in I/O wait",
            "yes",
            "the task waits for a device or a file system",
        );
    }
    Some(event)
}

/// Parses `task foo:57 blocked for more than 120 seconds.` whose begin was cut off, or is on the
/// line before because the name has a line break.
fn cut_header(text: &str) -> Option<Event> {
    let (task, after) = text.split_once(" blocked for more than ")?;
    let mut scan = Scan::new(after);
    let seconds = scan.number()?;
    let (_, pid) = name_and_pid(task, ':')?;
    if scan.rest().trim_end() != " seconds." {
        return None;
    }
    let mut event = Event::new(EventKind::HungTask);
    event.tasks.push(Task {
        pid: Some(pid),
        ..Task::default()
    });
    event.seconds = Some(seconds as f64);
    Some(event)
}

fn detail(report: &mut Report, text: &str) -> bool {
    let event = &mut report.event;
    if text.starts_with("\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\"") {
        return true;
    }
    if event.kernel.is_none() && (text.starts_with("Not tainted ") || text.starts_with("Tainted: "))
    {
        (event.taint, event.kernel) = taint_and_kernel(text);
        return true;
    }
    if let Some(scan) = Scan::after(text, "INFO: task ") {
        return blocked_on(report, scan.rest());
    }
    text.starts_with("Blocked by coredump")
}

/// Parses `foo:57 is blocked on a mutex likely owned by task holder:58.`, whose stack may follow.
fn blocked_on(report: &mut Report, text: &str) -> bool {
    let event = &mut report.event;
    let waiter = event.tasks.first().and_then(|task| task.pid);
    let (task, rest) = match text.split_once(" blocked on ") {
        Some((task, rest)) => (task, rest),
        None => return false,
    };
    let task = task
        .trim_end_matches(" is")
        .split(" <")
        .next()
        .unwrap_or(task);
    if name_and_pid(task, ':').map(|(_, pid)| pid) != waiter {
        return false;
    }
    let lock = ["rw-semaphore", "rwsem", "semaphore", "mutex"]
        .into_iter()
        .find(|lock| rest.contains(lock));
    if let Some(lock) = lock {
        event.add_field("blocked on", lock, "the lock for which the task waits");
    }
    let owner = rest.split_once(" owned by task ");
    let Some((_, owner)) = owner.or_else(|| rest.split_once(" held by task ")) else {
        return rest.contains("owner is not found") || rest.contains("holder is not found");
    };
    let owner = owner.split(" <").next().unwrap_or(owner);
    let owner = owner.trim_end_matches('.');
    event.add_field(
        "likely owner",
        owner,
        "the task that holds the lock for which this one waits",
    );
    if let Some((comm, pid)) = name_and_pid(owner, ':') {
        event.holder = Some(task_named(comm, Some(pid)));
        report.next_dump = Some(Role::Holder);
    }
    true
}

fn complete(report: &mut Report) {
    if report.event.panic.is_some() && report.event.tasks.is_empty() {
        // The stack after the panic is that of khungtaskd.
        for dump in &mut report.dumps {
            dump.role = Role::Detector;
        }
        return;
    }
    add_holder(report);
    let pid = report.event.tasks.first().and_then(|task| task.pid);
    let own = report
        .subject_dumps()
        .find(|dump| dump.pid.is_some() && dump.pid == pid);
    let unnamed = || report.subject_dumps().find(|dump| dump.pid.is_none());
    // Posters edit process IDs.
    let comm = report
        .event
        .tasks
        .first()
        .and_then(|task| task.comm.as_deref());
    let namesake = || {
        let mut dumps = report.subject_dumps();
        dumps.find(|dump| comm.is_some() && dump.comm.as_deref() == comm)
    };
    let found = own.or_else(unnamed).or_else(namesake);
    let Some(dump) = found.cloned() else {
        return;
    };
    if let Some(task) = task_of(&dump).filter(|task| task.pid.is_some() && task.pid == pid) {
        report.event.add_task(task);
    }
    if let Some(work) = dump.work.as_ref() {
        report.event.work.clone_from(&work.function);
    }
    let backtrace = backtrace_of(&dump, Origin::Interrupt);
    report.event.waits_for.clone_from(&backtrace.waits_for);
    report.set_backtrace(backtrace);
    // A clock is read before the sleep, and its frame is left over.
    let is_clock = |function: &String| Class::of(function) == Class::Probe;
    if report.event.culprit_frame.as_ref().is_some_and(is_clock) {
        report.event.culprit_frame = None;
        report.event.culprit_doubt = None;
    }
    // A cut stack may end before the work item.
    if report.event.culprit_frame.is_none() {
        report.add_work(&dump, true);
    }
}

/// Adds what the holder of the lock does.
fn add_holder(report: &mut Report) {
    let Some(dump) = report.dump_of(Role::Holder).cloned() else {
        return;
    };
    if let (Some(holder), Some(state)) = (&mut report.event.holder, &dump.state) {
        holder.state = Some(state.clone());
    }
    let backtrace = backtrace_of(&dump, Origin::Interrupt);
    let does = match (&backtrace.waits_for, &backtrace.culprit) {
        (Some(wait), Some(caller)) if wait != caller => {
            format!("waits in {wait}() called by {caller}()")
        }
        (Some(wait), _) => format!("waits in {wait}()"),
        (None, Some(function)) => format!("is in {function}()"),
        (None, None) => return,
    };
    let meaning = "what the holder does, by its stack";
    report.event.add_field("the owner", does, meaning);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{decode, only};

    #[test]
    fn a_quote_of_the_header_is_no_report() {
        let quoted =
            "Reason:TaskHung Message:INFO: task cifsd:57 blocked for more than 604 seconds.}]\n";
        assert!(decode(quoted).is_empty());
    }

    #[test]
    fn a_header_wrapped_in_its_first_words_is_read() {
        let event = only(
            "> >>> Sep 24 12:08:48.974658 err node-1 kernel: [  279.991760] INFO: task\n\
             > >>> kworker/1:1:170 blocked for more than 120 seconds.\n",
        );
        assert_eq!((event.line, event.tasks[0].pid), (1, Some(170)));
    }

    #[test]
    fn the_line_on_the_holder_is_a_report_if_it_is_alone() {
        let event = only(
            "INFO: task waiter:226 blocked on a semaphore likely last held by task holder:1088\n\
             task:holder state:R running task stack:0 pid:1088 tgid:1088 ppid:1080\n\
             Call Trace:\n\
             poll_firmware+0x1/0x2 [foo]\n",
        );
        assert!(event.header_missing);
        assert_eq!(event.tasks[0].pid, Some(226));
        let holder = event.holder.as_ref().expect("a holder");
        assert_eq!(holder.pid, Some(1088));
        assert!(
            event.causes[0].contains("holds the semaphore"),
            "{:?}",
            event.causes
        );
        assert!(
            event.causes[0].contains("poll_firmware()"),
            "{:?}",
            event.causes
        );
    }

    #[test]
    fn a_task_that_cannot_die_hangs() {
        let event = only("INFO: task modprobe:1104 can't die for more than 120 seconds.\n");
        assert_eq!(
            (event.kind, event.seconds),
            (EventKind::HungTask, Some(120.0))
        );
        assert_eq!(event.tasks[0].pid, Some(1104));
    }

    #[test]
    fn a_task_that_waits_for_a_grace_period_names_the_waiting_function() {
        let event = only(
            "INFO: task kworker/0:1:57 blocked for more than 122 seconds.\n\
             \x20     Tainted: G        W  OE     5.15.0-91-generic #101-Ubuntu\n\
             \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n\
             task:kworker/0:1     state:D stack:    0 pid:   57 ppid:     2 flags:0x00004000\n\
             Workqueue: events cleanup_net\n\
             Call Trace:\n\
             <TASK>\n\
             __schedule+0x2e3/0x740\n\
             schedule+0x42/0xb0\n\
             schedule_timeout+0x10e/0x160\n\
             wait_for_completion+0xb1/0x120\n\
             __wait_rcu_gp+0x11c/0x130\n\
             synchronize_rcu+0x67/0x70\n\
             cleanup_net+0x67/0x70\n",
        );
        assert_eq!(
            (event.kind, event.seconds),
            (EventKind::HungTask, Some(122.0))
        );
        let task = &event.tasks[0];
        assert_eq!(
            (task.comm.as_deref(), task.pid),
            (Some("kworker/0:1"), Some(57))
        );
        assert_eq!(task.state.as_deref(), Some("D"));
        assert_eq!(event.waits_for.as_deref(), Some("synchronize_rcu"));
        assert_eq!(event.culprit_frame.as_deref(), Some("cleanup_net"));
        assert_eq!(event.kernel.as_deref(), Some("5.15.0-91-generic"));
        assert_eq!(event.taint.as_deref(), Some("G W OE"));
    }

    #[test]
    fn the_owner_of_the_lock_is_a_field() {
        let event = only(
            "INFO: task waiter:57 blocked in I/O wait for more than 10 seconds.\n\
             INFO: task waiter:57 is blocked on a mutex likely owned by task holder:58.\n",
        );
        let owner = event
            .fields
            .iter()
            .find(|field| field.name == "likely owner");
        assert_eq!(owner.map(|field| field.value.as_str()), Some("holder:58"));
    }

    #[test]
    fn two_hung_tasks_are_two_events() {
        let events = decode(
            "INFO: task a:1 blocked for more than 120 seconds.\n\
             a               D    0     1      1 0x00000000\n\
             schedule+0x1/0x2\n\
             one+0x1/0x2\n\
             INFO: task b:2 blocked for more than 120 seconds.\n\
             b               D    0     2      1 0x00000000\n\
             schedule+0x1/0x2\n\
             two+0x1/0x2\n",
        );
        let culprits: Vec<_> = events
            .iter()
            .map(|event| event.culprit_frame.as_deref())
            .collect();
        assert_eq!(culprits, [Some("one"), Some("two")]);
    }

    #[test]
    fn prose_about_hung_tasks_is_no_report() {
        assert!(decode("the task was blocked for more than 120 seconds\n").is_empty());
        assert!(decode("INFO: task hung blocked for more than 120 seconds\n").is_empty());
    }
}
