// SPDX-License-Identifier: GPL-2.0

//! Explains locks and readers that were not released.

use super::{called, in_function, lock, tasks, Explanation};
use crate::event::Event;

pub(super) fn summary(event: &Event) -> String {
    let what = match is_underflow(event) {
        true => "with a negative preemption count",
        false => "with a lock held, a reader open, or preemption disabled",
    };
    let how = match event.message {
        Some(_) => "ended its work",
        None => "returned to user mode",
    };
    format!("{} {how} {what}{}.", tasks(event), in_function(event))
}

/// Returns whether the preemption count is negative.
fn is_underflow(event: &Event) -> bool {
    let count = event.field("preempt");
    count.is_some_and(|field| field.meaning.starts_with("negative"))
}

/// Returns whether a field `before->after` grew.
fn grew(event: &Event, name: &str) -> bool {
    let value = event.field(name).map(|field| field.value.as_str());
    let numbers = value.and_then(|value| value.split_once("->"));
    numbers.is_some_and(|(before, after)| before.parse::<i64>().ok() < after.parse().ok())
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let what = in_function(event);
    let what = what.trim_start_matches(" in ");
    let code = if what.is_empty() { "the code" } else { what };
    if is_underflow(event) {
        out.cause(format!("the preemption count is negative, an underflow: {code}, or a work item before it, enabled preemption once too often: an unlock without a lock, or a double preempt_enable() or local_bh_enable()"))
            .advise(format!("Look in {code} for an unlock on a path that did not lock. CONFIG_DEBUG_PREEMPT and lockdep report the extra unlock itself."));
        return;
    }
    if grew(event, "RCU") {
        out.cause(format!(
            "{code} returned without rcu_read_unlock(): the reader stays open, and stalls RCU"
        ));
    } else if grew(event, "lock") {
        out.cause(format!("{code} returned without releasing a lock"));
    } else {
        out.cause("a path, often an error path, returns without unlocking or rcu_read_unlock()");
    }
    if let Some((name, Some(at))) = event.locks.first().and_then(|line| lock(line)) {
        out.cause(format!(
            "the lock {name} is still held, which {} acquired",
            called(&at)
        ));
    }
    out.cause("a guard was leaked on purpose, such as with mem::forget() in Rust")
        .advise("Look at the function that acquired the lock. A leaked reader stalls RCU forever on preemptible kernels. Lockdep is off from here on: reboot before further tests.");
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn a_negative_preemption_count_is_an_extra_unlock() {
        let event = only(
            "BUG: workqueue leaked lock or atomic: kworker/0:2/0xffffffff/4586\n\
             \x20    last function: foo_dbs_timer\n",
        );
        assert!(
            event
                .summary
                .contains("negative preemption count in foo_dbs_timer()"),
            "{}",
            event.summary
        );
        assert!(event.causes[0].contains("an unlock without a lock"));
        assert!(event.advice[0].contains("Look in foo_dbs_timer()"));
        let event = only(
            "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[57]\n\
             \x20    preempt=0x00000000 lock=0->1 RCU=0->1 workfn=leak [demo]\n",
        );
        assert!(event.causes[0].contains("leak() returned without rcu_read_unlock()"));
    }

    #[test]
    fn the_lock_and_the_function_that_acquired_it_are_named() {
        let event = only(
            "WARNING: lock held when returning to user space!\n\
             cat/57 is leaving the kernel with locks still held!\n\
             1 lock held by cat/57:\n\
             \x20#0: 000000007c4816ec (&foo_mutex){+.+.}, at: foo_open+0x17/0x30 [foo]\n",
        );
        let causes = event.causes.concat();
        assert!(
            causes.contains("&foo_mutex is still held, which foo_open() acquired"),
            "{causes}"
        );
    }
}
