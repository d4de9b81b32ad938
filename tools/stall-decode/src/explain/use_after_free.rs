// SPDX-License-Identifier: GPL-2.0

//! Explains accesses to freed memory.

use super::{in_function, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    let message = event.message.as_deref().unwrap_or("use after free");
    format!(
        "{} accessed freed memory{}: {message}.",
        tasks(event),
        in_function(event)
    )
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let freed = event.field("freed in");
    if is_own_free(event) {
        out.cause("the same task freed the object before it accessed it: the order in its own code is wrong, and no other task is involved")
            .advise("Look in the code of this task for the free that comes before the access, such as a cleanup that runs twice or too early.");
        return;
    }
    if freed.is_some_and(|field| field.meaning.contains("grace period")) {
        out.cause("the task used the object after its rcu_read_lock() section, or without one")
            .cause("the object was still reachable when it was passed to call_rcu() or kfree_rcu(): it was not removed first")
            .advise("Keep lookup and use inside one reader, or acquire a reference there. Remove the object before call_rcu().");
    } else if freed.is_none() {
        out.cause("the object was freed while it was still in use: without a grace period, or with a wrong reference count; the log does not show by which code");
    } else {
        out.cause("the object was freed without a grace period: by kfree() instead of kfree_rcu(), or by a wrong reference count")
            .advise("Compare the stack that used the object with the one that freed it. Which lock or reference should have prevented the free?");
    }
    if event.field("queued in").is_some() {
        out.cause("a callback or a work item was still queued for the object when it was freed");
    }
    if freed.is_none() {
        out.advise(
            "KASAN (kasan_multi_shot, with stacks) shows which code allocated the object and which freed it.",
        );
    }
}

/// Returns whether the task that accessed the object also freed it, outside of RCU's callbacks.
fn is_own_free(event: &Event) -> bool {
    let pid = event.tasks.first().and_then(|task| task.pid);
    let by = event.field("freed by").map(|field| field.value.as_str());
    let is_own = by
        .zip(pid.filter(|&pid| pid != 0))
        .is_some_and(|(by, pid)| by == format!("task {pid}"));
    let freed = event.field("freed in");
    is_own && !freed.is_some_and(|field| field.meaning.contains("grace period"))
}
