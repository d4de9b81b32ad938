// SPDX-License-Identifier: GPL-2.0

//! Explains voluntary context switches in a reader.

use super::{in_function, lacks_code, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    format!(
        "{} gave up the CPU{} inside rcu_read_lock(): RCU readers must not sleep.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    out.cause("a call between rcu_read_lock() and rcu_read_unlock() sleeps: a mutex, an allocation with GFP_KERNEL, a copy to user space, a wait for a grace period")
        .cause("an rcu_read_unlock() is missing on some path, so that the reader stays open");
    if lacks_code(event) {
        out.without_stack(event);
    }
    out.advise("Find the reader further up the stack. Move the sleeping call out of it, or use SRCU. If no function on the stack holds rcu_read_lock(), code that the task ran earlier left the reader open: find its missing rcu_read_unlock(). The kernel prints this warning once per boot: `echo 1 > /sys/kernel/debug/clear_warn_once` rearms it.");
}
