// SPDX-License-Identifier: GPL-2.0

//! Explains wrong uses of RCU found by lockdep.

use super::{in_function, tasks, Explanation};
use crate::event::{Culprit, Event};

pub(super) fn summary(event: &Event) -> String {
    let message = event.message.as_deref().unwrap_or("suspicious RCU usage");
    let location = event.location.as_ref();
    let location = location.map_or(String::new(), |location| format!(" ({location})"));
    format!(
        "Lockdep found a wrong use of RCU by {}{}: {message}{location}.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let message = event.message.as_deref().unwrap_or_default();
    if message.contains("Illegal context switch") {
        out.cause("a call inside a reader sleeps")
            .advise("Move it out of the reader, or use SRCU.");
    } else if message.contains("synchronize_") || message.contains("Illegal synchronize") {
        out.cause("a wait for a grace period inside a reader: it would wait for itself")
            .advise("Use call_rcu() or kfree_rcu() there, or wait after the reader.");
    } else if message.contains("rcu_dereference_protected") {
        out.cause("the updater's lock, which the code claims to hold, is not held")
            .advise("Acquire the lock, or correct the condition.");
    } else if event.field("RCU used illegally").is_some() || message.contains("illegally") {
        // The access itself is right; the CPU is in the wrong state.
    } else {
        out.cause("an RCU-protected pointer is read outside rcu_read_lock() and without the lock that protects updates")
            .cause("a lock that the check does not name protects the pointer; the code is right, but lockdep cannot know")
            .advise("Put rcu_read_lock() around the access. If the updater's lock is held, use rcu_dereference_protected() or rcu_dereference_check() with lockdep_is_held().");
    }
    if let (None, Some(place)) = (&event.culprit_frame, &event.location) {
        out.blame(
            Culprit::Code,
            format!("the code at {place}; the log does not show its callers"),
        );
    }
    if event.field("RCU used illegally").is_some() || message.contains("illegally") {
        out.cause("a CPU that RCU does not watch (idle, offline, entering user mode) used RCU")
            .advise("Wrap tracing or a driver's hook in the idle path in RCU_NONIDLE() or ct_irq_enter(), or remove it.");
    }
    if event.locks.is_empty() {
        out.advise("A complete report lists the locks held; this log has none.");
    }
}
