// SPDX-License-Identifier: GPL-2.0

//! Explains an `rcu_head` that was queued twice.

use super::{in_function, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    let symbol = event.symbol.as_ref();
    let callback = symbol.map_or(String::new(), |symbol| {
        format!(" (its callback is {symbol}())")
    });
    format!(
        "{} queued an object{} although it already waits for a grace period{callback}.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain(_: &Event, out: &mut Explanation) {
    out.cause("two paths remove the same object without mutual exclusion, or one path removes it twice")
        .cause("an object is reused before its callback has run")
        .advise("Make sure that removal happens once: let a flag or the list's lock decide which path removes the object. The callback's name shows the type of the object.");
}
