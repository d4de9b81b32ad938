// SPDX-License-Identifier: GPL-2.0

//! The scene `barrier`: `rcu_barrier()` queues a callback behind those of each CPU, and waits for it.

use std::collections::BTreeSet;

use super::{callbacks, finding, ms, Finding};
use crate::trace::event::Event;
use crate::trace::record::Record;
use crate::trace::recording::Recording;

/// The callbacks that the updater queued before must be this many.
const MANY: usize = 30;

/// The kernel's words for a callback of `rcu_barrier()` on the list of a CPU.
const QUEUED: [&str; 2] = ["OnlineQ", "OfflineNoCBQ"];

/// A wait by `rcu_barrier()`.
struct Barrier<'a> {
    began: &'a Record,
    /// The CPUs whose lists got a callback of `rcu_barrier()`.
    cpus: BTreeSet<i64>,
    /// The time at which the last one of these ran.
    last_us: Option<u64>,
    /// The callbacks queued before it.
    before: usize,
    /// Those of them that had run when the last one of `rcu_barrier()` ran.
    done: usize,
}

/// Returns the wait that begins after the most callbacks.
fn longest(recording: &Recording) -> Option<Barrier<'_>> {
    let records = recording.records();
    let is = |record: &Record, word: &str| matches!(&record.event, Event::RcuBarrier { what, .. } if what == word);
    let callbacks = callbacks(recording);
    let begins = records
        .iter()
        .enumerate()
        .filter(|(_, record)| is(record, "Begin"));
    let barriers = begins.map(|(at, began)| {
        let rest = &records[at + 1..];
        let until = rest.iter().position(|record| is(record, "Begin"));
        let own = &rest[..until.unwrap_or(rest.len())];
        let last = own.iter().find(|record| is(record, "LastCB"));
        let cpus = own.iter().filter_map(|record| match &record.event {
            Event::RcuBarrier { what, of_cpu, .. } => {
                QUEUED.contains(&what.as_str()).then_some(*of_cpu)
            }
            _ => None,
        });
        // Callbacks that ran before the wait need none.
        let before = callbacks
            .iter()
            .filter(|(queued_us, us)| *queued_us < began.us && *us >= began.us);
        let last_us = last.map(|record| record.us);
        Barrier {
            began,
            cpus: cpus.collect(),
            last_us,
            before: before.clone().count(),
            done: before
                .filter(|(_, us)| last_us.is_some_and(|last| *us <= last))
                .count(),
        }
    });
    barriers.max_by_key(|barrier| barrier.before)
}

pub fn findings(recording: &Recording) -> Vec<Finding> {
    let Some(barrier) = longest(recording) else {
        return vec![finding(false, "a call of rcu_barrier()")];
    };
    let cpus: Vec<_> = barrier.cpus.iter().map(i64::to_string).collect();
    let lasted = barrier
        .last_us
        .map_or("-".into(), |us| ms(us - barrier.began.us));
    vec![
        finding(
            barrier.before >= MANY,
            format!(
                "{} (pid {}) calls rcu_barrier() while {} callbacks wait",
                barrier.began.task, barrier.began.pid, barrier.before
            ),
        ),
        finding(
            !cpus.is_empty(),
            format!(
                "RCU queues a callback of its own behind those of CPU {}",
                cpus.join(", ")
            ),
        ),
        finding(
            barrier.last_us.is_some(),
            format!("the last of its callbacks runs after {lasted}"),
        ),
        finding(
            barrier.before > 0 && barrier.done == barrier.before,
            format!(
                "{} of the {} callbacks have run before",
                barrier.done, barrier.before
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 callbacks of CPU 0 and a wait for them. The last callback runs at `last_us`.
    fn recording(last_us: u64) -> Recording {
        let mut recording = Recording::new(true);
        let mut add = |us: u64, cpu: u32, text: &str| {
            recording.add(&format!(
                "  updater-7      [00{cpu}] .....     1.{us:06}: {text}"
            ));
        };
        let head = |number: u64| format!("rhp=0x{number:016x}");
        for number in 0..40 {
            let text = format!("rcu_callback: rcu_preempt {} func=f {number}", head(number));
            add(number, 0, &text);
        }
        add(
            50,
            0,
            "rcu_barrier: rcu_preempt Begin cpu -1 remaining 0 # 4",
        );
        add(
            51,
            0,
            "rcu_barrier: rcu_preempt OnlineQ cpu 0 remaining 3 # 5",
        );
        add(52, 0, "rcu_barrier: rcu_preempt NQ cpu 1 remaining 3 # 5");
        let invoke = |number| format!("rcu_invoke_callback: rcu_preempt {} func=f", head(number));
        for number in 0..39 {
            add(100 + number, 0, &invoke(number));
        }
        let end = "rcu_barrier: rcu_preempt LastCB cpu -1 remaining 0 # 5";
        match last_us < 200 {
            true => {
                add(last_us, 0, &invoke(39));
                add(200, 0, end);
            }
            false => {
                add(200, 0, end);
                add(last_us, 0, &invoke(39));
            }
        }
        recording
    }

    #[test]
    fn each_callback_runs_before_the_last_one_of_the_barrier() {
        let findings = findings(&recording(150));
        assert!(
            findings.iter().all(|finding| finding.is_seen),
            "{findings:?}"
        );
        assert!(findings[1].text.ends_with("those of CPU 0"), "{findings:?}");
    }

    #[test]
    fn a_callback_that_runs_later_is_noticed() {
        let findings = findings(&recording(250));
        let seen: Vec<_> = findings.iter().map(|finding| finding.is_seen).collect();
        assert_eq!(seen, [true, true, true, false], "{findings:?}");
    }

    #[test]
    fn without_a_call_nothing_is_seen() {
        let findings = findings(&Recording::new(true));
        assert!(findings.iter().all(|finding| !finding.is_seen));
    }
}
