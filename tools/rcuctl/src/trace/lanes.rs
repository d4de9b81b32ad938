// SPDX-License-Identifier: GPL-2.0

//! The lanes of a picture: updaters, the grace-period kthread, nodes, CPUs, readers, callbacks.

use std::collections::BTreeMap;

use super::event::{Event, Node};
use super::grace_period::GracePeriod;
use super::record::Record;
use super::recording::Recording;
use super::words::{by_segment, node_name, waited};

/// A span of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub from_us: u64,
    pub until_us: u64,
    /// The class of the style sheet.
    pub class: &'static str,
    /// Shown inside if it fits.
    pub label: String,
    /// Shown on hover.
    pub tip: String,
}

/// A moment of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub us: u64,
    pub class: &'static str,
    pub tip: String,
}

/// A lane. The bars of one lane do not overlap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    pub group: &'static str,
    pub name: String,
    pub bars: Vec<Bar>,
    pub marks: Vec<Mark>,
    /// The lengths of a CPU's callback segments over time.
    pub steps: Vec<(u64, [i64; 4])>,
}

impl Lane {
    fn new(group: &'static str, name: impl Into<String>) -> Self {
        Self {
            group,
            name: name.into(),
            ..Self::default()
        }
    }

    fn bar(&mut self, span: (u64, u64), class: &'static str, label: &str, tip: impl Into<String>) {
        self.bars.push(Bar {
            from_us: span.0,
            until_us: span.1.max(span.0),
            class,
            label: label.to_string(),
            tip: tip.into(),
        });
    }

    fn mark(&mut self, us: u64, class: &'static str, tip: impl Into<String>) {
        self.marks.push(Mark {
            us,
            class,
            tip: tip.into(),
        });
    }

    fn is_empty(&self) -> bool {
        self.bars.is_empty() && self.marks.is_empty() && self.steps.is_empty()
    }
}

/// Returns the lanes with bars, marks or steps between two times, from top to bottom.
pub fn lanes(recording: &Recording, from_us: u64, until_us: u64) -> Vec<Lane> {
    let records: Vec<_> = recording
        .records()
        .iter()
        .filter(|record| (from_us..=until_us).contains(&record.us))
        .collect();
    let periods: Vec<_> = recording
        .periods()
        .iter()
        .filter(|period| period.started.us <= until_us && end_us(period, until_us) >= from_us)
        .collect();
    let mut lanes = updaters(&records, until_us);
    lanes.push(kthread(&periods, until_us));
    lanes.push(expedited(recording, from_us, until_us));
    lanes.extend(nodes(&periods, until_us));
    lanes.extend(cpus(&periods, until_us));
    lanes.extend(readers(&periods, until_us));
    lanes.extend(callbacks(&records, until_us));
    lanes.retain(|lane| !lane.is_empty());
    lanes
}

fn end_us(period: &GracePeriod, until_us: u64) -> u64 {
    period.ended.as_ref().map_or(until_us, |end| end.us)
}

/// Tasks that wait in `synchronize_rcu()`.
fn updaters(records: &[&Record], until_us: u64) -> Vec<Lane> {
    let mut lanes: BTreeMap<u32, (Lane, Option<u64>)> = BTreeMap::new();
    for record in records {
        let Event::RcuSrNormal { what } = &record.event else {
            continue;
        };
        let (lane, since) = lanes
            .entry(record.pid)
            .or_insert_with(|| (Lane::new("updaters", &record.task), None));
        match what.as_str() {
            "request" => *since = Some(record.us),
            "complete" => {
                if let Some(from) = since.take() {
                    wait_bar(lane, from, record.us);
                }
            }
            _ => {}
        }
    }
    let close = |(mut lane, since): (Lane, Option<u64>)| {
        if let Some(from) = since {
            wait_bar(&mut lane, from, until_us);
        }
        lane
    };
    lanes.into_values().map(close).collect()
}

fn wait_bar(lane: &mut Lane, from: u64, until: u64) {
    let tip = format!("{} waits in synchronize_rcu()", lane.name);
    lane.bar((from, until), "wait", "synchronize_rcu()", tip);
}

/// The steps of the grace-period kthread.
fn kthread(periods: &[&GracePeriod], until_us: u64) -> Lane {
    let mut lane = Lane::new("grace period", "kthread");
    for period in periods {
        let number = period.gp_seq;
        let start = period.started.us;
        let ready = period.waits.last().map_or(start, |wait| wait.us);
        let end = end_us(period, until_us);
        lane.bar(
            (start, ready),
            "init",
            "init",
            format!("grace period {number}: sets up the tree"),
        );
        let mut at = ready;
        for (from, until) in &period.scans_us {
            lane.bar(
                (at, *from),
                "gp",
                &number.to_string(),
                format!("grace period {number}: waits"),
            );
            lane.bar(
                (*from, *until),
                "scan",
                "scan",
                format!("grace period {number}: scans for quiescent states"),
            );
            at = *until;
        }
        lane.bar(
            (at, end),
            "gp",
            &number.to_string(),
            format!("grace period {number}: waits"),
        );
        if let Some(by) = &period.requested {
            lane.mark(
                by.us,
                "request",
                format!("{} requests grace period {number}", by.task),
            );
        }
        if period.ended.is_some() {
            lane.mark(end, "end", format!("grace period {number} ends"));
        }
    }
    lane
}

fn expedited(recording: &Recording, from_us: u64, until_us: u64) -> Lane {
    let mut lane = Lane::new("grace period", "expedited");
    for period in recording.expedited() {
        let start = period.started.us;
        let end = period.ended.as_ref().map_or(until_us, |end| end.us);
        if start > until_us || end < from_us {
            continue;
        }
        let waits = period.waits_us.unwrap_or(end);
        lane.bar(
            (start, waits),
            "init",
            "select",
            "expedited: selects CPUs, and interrupts those that are not idle",
        );
        lane.bar(
            (waits, end),
            "expedited",
            "expedited",
            "expedited: waits for the selected CPUs and tasks",
        );
        lane.mark(end, "end", "the expedited grace period ends");
    }
    lane
}

