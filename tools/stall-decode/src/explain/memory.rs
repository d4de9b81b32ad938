// SPDX-License-Identifier: GPL-2.0

//! Explains failed allocations and the OOM killer.

use super::{in_function, tasks, Explanation};
use crate::event::Event;

pub(super) fn allocation_summary(event: &Event) -> String {
    format!(
        "A page allocation by {} failed{}: no free pages of the requested kind.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain_allocation(_: &Event, out: &mut Explanation) {
    out.cause("memory is fragmented (order above 0), or the caller could not wait (GFP_ATOMIC)")
        .cause("memory is short: objects that wait for a grace period count as used; look for a stall before this report")
        .advise("Allocate smaller blocks (kvmalloc, order 0), and handle the failure. Check slab_unreclaimable, and `q=` in RCU's reports.");
}

pub(super) fn oom_summary(event: &Event) -> String {
    let reason = match event.message {
        Some(_) => "a memory cgroup reached its limit",
        None => "memory ran out",
    };
    match event.tasks.is_empty() {
        true => format!("The OOM killer ran: {reason}."),
        false => format!("The OOM killer killed {}: {reason}.", tasks(event)),
    }
}

pub(super) fn explain_oom(event: &Event, out: &mut Explanation) {
    if event.message.is_some() {
        out.cause("the processes of the cgroup use more memory than its limit")
            .advise("Raise the limit (memory.max), or find what grew in the cgroup.");
        return;
    }
    out.cause("processes use more memory than the machine has");
    if event.field("slab_unreclaimable").is_some() {
        out.cause("the kernel's own memory grew: if slab_unreclaimable is large, look for an RCU stall, behind which freed objects accumulate");
    }
    out.advise("Look for the largest process in the table of tasks, and at slab_unreclaimable. If an RCU stall precedes this report, fix the stall.");
}
