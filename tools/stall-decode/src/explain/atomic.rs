// SPDX-License-Identifier: GPL-2.0

//! Explains sleeping in atomic context.

use super::{in_function, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    let task = tasks(event);
    let at = in_function(event);
    let message = event.message.as_deref().unwrap_or_default();
    if message.starts_with("scheduling") {
        return format!("{task} called the scheduler{at} in atomic context.");
    }
    let location = event.location.as_ref();
    let location = location.map_or(String::new(), |location| {
        format!(" (checked at {location})")
    });
    format!("{task} called a function that may sleep{at} in atomic context{location}.")
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let value = |name: &str| event.field(name).map_or("", |field| field.value.as_str());
    let is_set = |name: &str| !matches!(value(name), "" | "0");
    let mut locks = event.locks.iter();
    if is_set("RCU nest depth") || locks.any(|lock| lock.contains("rcu_read_lock")) {
        if event.frames.iter().any(|frame| frame == "do_exit") {
            out.cause("the task exits with a reader still open: an rcu_read_unlock() is missing")
                .advise("Look for a path without rcu_read_unlock() in earlier code of the task; the stack only shows its exit.");
        } else {
            out.cause("the task sleeps inside rcu_read_lock()")
                .advise("Move the sleeping call out of the reader (acquire a reference first), or use SRCU.");
        }
    }
    if is_set("irqs_disabled()") {
        out.cause(
            "interrupts are disabled: by a lock acquired with _irqsave, or by an interrupt handler",
        );
    }
    if out.causes.is_empty() {
        out.cause(
            "a spinlock is held, preemption or softirqs are disabled, or this is an interrupt",
        );
    }
    let function = value("Preemption disabled at");
    if !function.is_empty() {
        out.advise(format!("{function}() began the atomic section. End it before the call, or use a function that does not sleep."));
    }
    out.advise("In atomic sections, allocate with GFP_ATOMIC or beforehand, and use spinlocks instead of mutexes.");
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn a_sleep_in_a_reader_and_under_a_spinlock_have_different_causes() {
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
