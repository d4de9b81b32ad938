// SPDX-License-Identifier: GPL-2.0

//! Explains hung tasks.

mod peer;

use super::{called, duration, in_function, lacks_code, tasks, Explanation};
use crate::event::{Culprit, Event, Task};
use crate::functions::Class;
use crate::incident::waits_for_grace_period;

pub(super) fn summary(event: &Event) -> String {
    if is_panic_alone(event) {
        return "A task hung, so that the kernel panicked; the log does not name the task."
            .to_string();
    }
    let task = tasks(event);
    let seconds = event
        .seconds
        .map(|seconds| format!("for more than {}", duration(seconds)));
    let seconds = seconds.unwrap_or_else(|| "for long".to_string());
    let at = match (&event.waits_for, &event.culprit_frame) {
        _ if is_unstarted(event) => {
            ", waiting to be started: its creator has not woken it".to_string()
        }
        (Some(wait), Some(caller)) if wait != caller => {
            format!(", waiting in {wait}() called by {}", called(caller))
        }
        (Some(wait), _) => format!(", waiting in {wait}()"),
        (None, _) => in_function(event),
    };
    let holder = match &event.holder {
        Some(holder) => format!(" for a lock that {holder} holds"),
        None => String::new(),
    };
    let grace_period = match waits_for_grace_period(event) {
        true => ": the grace period does not end",
        false => "",
    };
    format!("{task} has been blocked {seconds}{at}{holder}{grace_period}.")
}

/// Returns whether the log has only the panic, not the report of the task.
fn is_panic_alone(event: &Event) -> bool {
    event.header_missing && event.tasks.is_empty()
}

/// Returns whether the task is a kthread that has not entered its function.
///
/// kthread_create() creates it asleep, and wake_up_process() starts it.
fn is_unstarted(event: &Event) -> bool {
    let is_start = |frame: &String| {
        let starts = [
            "kthread",
            "ret_from_",
            "kernel_thread",
            "schedule",
            "__schedule",
        ];
        starts.iter().any(|start| frame.starts_with(start))
    };
    event.frames.iter().any(|frame| frame == "kthread") && event.frames.iter().all(is_start)
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    for told in &event.evidence.story {
        out.cause(told.clone());
    }
    if is_panic_alone(event) {
        out.blame(Culprit::Unknown, "the task that hung; the log does not name it")
            .cause("a task was blocked for longer than kernel.hung_task_timeout_secs. The report that names it precedes the panic, and is not in this log; the stack after the panic is that of the detector")
            .advise("Read the log from further back, or from pstore or the dump of the crash.");
        return;
    }
    if is_unstarted(event) {
        unstarted(event, out);
        return;
    }
    explain_wait(event, out);
    if let Some(peer) = peer::of(event) {
        let cause = format!("by its stack, the task waits for {peer}, which may not answer");
        out.causes.insert(0, cause);
    }
    if let Some((text, line)) = &event.evidence.trouble {
        out.cause(format!("trouble before this report, at line {line}: {text}"))
            .advise(format!("Look at line {line} first: a device or a server that does not respond makes tasks hang."));
    }
    let is_headless = lacks_innermost(event);
    if is_headless {
        out.blame.sure = "guess";
        out.cause("the stack in this log lacks its innermost functions, so that it does not say what the task waits for")
            .advise("Read the log from its source (dmesg, journalctl -k -b): the first lines of the stack are missing. `echo w > /proc/sysrq-trigger` shows the stacks of all tasks that hang.");
    }
    if !is_headless && lacks_code(event) && event.holder.is_none() {
        if out.blame.text.is_empty() {
            out.blame(
                Culprit::Unknown,
                format!(
                    "unknown: the log does not show what {} waits for",
                    tasks(event)
                ),
            );
        }
        out.without_stack(event);
    }
}

/// Returns whether a stack begins outside of the function that sleeps.
fn lacks_innermost(event: &Event) -> bool {
    let waits = |frame: &String| {
        use Class::{Ipi, Locking, Rcu, Scheduler, Wait};
        matches!(Class::of(frame), Scheduler | Wait | Locking | Rcu | Ipi)
    };
    let is_known = event.waits_for.is_some() || event.culprit_frame.is_none();
    !is_known && event.culprit_doubt.is_none() && !event.frames.iter().any(waits)
}

