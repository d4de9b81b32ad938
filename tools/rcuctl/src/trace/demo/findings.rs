// SPDX-License-Identifier: GPL-2.0

//! The facts that each scene must show, and whether the trace shows them.

mod barrier;
mod tree;

use std::collections::HashMap;

use serde::Serialize;

use super::{Scene, HOLD_MS};
use crate::trace::cause::Cause;
use crate::trace::event::Event;
use crate::trace::grace_period::GracePeriod;
use crate::trace::recording::Recording;

/// The shortest grace period that counts as delayed. The reader of a scene may begin late.
const LONG_US: u64 = 250_000;

/// The name of the module's reader.
const READER: &str = "stall_reader";

/// The callbacks that one grace period must serve in the scene `call`.
const MANY: usize = 30;

/// A fact that a scene shows.
#[derive(Debug, PartialEq, Serialize)]
pub struct Finding {
    pub text: String,
    pub is_seen: bool,
}

fn finding(is_seen: bool, text: impl Into<String>) -> Finding {
    Finding {
        text: text.into(),
        is_seen,
    }
}

/// Returns the grace period that a scene is about, and the findings.
pub fn of(scene: Scene, recording: &Recording) -> (Option<&GracePeriod>, Vec<Finding>) {
    if scene == Scene::Barrier {
        return (None, barrier::findings(recording));
    }
    let served = served(recording);
    let period = match scene {
        Scene::Reader | Scene::Preempted => recording.longest(),
        Scene::Call => served.as_ref().map(|served| served.period),
        Scene::Idle => recording
            .periods()
            .iter()
            .find(|period| idle_cpu(period).is_some()),
        // The first grace period may have begun before the recording.
        _ => recording
            .periods()
            .iter()
            .find(|period| period.requested.is_some()),
    };
    let Some(found) = period else {
        return (None, vec![finding(false, "a grace period of the scene")]);
    };
    let findings = match scene {
        Scene::Reader => reader(recording, found),
        Scene::Preempted => preempted(found),
        Scene::Expedited => expedited(recording),
        Scene::Call => served.map_or_else(Vec::new, |served| call(&served, recording)),
        Scene::Idle => idle(recording, found),
        Scene::Tree => tree::findings(found),
        Scene::Barrier => Vec::new(),
    };
    (Some(found), findings)
}

fn ms(us: u64) -> String {
    format!("{:.1} ms", us as f64 / 1000.0)
}

fn lasts(period: &GracePeriod) -> Finding {
    let us = period.duration_us().unwrap_or(0);
    let text = format!(
        "the grace period lasts {}; the scene ends after {HOLD_MS} ms",
        ms(us)
    );
    finding(us >= LONG_US, text)
}

/// The CPU of the module's reader: the CPU of its first event during the grace period.
fn cpu_of_reader(recording: &Recording, period: &GracePeriod) -> u32 {
    let end_us = period.ended.as_ref().map_or(0, |end| end.us);
    let within = |us: u64| (period.started.us..=end_us).contains(&us);
    let mut own = recording
        .records()
        .iter()
        .filter(|record| record.task == READER && within(record.us));
    let last = period.cpus.keys().next_back().copied();
    own.next().map(|record| record.cpu).or(last).unwrap_or(0)
}

fn reader(recording: &Recording, period: &GracePeriod) -> Vec<Finding> {
    let cpu = cpu_of_reader(recording, period);
    let start = period.started.us;
    let passed_us = |cpu| {
        let part = period.cpus.get(cpu)?;
        part.reported_us.map(|us| us.saturating_sub(start))
    };
    let own = passed_us(&cpu);
    let others: Vec<_> = period
        .cpus
        .keys()
        .filter(|other| **other != cpu)
        .filter_map(passed_us)
        .collect();
    let slowest = others.iter().max().copied();
    let end = period.duration_us().unwrap_or(0);
    vec![
        lasts(period),
        finding(
            own.is_some_and(|us| us >= LONG_US),
            format!(
                "CPU {cpu}, where the reader loops, reports after {}",
                own.map_or("-".to_string(), ms)
            ),
        ),
        finding(
            slowest.is_some_and(|us| us < LONG_US),
            format!(
                "each other CPU reports before, the last after {}",
                slowest.map_or("-".to_string(), ms)
            ),
        ),
        finding(
            own.is_some_and(|us| us <= end && end - us < LONG_US),
            format!(
                "the grace period ends {} after this report",
                ms(end.saturating_sub(own.unwrap_or(0)))
            ),
        ),
    ]
}

fn preempted(period: &GracePeriod) -> Vec<Finding> {
    let end_us = period.ended.as_ref().map_or(0, |end| end.us);
    let task = period.blocked.iter().max_by_key(|task| task.until_us);
    let until = task.and_then(|task| task.until_us);
    let name = task.map_or("no task".to_string(), |task| {
        format!("{} (pid {})", task.task, task.pid)
    });
    let only_tasks = period
        .reports
        .iter()
        .any(|report| report.left == 0 && report.has_tasks);
    vec![
        lasts(period),
        finding(
            task.is_some(),
            format!("{name} is preempted inside its critical section"),
        ),
        finding(
            only_tasks,
            "each CPU has reported, and the node still waits for the blocked task",
        ),
        finding(
            until.is_some_and(|us| us >= period.started.us + LONG_US && us <= end_us),
            "the grace period ends after the task's critical section",
        ),
    ]
}

