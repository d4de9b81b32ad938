// SPDX-License-Identifier: GPL-2.0

//! Explains soft and hard lockups.

use super::{cpus, duration, in_function, tasks, verb, Explanation};
use crate::event::Event;

pub(super) fn soft_summary(event: &Event) -> String {
    let seconds = event.seconds.map_or("long".to_string(), duration);
    format!(
        "{} has not scheduled for {seconds}: it runs {}{}.",
        cpus(event),
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain_soft(event: &Event, out: &mut Explanation) {
    out.cause("a loop in the kernel without rescheduling, with interrupts enabled")
        .hint(event)
        .cause("a virtual machine that its host did not run")
        .advise("Look at the stack. RCU reports the same CPU soon, if it has not yet.");
}

pub(super) fn hard_summary(event: &Event) -> String {
    let function = event.culprit_frame.as_ref();
    let stuck = function.map_or(String::new(), |function| format!(", stuck in {function}()"));
    let handles = verb(event, "handles", "handle");
    format!("{} {handles} no interrupts{stuck}.", cpus(event))
}

pub(super) fn explain_hard(event: &Event, out: &mut Explanation) {
    out.cause("a loop or deadlock with interrupts disabled, or in an interrupt handler")
        .hint(event)
        .cause("hardware or firmware that holds the CPU (SMI), or a CPU that failed")
        .advise("Look at the stack of the CPU, and find the holder of the lock that it waits for.");
}
