// SPDX-License-Identifier: GPL-2.0

//! Explains the fields of a report.

mod cpu;
mod kthread;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::event::{Event, EventKind, Field, Task};

/// Callbacks that hold so much memory that a reader should know of it.
const MANY_CALLBACKS: u64 = 100_000;

/// Adds the fields common to all reports of a kind, before those that the parsers added.
pub(super) fn fill(event: &mut Event) {
    let parsed = std::mem::take(&mut event.fields);
    totals(event);
    for detail in event.cpu_details.clone() {
        cpu::fill(event, &detail);
    }
    for task in event.tasks.clone() {
        blocked_task(event, &task);
    }
    if let Some(kthread) = event.kthread.clone() {
        kthread::fill(event, &kthread);
    }
    for field in parsed {
        event.add_field(field.name, field.value, field.meaning);
    }
    for field in &mut event.fields {
        field.normal = is_normal(field);
    }
}

/// Names of fields that only identify a report or its parts.
const IDENTIFYING: [&str; 17] = [
    "g",
    "s",
    "f",
    "ncpus",
    "detected by",
    "root",
    "->cpu",
    "wait state",
    "node",
    "flags",
    "nice",
    "pool cpus",
    "workqueue",
    "mems_allowed",
    "CSD lock",
    "timer-softirq",
    "mode",
];

/// Parts of the meanings of usual values.
const USUAL: [&str; 6] = [
    "the grace-period kthread ran all the time",
    "the grace-period kthread runs",
    "in the kernel, in task context",
    "above its watermark",
    "RCU softirqs run when",
    "interrupts, softirqs, context switches",
];

static USUAL_FINDERS: LazyLock<[Finder<'_>; 6]> = LazyLock::new(|| USUAL.map(Finder::new));

/// Returns whether a field tells nothing that the diagnosis needs.
fn is_normal(field: &Field) -> bool {
    let is_quiet = field.name == "q" && !field.meaning.contains("so many");
    let is_unmarked = field.name.ends_with(" marks") && field.value == "....";
    is_quiet
        || is_unmarked
        || IDENTIFYING.contains(&field.name.as_str())
        || USUAL_FINDERS
            .iter()
            .any(|usual| usual.find(field.meaning.as_bytes()).is_some())
}

fn totals(event: &mut Event) {
    let is_expedited = event.kind == EventKind::RcuExpeditedStall;
    if let Some(jiffies) = event.t_jiffies {
        let which = if is_expedited { "expedited " } else { "" };
        let guess = match event.evidence.is_hz_guessed {
            true => " (a guess from the usual time-outs)",
            false => "",
        };
        let hz = event.hz.map_or(String::new(), |hz| {
            format!(", at {hz} jiffies per second{guess}")
        });
        let meaning = format!("jiffies since the {which}grace period began{hz}");
        event.add_field("t", jiffies.to_string(), meaning);
    }
    if let Some(sequence) = event.gp_seq.filter(|_| is_expedited) {
        let state = match sequence % 2 {
            0 => "even: none in progress",
            _ => "odd: in progress",
        };
        let meaning = format!("sequence number of the expedited grace period ({state})");
        event.add_field("s", sequence.to_string(), meaning);
    } else if let (EventKind::RcuCpuStall, Some(number)) = (event.kind, event.gp_seq) {
        let meaning =
            "number of the grace period: reports with the same number belong to one stall";
        event.add_field("g", number.to_string(), meaning);
    }
    if let Some(callbacks) = event.callbacks {
        let mut meaning =
            "callbacks queued on all CPUs: the memory that they would free is still in use"
                .to_string();
        if callbacks > MANY_CALLBACKS {
            meaning.push_str("; so many can exhaust memory");
        }
        event.add_field("q", callbacks.to_string(), meaning);
    }
    if let Some(ncpus) = event.ncpus {
        event.add_field("ncpus", ncpus.to_string(), "CPUs online");
    }
    if let Some(cpu) = event.detected_by {
        let meaning = "the CPU that noticed the stall; it is not the culprit";
        event.add_field("detected by", format!("CPU {cpu}"), meaning);
    }
}

fn blocked_task(event: &mut Event, task: &Task) {
    if let Some(nesting) = task.nesting {
        let name = format!("P{}", task.pid.unwrap_or_default());
        let value = format!("/{nesting}:{}", task.flags.join(", "));
        let meaning = match event.evidence.earlier_nesting {
            Some(before) => format!("a task that blocks the grace period; its readers are nested {nesting} deep, after {before} in an earlier report"),
            None => format!("a task that blocks the grace period; its readers are nested {nesting} deep"),
        };
        event.add_field(name, value, meaning);
    }
}