fn expedited(recording: &Recording) -> Vec<Finding> {
    let shortest = recording
        .expedited()
        .iter()
        .filter_map(|period| period.duration_us())
        .min();
    let normal: Vec<_> = recording
        .periods()
        .iter()
        .filter_map(GracePeriod::duration_us)
        .collect();
    let median = median(normal);
    vec![
        finding(
            shortest.is_some(),
            format!(
                "an expedited grace period lasts {}",
                shortest.map_or("-".to_string(), ms)
            ),
        ),
        finding(
            median.is_some(),
            format!(
                "a normal one lasts {} (median)",
                median.map_or("-".to_string(), ms)
            ),
        ),
        finding(
            shortest.zip(median).is_some_and(|(fast, slow)| fast < slow),
            "the expedited one is faster",
        ),
    ]
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// The callbacks that one grace period serves.
struct Served<'a> {
    period: &'a GracePeriod,
    before: &'a GracePeriod,
    callbacks: usize,
    /// The callbacks invoked before its end. RCU must invoke none.
    early: usize,
}

/// Returns the grace period that serves the most callbacks: those queued since the start of the
/// grace period before it, which began too early for them.
fn served(recording: &Recording) -> Option<Served<'_>> {
    let callbacks = callbacks(recording);
    let pairs = recording.periods().windows(2);
    let of_pair = |pair: &'_ [GracePeriod]| {
        let (before, period) = (&pair[0], &pair[1]);
        let end_us = period.ended.as_ref().map_or(u64::MAX, |end| end.us);
        let queued = before.started.us + 1..=period.started.us;
        let of_period = callbacks
            .iter()
            .filter(|(since_us, _)| queued.contains(since_us));
        let invoked: Vec<_> = of_period.map(|(_, us)| *us).collect();
        (
            invoked.len(),
            invoked.iter().filter(|us| **us < end_us).count(),
        )
    };
    let counted = pairs.map(|pair| (of_pair(pair), pair));
    let ((callbacks, early), pair) = counted.max_by_key(|((callbacks, _), _)| *callbacks)?;
    Some(Served {
        period: &pair[1],
        before: &pair[0],
        callbacks,
        early,
    })
}

/// The time at which each callback was queued, and that at which it was invoked.
fn callbacks(recording: &Recording) -> Vec<(u64, u64)> {
    let mut queued = HashMap::new();
    let mut callbacks = Vec::new();
    for record in recording.records() {
        match &record.event {
            Event::RcuCallback { head, .. } => {
                queued.insert(head, record.us);
            }
            Event::RcuInvokeCallback { head, .. } => {
                callbacks.extend(queued.remove(head).map(|since_us| (since_us, record.us)));
            }
            _ => {}
        }
    }
    callbacks
}

fn call(served: &Served<'_>, recording: &Recording) -> Vec<Finding> {
    let end_us = served.period.ended.as_ref().map_or(0, |end| end.us);
    let batches = recording.records().iter().filter(|record| {
        record.us >= end_us && matches!(record.event, Event::RcuBatchEnd { invoked } if invoked > 0)
    });
    vec![
        lasts(served.before),
        finding(
            served.callbacks >= MANY,
            format!(
                "{} callbacks wait for the next grace period, {}",
                served.callbacks, served.period.gp_seq
            ),
        ),
        finding(
            served.early == 0,
            format!("{} of them run before its end", served.early),
        ),
        finding(
            batches.count() > 0,
            "RCU runs them after its end, in batches",
        ),
    ]
}

/// A CPU that slept when a scan of a grace period found it.
pub fn idle_cpu(period: &GracePeriod) -> Option<u32> {
    let mut cpus = period.cpus.iter();
    cpus.find(|(_, part)| part.cause == Some(Cause::Extended))
        .map(|(cpu, _)| *cpu)
}

fn idle(recording: &Recording, period: &GracePeriod) -> Vec<Finding> {
    let cpu = idle_cpu(period);
    let part = cpu.and_then(|cpu| period.cpus.get(&cpu));
    let is_in_scan = part.and_then(|part| part.quiescent_us).is_some_and(|us| {
        period
            .scans_us
            .iter()
            .any(|(from, until)| (*from..=*until).contains(&us))
    });
    let name = cpu.map_or("no CPU".to_string(), |cpu| format!("CPU {cpu}"));
    let mut findings = vec![
        finding(
            cpu.is_some(),
            format!("{name} is idle, and notes no quiescent state itself"),
        ),
        finding(
            is_in_scan,
            "a scan of the grace-period kthread finds its quiescent state",
        ),
        finding(
            part.is_some_and(|part| part.reported_us.is_some()),
            "the kthread reports the quiescent state on behalf of that CPU",
        ),
    ];
    // A CPU may sleep without an interrupt.
    if let Some(us) = cpu.and_then(|cpu| interrupted(recording, cpu)) {
        let text = format!(
            "an interrupt suspends the idle state of {name} for {}",
            ms(us)
        );
        findings.push(finding(true, text));
    }
    findings
}

/// The duration of the first interrupt of an idle CPU, from RCU's exit of the extended quiescent state to
/// its return.
fn interrupted(recording: &Recording, cpu: u32) -> Option<u64> {
    let own = recording
        .records()
        .iter()
        .filter(|record| record.cpu == cpu)
        .filter_map(|record| match &record.event {
            Event::RcuWatching { what } => Some((record.us, what.as_str())),
            _ => None,
        });
    let own: Vec<_> = own.collect();
    let mut pairs = own.windows(2);
    pairs.find_map(|pair| match pair {
        [(from_us, "Startirq"), (until_us, "Endirq")] => Some(until_us - from_us),
        _ => None,
    })
}
