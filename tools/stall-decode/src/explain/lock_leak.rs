// SPDX-License-Identifier: GPL-2.0

//! Explains locks and readers that were not released.

use super::{in_function, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    format!(
        "{} left the kernel or ended its work with a lock held, a reader open, or preemption disabled{}.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain(_: &Event, out: &mut Explanation) {
    out.cause("a path, often an error path, returns without unlocking or rcu_read_unlock()")
        .cause("a guard was leaked on purpose, such as with mem::forget() in Rust")
        .advise("Look at the function that acquired the lock. A leaked reader stalls RCU forever on preemptible kernels. Lockdep is off from here on: reboot before further tests.");
}
