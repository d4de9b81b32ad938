// SPDX-License-Identifier: GPL-2.0

//! Misuse of RCU, and what comes beside stalls.

use super::{cpus, duration, hints, in_function, say, tasks, waits_for_grace_period, Lines};
use crate::event::{Event, EventKind};

pub(super) fn summary(event: &Event) -> String {
    let who = tasks(event);
    let at = in_function(event);
    let seconds = event.seconds.map_or("long".to_string(), duration);
    match event.kind {
        EventKind::VoluntaryContextSwitch => {
            format!("{who} gave up the CPU{at} inside of rcu_read_lock(): readers must not sleep.")
        }
        EventKind::SuspiciousRcuUsage => {
            let message = event.message.as_deref().unwrap_or("a wrong use of RCU");
            let place = event
                .location
                .as_ref()
                .map_or(String::new(), |place| format!(" ({place})"));
            format!("Lockdep caught {who}{at}: {message}{place}.")
        }
        EventKind::SleepingInAtomic => {
            let place = event
                .location
                .as_ref()
                .map_or(String::new(), |place| format!(" (checked at {place})"));
            match event.message.as_deref() {
                Some(message) if message.starts_with("scheduling") => {
                    format!(
                        "{who} called the scheduler{at} while it must not be switched away from."
                    )
                }
                _ => format!(
                    "{who} called something that may sleep{at} where nothing may sleep{place}."
                ),
            }
        }
        EventKind::HungTask => {
            let waits = event.waits_for.as_ref().map_or(String::new(), |function| {
                format!(", waiting in {function}()")
            });
            let caller = match (&event.culprit_frame, waits.is_empty()) {
                (Some(function), false) => format!(" called by {function}()"),
                _ => at,
            };
            let rcu = if waits_for_grace_period(event) {
                ": it waits for a grace period that does not end"
            } else {
                ""
            };
            format!("{who} has slept for more than {seconds}{waits}{caller}{rcu}.")
        }
        EventKind::SoftLockup => format!(
            "{} has not switched tasks for {seconds}: it runs {who}{at}.",
            cpus(event)
        ),
        EventKind::HardLockup => {
            let verb = if event.cpus.len() > 1 {
                "take"
            } else {
                "takes"
            };
            format!("{} {verb} no interrupts any more{at}.", cpus(event))
        }
        EventKind::DoubleCallRcu => {
            let callback = event.symbol.as_ref().map_or(String::new(), |symbol| {
                format!(" (its callback is {symbol}())")
            });
            format!("{who} handed an object to RCU{at} that waits for a grace period already{callback}.")
        }
        EventKind::UseAfterFree => {
            let message = event.message.as_deref().unwrap_or("use after free");
            format!("{who} used memory that was freed{at}: {message}.")
        }
        EventKind::LockLeak => {
            format!("{who} ended with a lock held, a reader open, or preemption off{at}.")
        }
        EventKind::PageAllocationFailure => format!(
            "{who} got no memory{at}: the page allocator had none of the kind that was asked for."
        ),
        EventKind::Oom => {
            let limit = event
                .message
                .as_ref()
                .map_or("memory ran out".to_string(), |_| {
                    "a memory cgroup reached its limit".to_string()
                });
            match event.tasks.is_empty() {
                true => format!("The OOM killer ran, as {limit}."),
                false => format!("The OOM killer ended {who}, as {limit}."),
            }
        }
        _ => String::new(),
    }
}

pub(super) fn why(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    match event.kind {
        EventKind::VoluntaryContextSwitch => {
            say(causes, "something that sleeps is called between rcu_read_lock() and rcu_read_unlock(): a mutex, an allocation with GFP_KERNEL, a copy to user space, a wait for a grace period");
            say(
                causes,
                "an rcu_read_unlock() is missing on some path, so that the reader goes on",
            );
            say(advice, "Look up the stack for the reader; move what sleeps out of it, or use SRCU. The kernel says this once after boot: `echo 1 > /sys/kernel/debug/clear_warn_once` arms it again.");
        }
        EventKind::SuspiciousRcuUsage => suspicious(event, causes, advice),
        EventKind::SleepingInAtomic => sleeping(event, causes, advice),
        EventKind::HungTask => hung(event, causes, advice),
        EventKind::SoftLockup => {
            say(
                causes,
                "a loop in the kernel without a chance to reschedule, with interrupts on",
            );
            hint(event, causes, advice);
            say(causes, "a virtual machine that its host did not run");
            say(
                advice,
                "Look at the stack; RCU will complain about the same CPU soon, if it has not yet.",
            );
        }
        EventKind::HardLockup => {
            say(
                causes,
                "a loop or a deadlock with interrupts off, or in an interrupt handler",
            );
            hint(event, causes, advice);
            say(
                causes,
                "hardware or firmware that holds the CPU (SMI), or a CPU that died",
            );
            say(
                advice,
                "Look at the stack of the CPU, and at what holds the lock that it waits for.",
            );
        }
        EventKind::DoubleCallRcu => {
            say(causes, "two paths remove the same object, without excluding each other, or one does it twice");
            say(causes, "an object is reused before its callback has run");
            say(advice, "Make removal happen once (a flag or the list's lock decides who does it); the callback's name tells the type of the object.");
        }
        EventKind::UseAfterFree => use_after_free(event, causes, advice),
        EventKind::LockLeak => {
            say(
                causes,
                "a path, often an error path, that returns without unlocking or rcu_read_unlock()",
            );
            say(
                causes,
                "a guard that was forgotten on purpose, such as with mem::forget() in Rust",
            );
            say(advice, "Look at where the lock was taken; a leaked reader stalls RCU for ever on preemptible kernels. Lockdep is off from here on: boot again before you test more.");
        }
        EventKind::PageAllocationFailure => {
            say(causes, "memory is fragmented (order above 0), or it was asked for where waiting is not possible (GFP_ATOMIC)");
            say(causes, "memory is short: what waits for a grace period counts as used; look for a stall before this report");
            say(advice, "Ask for less at once (kvmalloc, order 0), and handle the failure; look at slab_unreclaimable and at `q=` of RCU's reports.");
        }
        EventKind::Oom => oom(event, causes, advice),
        _ => (),
    }
}