fn explain_wait(event: &Event, out: &mut Explanation) {
    let is_behind = |told: &String| told.starts_with("found in the same check");
    if let Some(told) = event.evidence.story.iter().find(|told| is_behind(told)) {
        let first = told.split(", which").next().unwrap_or(told);
        let first = first.trim_start_matches("found in the same check as ");
        out.blame(Culprit::OtherEvent, format!("probably {first}; this task only waits"))
            .advise(format!("Look at {first} first, and at the stall that it waits for, if any. If this task still hangs afterwards, find the holder of its lock (`echo d > /proc/sysrq-trigger` on lockdep kernels)."));
        return;
    }
    if let Some((name, references, line)) = &event.evidence.net_device {
        out.blame(Culprit::Unknown, format!("whatever holds a reference to the network device {name}"))
            .cause(format!("the removal of the network device {name} does not end, because {references} references to it remain (unregister_netdevice, line {line}); it holds the lock for which this task waits"))
            .advise(format!("Find the leaked reference to {name}: a socket, route or namespace that is not released, often a kernel bug that a newer kernel has fixed. CONFIG_NET_DEV_REFCNT_TRACKER names the holder. This task only waits."));
        return;
    }
    if let Some(holder) = &event.holder {
        held(event, holder, out);
    }
    let function = event.waits_for.as_deref().unwrap_or_default();
    // The scheduler alone names no wait, but its caller may.
    let function = match &event.culprit_frame {
        Some(caller) if what(function) == ANY_EVENT => caller,
        _ => function,
    };
    if waits_for_grace_period(event) {
        out.blame(
            Culprit::OtherEvent,
            "the reader or kthread that keeps the grace period from ending; this task only waits",
        );
        grace_period(function, out);
    } else if event.holder.is_none() && event.waits_for.is_some() {
        out.blame(
            Culprit::Unknown,
            format!("whatever keeps {}; this task only waits", what(function)),
        );
        other_wait(function, out);
    }
    if out.causes.is_empty() {
        out.cause("a device or file system does not respond, or a lock is not released");
    }
    if out.advice.is_empty() {
        out.advise("`echo w > /proc/sysrq-trigger` shows the stacks of all tasks that hang.");
    }
}

/// Explains a wait for a lock whose holder the kernel names.
fn held(event: &Event, holder: &Task, out: &mut Explanation) {
    let lock = event
        .field("blocked on")
        .map_or("lock", |field| field.value.as_str());
    let does = event.field("the owner").map(|field| field.value.as_str());
    let does = does.map_or(String::new(), |does| format!("; {holder} {does}"));
    out.blame(Culprit::Task, format!("{holder}, which holds the lock"))
        .cause(format!("{holder} holds the {lock} for which the task waits{does}"))
        .advise(format!("Find out what {holder} waits for, by its stack, and why it keeps the lock meanwhile. This task only waits."));
}

fn unstarted(event: &Event, out: &mut Explanation) {
    let task = tasks(event);
    out.blame(Culprit::Unknown, "the code that created the kthread and did not wake it")
        .cause(format!("{task} is a kthread that was created but not started: its creator has not called wake_up_process(), and perhaps hangs or failed in between"))
        .advise("Look at the code between kthread_create() and wake_up_process() or kthread_stop(), and for its caller among the other hung tasks. The kthread itself has run no code.");
}

/// The wait of a task if no function's name identifies it.
const ANY_EVENT: &str = "the event from happening";

/// What a wait needs, in words.
fn what(function: &str) -> &'static str {
    // A block is no lock.
    let function = function.replace("block", "");
    let has = |part: &str| function.contains(part);
    // The functions behind down_read() and down() have underscores.
    let is_semaphore = has("rwsem") || function.trim_start_matches('_').starts_with("down");
    match () {
        () if has("mutex") || is_semaphore || has("rtnl_lock") => "the lock",
        () if has("journal") || has("transaction") || has("jbd2") || has("txg") || has("xlog") => {
            "the transaction from ending"
        }
        () if has("fence") => "the fence from being signalled",
        () if has("barrier") => "the barrier from being lifted",
        () if has("usb_") || has("_urb") => "the USB device from answering",
        () if has("scsi_")
            || has("blk_execute")
            || has("nvme_")
            || has("ata_exec")
            || has("mmc_wait")
            || has("submit_bio")
            || has("blkdev_issue") =>
        {
            "the I/O from completing"
        }
        () if has("flush_work") || has("workqueue") || has("cancel_") => {
            "the work item from ending"
        }
        () if has("folio") || has("page") => "the page from becoming free",
        () if has("buffer") || has("write_and_wait") || has("fdatawait") || has("io_schedule") => {
            "the I/O from completing"
        }
        () if has("cv_") => "the condition from becoming true",
        () if has("rpm_") || has("pm_runtime") => "the device from changing its power state",
        () if has("kthread") => "the other thread from answering",
        () if has("freeze") => "the requests of the block queue from completing",
        () if has("lock") => "the lock",
        () => ANY_EVENT,
    }
}

fn grace_period(function: &str, out: &mut Explanation) {
    if function.contains("srcu") {
        out.cause("a reader of that srcu_struct does not end: SRCU itself reports no stalls")
            .advise("Look for tasks that sleep inside srcu_read_lock() of the same structure.");
    } else {
        out.cause("an RCU reader does not end, or the grace-period kthread does not run: look for an RCU stall in this log")
            .advise("Fix the culprit of the stall. This task only waits for it.");
    }
    if function.contains("barrier") {
        out.cause("too many callbacks are queued, or one runs for too long");
    }
    if function.contains("exp_funnel") {
        out.cause(
            "another task waits for an expedited grace period, and this task is queued behind it",
        );
    }
}

