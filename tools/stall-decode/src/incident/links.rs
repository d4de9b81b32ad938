// SPDX-License-Identifier: GPL-2.0

//! Facts by which events are linked to an incident.

use crate::event::{Event, EventKind};

/// The first event of an incident.
#[derive(Debug, Default)]
pub(super) struct Root {
    pub(super) line: u64,
    pub(super) kind: EventKind,
    /// Task and function.
    pub(super) place: String,
    pub(super) waits_for: Option<String>,
}

/// Tells that a task may wait behind another one that hangs.
pub(super) fn behind(first: &Root) -> String {
    let wait = first.waits_for.as_deref().unwrap_or_default();
    let what = match crate::waits::is_for_grace_period(wait) {
        true => format!("for a grace period in {wait}()"),
        false => format!("in {wait}()"),
    };
    format!(
        "found in the same check as {} at line {}, which waits {what}: it may hold the lock",
        first.place, first.line
    )
}

/// Returns the sentence that other CPUs stopped at the same time; none if the event names no CPU.
pub(super) fn together(known: &[u32], own: &[u32]) -> Option<String> {
    let list = |cpus: &[u32]| {
        let numbers: Vec<_> = cpus.iter().map(u32::to_string).collect();
        numbers.join(", ")
    };
    let what = match known {
        [] => "a stall was reported".to_string(),
        _ => format!("CPU {} stopped", list(known)),
    };
    (!own.is_empty()).then(|| format!("at the same time {what}, too: these CPUs wait for one another or for one lock, or the whole (virtual) machine stood still"))
}

/// Returns whether a hung task waits for a lock.
pub(super) fn waits_for_lock(event: &Event) -> bool {
    let function = event.waits_for.as_deref().unwrap_or_default();
    ["mutex", "lock", "rwsem", "down"]
        .iter()
        .any(|part| function.contains(part))
}

/// Returns whether a task waits where the removal of a network device holds the lock.
pub(super) fn waits_for_network(event: &Event) -> bool {
    const PARTS: [&str; 9] = [
        "net_ns",
        "netns",
        "rtnl",
        "cleanup_net",
        "pernet",
        "netdev",
        "netlink",
        "copy_net",
        "inet",
    ];
    let mut frames = event.frames.iter().chain(&event.waits_for);
    event.kind == EventKind::HungTask
        && frames.any(|frame| PARTS.iter().any(|part| frame.contains(part)))
}

/// Returns whether a report is about CPUs that do not make progress.
pub(super) fn is_about_cpus(kind: EventKind) -> bool {
    use EventKind::{CsdLock, HardLockup, SoftLockup, WorkqueueLockup};
    kind.is_stall() || matches!(kind, CsdLock | HardLockup | SoftLockup | WorkqueueLockup)
}

/// Names the task and function of an incident's first event.
pub(super) fn root_place(event: &Event) -> String {
    let at = event
        .culprit_frame
        .as_ref()
        .map_or(String::new(), |function| format!(" in {function}()"));
    match (event.tasks.first(), event.cpus.first()) {
        (Some(task), _) => format!("{task}{at}"),
        (None, Some(cpu)) => format!("CPU {cpu}{at}"),
        (None, None) => format!("the culprit{at}"),
    }
}