fn hint(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if let Some((cause, what)) = hints::of(event) {
        say(causes, cause);
        say(advice, what);
    }
}

fn suspicious(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let message = event.message.as_deref().unwrap_or_default();
    if message.contains("Illegal context switch") {
        say(causes, "something sleeps inside of a reader");
        say(advice, "Move it out of the reader, or use SRCU.");
    } else if message.contains("synchronize_") || message.contains("Illegal synchronize") {
        say(
            causes,
            "a wait for a grace period inside of a reader: it would wait for itself",
        );
        say(
            advice,
            "Use call_rcu() or kfree_rcu() there, or wait after the reader.",
        );
    } else if message.contains("rcu_dereference_protected") {
        say(
            causes,
            "the updater's lock, which the code promises, is not held",
        );
        say(advice, "Take the lock, or say the right condition.");
    } else {
        say(causes, "an RCU-protected pointer is read outside of rcu_read_lock(), and without the lock that protects updates");
        say(causes, "it is read under another lock than the one that the check names, which is right, but not told to lockdep");
        say(advice, "Put rcu_read_lock() around it; with the updater's lock held, use rcu_dereference_protected() or rcu_dereference_check() with lockdep_is_held().");
    }
    if event
        .fields
        .iter()
        .any(|field| field.name == "RCU used illegally")
    {
        say(
            causes,
            "a CPU that RCU does not watch (idle, offline, on its way to user mode) used RCU",
        );
        say(advice, "Tracing or a driver's hook in the idle path wants RCU_NONIDLE() or ct_irq_enter() around it, or must not be there.");
    }
    if event.locks.is_empty() {
        say(
            advice,
            "The report says which locks are held; here none is listed.",
        );
    }
}

fn sleeping(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let value = |name: &str| {
        let field = event.fields.iter().find(|field| field.name == name);
        field.map(|field| field.value.clone()).unwrap_or_default()
    };
    let is = |name: &str| !matches!(value(name).as_str(), "" | "0");
    if is("RCU nest depth")
        || event
            .locks
            .iter()
            .any(|lock| lock.contains("rcu_read_lock"))
    {
        if event.frames.iter().any(|frame| frame == "do_exit") {
            say(
                causes,
                "the task ends with a reader that is still open: an rcu_read_unlock() is missing",
            );
            say(advice, "Look for a path without rcu_read_unlock() in what the task did before; the stack shows only its end.");
        } else {
            say(causes, "it sleeps inside of rcu_read_lock()");
            say(
                advice,
                "Move what sleeps out of the reader (take a reference first), or use SRCU.",
            );
        }
    }
    if is("irqs_disabled()") {
        say(
            causes,
            "interrupts are off: a lock taken with _irqsave, or an interrupt handler",
        );
    }
    if causes.is_empty() {
        say(
            causes,
            "a spinlock is held, preemption or softirqs are off, or this is an interrupt",
        );
    }
    let since = value("Preemption disabled at");
    if !since.is_empty() {
        say(advice, format!("{since}() began the atomic section: end it before the call, or use something that does not sleep."));
    }
    say(advice, "In atomic sections allocate with GFP_ATOMIC or beforehand, and take spinlocks instead of mutexes.");
}