/// The CPUs, nodes or tasks that each node still waits for.
fn nodes(periods: &[&GracePeriod], until_us: u64) -> Vec<Lane> {
    let mut lanes: BTreeMap<Node, Lane> = BTreeMap::new();
    for period in periods {
        let leaf_level = period.leaf_level();
        for wait in &period.waits {
            let name = node_name(wait.node);
            let lane = lanes
                .entry(wait.node)
                .or_insert_with(|| Lane::new("nodes", name.trim_start_matches("the ")));
            let mut at = wait.us;
            let (mut left, mut has_tasks) = (wait.mask, false);
            let reports = period
                .reports
                .iter()
                .filter(|report| report.node == wait.node);
            for report in reports {
                node_bar(
                    lane,
                    (at, report.us),
                    &waits_for(wait.node, left, has_tasks, leaf_level),
                );
                (at, left, has_tasks) = (report.us, report.left, report.has_tasks);
                lane.mark(
                    report.us,
                    "report",
                    format!("CPU {} reports to this node", report.cpu),
                );
            }
            if left != 0 || has_tasks {
                let end = end_us(period, until_us);
                node_bar(
                    lane,
                    (at, end),
                    &waits_for(wait.node, left, has_tasks, leaf_level),
                );
            }
        }
    }
    lanes.into_values().collect()
}

fn waits_for(node: Node, left: u64, has_tasks: bool, leaf_level: u32) -> String {
    match (left, has_tasks) {
        (0, true) => "blocked tasks".to_string(),
        (left, true) => format!("{}, tasks", waited(node, left, leaf_level)),
        (left, false) => waited(node, left, leaf_level),
    }
}

fn node_bar(lane: &mut Lane, span: (u64, u64), what: &str) {
    lane.bar(span, "owes", what, format!("waits for {what}"));
}

/// For each CPU, the time until its quiescent state and until its report.
fn cpus(periods: &[&GracePeriod], until_us: u64) -> Vec<Lane> {
    let mut lanes: BTreeMap<u32, Lane> = BTreeMap::new();
    for period in periods {
        let number = period.gp_seq;
        let start = period.started.us;
        let end = end_us(period, until_us);
        for (cpu, part) in &period.cpus {
            let lane = lanes
                .entry(*cpu)
                .or_insert_with(|| Lane::new("CPUs", format!("CPU {cpu}")));
            let reported = part.reported_us.unwrap_or(end);
            let quiescent = part.quiescent_us.unwrap_or(reported).min(reported);
            if period.waits_for(*cpu) {
                lane.bar(
                    (start, quiescent),
                    "owes",
                    "no quiescent state yet",
                    format!("grace period {number} waits for a quiescent state of CPU {cpu}"),
                );
                lane.bar(
                    (quiescent, reported),
                    "unreported",
                    "to report",
                    format!("CPU {cpu} has passed a quiescent state, and has not reported it"),
                );
            }
            if let Some(us) = part.noticed_us {
                lane.mark(
                    us,
                    "notice",
                    format!("CPU {cpu} notices grace period {number}"),
                );
            }
            if let (Some(us), Some(cause)) = (part.quiescent_us, part.cause) {
                lane.mark(
                    us,
                    "quiescent",
                    format!("CPU {cpu}: quiescent state, {cause}"),
                );
            }
        }
    }
    lanes.into_values().collect()
}

/// Tasks that lost their CPU inside a critical section.
fn readers(periods: &[&GracePeriod], until_us: u64) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for task in periods.iter().flat_map(|period| &period.blocked) {
        let mut lane = Lane::new("readers", &task.task);
        let until = task.until_us.unwrap_or(until_us);
        let tip = format!(
            "{} (pid {}) is blocked inside a critical section",
            task.task, task.pid
        );
        lane.bar(
            (task.from_us, until),
            "reader",
            "blocked in a critical section",
            tip,
        );
        lanes.push(lane);
    }
    lanes
}

/// The callback list of each CPU, and the batches that it invokes.
fn callbacks(records: &[&Record], until_us: u64) -> Vec<Lane> {
    let mut lanes: BTreeMap<u32, (Lane, Option<u64>)> = BTreeMap::new();
    for record in records {
        let (lane, since) = lanes
            .entry(record.cpu)
            .or_insert_with(|| (Lane::new("callbacks", format!("CPU {}", record.cpu)), None));
        match &record.event {
            Event::RcuSegcbStats { lengths, .. } => lane.steps.push((record.us, *lengths)),
            Event::RcuBatchStart { .. } => *since = Some(record.us),
            Event::RcuBatchEnd { invoked } => {
                if let Some(from) = since.take().filter(|_| *invoked > 0) {
                    lane.bar(
                        (from, record.us),
                        "batch",
                        &invoked.to_string(),
                        format!("invokes {invoked} callbacks"),
                    );
                }
            }
            Event::RcuCallback { function, .. } => {
                lane.mark(
                    record.us,
                    "queue",
                    format!("{} queues {function}", record.task),
                );
            }
            _ => {}
        }
    }
    let mut lanes: Vec<_> = lanes.into_values().map(|(lane, _)| lane).collect();
    for lane in &mut lanes {
        if let Some((_, last)) = lane.steps.last().copied() {
            lane.steps.push((until_us, last));
        }
    }
    lanes
}

/// The text of a callback list.
pub fn step_tip(lengths: &[i64; 4]) -> String {
    format!("callbacks: {}", by_segment(lengths))
}