fn other_wait(function: &str, out: &mut Explanation) {
    match what(function) {
        "the lock" => out.cause(format!("the holder of the lock sleeps itself, or two tasks wait for each other; the task waits in {function}()"))
            .advise("Find the holder: `echo d > /proc/sysrq-trigger` lists all locks held (lockdep kernels), `echo w` all tasks that hang."),
        "the barrier from being lifted" => out.cause(format!("{function}() waits until a barrier is lifted: a resync or recovery of the array, or other requests, must end first. If the waiting task itself must lift it, that is a bug of the driver"))
            .advise("Look for failed disks and resyncs before this report (/proc/mdstat), and at which task must lift the barrier."),
        "the USB device from answering" => out.cause("a request to a USB device does not complete: the device, its hub or the host controller does not answer")
            .advise("Look for USB resets, disconnects and errors of the host controller (xhci_hcd) before this report. Unplug or reset the device."),
        "the fence from being signalled" => out.cause("a fence is not signalled: a GPU or another device has not finished its job, or its driver hangs")
            .advise("Look for resets, time-outs or errors of that device in the log before this report."),
        "the work item from ending" => out.cause("a work item does not end, or its worker pool makes no progress")
            .advise("Find the work item among the other hung tasks (kworker), or by `echo t > /proc/sysrq-trigger`."),
        "the transaction from ending" => out.cause("a transaction of the file system's journal does not end: another task keeps it open, or its I/O does not complete")
            .advise("Look at the thread of the journal among the hung tasks (jbd2, btrfs-transaction, xfsaild, txg_sync), then at the tasks that keep the transaction open, and for errors of the disk."),
        "the page from becoming free" => out.cause("the lock or the writeback of a page does not end: its I/O does not complete, or the holder of the page's lock hangs itself")
            .advise("Look for errors of the disk, controller or server in the log, and for another hung task that may hold the page."),
        "the I/O from completing" => out.cause("I/O does not complete: a disk, a network file system or its queue does not respond")
            .advise("Look for errors of the disk, controller or server in the log. Check /proc/PID/stack of the file system's threads."),
        "the requests of the block queue from completing" => out.cause("a request of the block queue does not complete, so that the queue cannot be frozen")
            .advise("Look for time-outs and errors of that disk or its driver in the log."),
        "the condition from becoming true" => out.cause("the condition for which it waits does not become true: another thread hangs, or I/O does not complete")
            .advise("Find the thread that signals this condition variable among the other hung tasks, or by `echo t > /proc/sysrq-trigger`."),
        "the device from changing its power state" => out.cause("a device does not finish its runtime suspend or resume: its driver hangs, or waits for this task")
            .advise("Look for another hung task in the driver's suspend or resume. If the work item of this task is pm_runtime_work, the driver waits for itself."),
        _ => out.cause("the event that it waits for does not happen: a device does not respond, or another task hangs")
            .advise("Find in the stack what the task waits for. Other hung tasks in this log may be the cause."),
    };
}

#[cfg(test)]
mod tests {
    use crate::event::Culprit;
    use crate::tests::only;

    #[test]
    fn a_stack_that_ends_in_the_scheduler_blames_nobody() {
        let event = only(
            "INFO: task sh:57 blocked for more than 122 seconds.\n\
             __schedule+0x1/0x2\n\
             schedule+0x1/0x2\n",
        );
        assert_eq!(
            (event.blame.culprit, event.blame.sure),
            (Culprit::Unknown, "guess")
        );
        assert_eq!(event.waits_for, None);
        assert!(event.causes.concat().contains("the stack ends before"));
    }

    #[test]
    fn a_panic_alone_does_not_name_the_task() {
        let panic = "Kernel panic - not syncing: hung_task: blocked tasks\n\
                     CPU: 0 PID: 29 Comm: khungtaskd Not tainted 4.4.77 #1\n\
                     Call trace:\n\
                     panic+0xe8/0x234\n\
                     watchdog+0x2cc/0x2f4\n";
        let event = only(panic);
        assert!(event.tasks.is_empty() && event.culprit_frame.is_none());
        assert_eq!(event.blame.culprit, Culprit::Unknown);
        let report = "INFO: task sh:57 blocked for more than 122 seconds.\n";
        let event = only(&format!("{report}{panic}"));
        assert_eq!(event.tasks[0].pid, Some(57));
        assert!(event.panic.is_some());
    }

    #[test]
    fn a_task_that_waits_for_a_grace_period_is_not_the_culprit() {
        let event = only(
            "INFO: task sh:57 blocked for more than 122 seconds.\n\
             task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
             schedule+0x1/0x2\n\
             synchronize_rcu+0x1/0x2\n\
             sys_thing+0x1/0x2\n",
        );
        assert_eq!(
            event.summary,
            "sh (pid 57) has been blocked for more than 122 s, waiting in synchronize_rcu() called by sys_thing(): the grace period does not end."
        );
        assert!(
            event.advice[0].contains("culprit of the stall"),
            "{:?}",
            event.advice
        );
    }
}