fn hung(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let owner = event
        .fields
        .iter()
        .find(|field| field.name == "likely owner");
    if let Some(owner) = owner {
        say(
            causes,
            format!("{} holds the lock that it waits for", owner.value),
        );
    }
    if waits_for_grace_period(event) {
        let function = event.waits_for.as_deref().unwrap_or_default();
        if function.contains("srcu") {
            say(
                causes,
                "a reader of that srcu_struct does not end: SRCU itself reports no stalls",
            );
            say(
                advice,
                "Look for tasks that sleep inside of srcu_read_lock() of the same structure.",
            );
        } else {
            say(causes, "a reader of RCU does not end, or the grace-period kthread does not run: look for an RCU stall in this log");
            say(
                advice,
                "This task is a victim: the stall's culprit is to be mended.",
            );
        }
        if function.contains("barrier") {
            say(
                causes,
                "callbacks are so many, or one runs for so long, that they are not worked off",
            );
        }
        if function.contains("exp_funnel") {
            say(
                causes,
                "another task waits for an expedited grace period, and this one stands behind it",
            );
        }
    } else if event.waits_for.is_some() {
        let function = event.waits_for.as_deref().unwrap_or_default();
        if function.contains("mutex")
            || function.contains("rwsem")
            || function.starts_with("down")
            || function.contains("lock")
        {
            say(
                causes,
                "the holder of a lock sleeps itself, or two tasks wait for each other",
            );
            say(advice, "Find the holder: `echo d > /proc/sysrq-trigger` lists all locks that are held (lockdep kernels), `echo w` all tasks that hang.");
        } else {
            say(causes, "what it waits for does not come: a device that does not answer, or a task that hangs itself");
            say(advice, "Look at the stack for what it waits for; other hung tasks in this log may be its cause.");
        }
    }
    if causes.is_empty() {
        say(
            causes,
            "a device, a file system or a lock that does not come back",
        );
    }
    if advice.is_empty() {
        say(
            advice,
            "`echo w > /proc/sysrq-trigger` shows the stacks of all tasks that hang.",
        );
    }
}

fn use_after_free(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    let field = |name: &str| event.fields.iter().find(|field| field.name == name);
    let by_rcu = field("freed in").is_some_and(|field| field.meaning.contains("grace period"));
    let queued = field("queued in").is_some();
    if by_rcu {
        say(
            causes,
            "the user held the object beyond its rcu_read_lock() section, or without one",
        );
        say(causes, "the object could still be found after it was handed to call_rcu() or kfree_rcu(): it was not removed first");
        say(advice, "See that lookup and use are inside of one reader, or take a reference there; see that removal comes before call_rcu().");
    } else {
        say(causes, "the object was freed without a grace period: kfree() where kfree_rcu() was needed, or a reference count that went wrong");
        say(advice, "Compare the stack that used it with the one that freed it: what should have kept them apart?");
    }
    if queued {
        say(
            causes,
            "a callback or a work item was still queued for the object when it was freed",
        );
    }
    if field("freed in").is_none() {
        say(
            advice,
            "KASAN (kasan_multi_shot, with stacks) tells who allocated and who freed the object.",
        );
    }
}

fn oom(event: &Event, causes: &mut Lines, advice: &mut Lines) {
    if event.message.is_some() {
        say(
            causes,
            "the processes of the cgroup use more than it allows",
        );
        say(
            advice,
            "Raise the limit (memory.max), or look at what grew in the cgroup.",
        );
        return;
    }
    say(causes, "processes want more memory than there is");
    let slab = event
        .fields
        .iter()
        .find(|field| field.name == "slab_unreclaimable");
    if slab.is_some() {
        say(causes, "the kernel's own memory grew: if slab_unreclaimable is a large part, look for an RCU stall, behind which everything waits to be freed");
    }
    say(advice, "Look at which process is largest in the table of tasks, and at slab_unreclaimable; with an RCU stall before it, mend the stall.");
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn a_hung_task_is_called_a_victim() {
        let event = only(
            "INFO: task sh:57 blocked for more than 122 seconds.\n\
             task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
             schedule+0x1/0x2\n\
             synchronize_rcu+0x1/0x2\n\
             sys_thing+0x1/0x2\n",
        );
        assert_eq!(
            event.summary,
            "sh (pid 57) has slept for more than 2 min 2 s, waiting in synchronize_rcu() called by sys_thing(): it waits for a grace period that does not end."
        );
        assert!(event.advice[0].contains("victim"), "{:?}", event.advice);
    }

    #[test]
    fn a_reader_is_told_from_a_spinlock() {
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283\n\
             in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: reader\n\
             preempt_count: 1, expected: 0\n\
             RCU nest depth: 1, expected: 0\n",
        );
        assert!(
            event.causes[0].contains("rcu_read_lock"),
            "{:?}",
            event.causes
        );
        let event = only(
            "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283\n\
             in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 57, name: reader\n\
             preempt_count: 1, expected: 0\n\
             RCU nest depth: 0, expected: 0\n",
        );
        assert!(event.causes[0].contains("spinlock"), "{:?}", event.causes);
    }
}
