// SPDX-License-Identifier: GPL-2.0

//! Collects the events of each grace period: its request, the quiescent states of CPUs and tasks,
//! its end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cause::{Activities, Cause};
use super::event::{Event, Node};
use super::record::Record;

/// The time and place of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    pub us: u64,
    pub cpu: u32,
    pub task: String,
    pub pid: u32,
}

impl From<&Record> for Moment {
    fn from(record: &Record) -> Self {
        Self {
            us: record.us,
            cpu: record.cpu,
            task: record.task.clone(),
            pid: record.pid,
        }
    }
}

/// The CPUs or nodes that a grace period waits for at a node, when its initialisation sets them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    pub us: u64,
    pub node: Node,
    pub mask: u64,
}

/// A CPU during a grace period. A CPU that sleeps may notice neither its start nor its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpuPart {
    pub noticed_us: Option<u64>,
    pub quiescent_us: Option<u64>,
    pub cause: Option<Cause>,
    /// The time of the report of its quiescent state to its leaf.
    pub reported_us: Option<u64>,
}

/// A task that lost its CPU inside a critical section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocked {
    pub task: String,
    pub pid: u32,
    pub cpu: u32,
    pub from_us: u64,
    pub until_us: Option<u64>,
    /// The first grace period that waits for it, as [`counter`].
    #[serde(skip)]
    first: i64,
}

/// A report of quiescent states to a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub us: u64,
    pub cpu: u32,
    pub node: Node,
    pub mask: u64,
    pub left: u64,
    pub has_tasks: bool,
}

/// A grace period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GracePeriod {
    /// Its number as the kernel prints it while the grace period runs.
    pub gp_seq: i64,
    pub requested: Option<Moment>,
    pub started: Moment,
    pub waits: Vec<Wait>,
    pub cpus: BTreeMap<u32, CpuPart>,
    pub blocked: Vec<Blocked>,
    pub reports: Vec<Report>,
    /// Start and end of each scan for quiescent states.
    pub scans_us: Vec<(u64, u64)>,
    pub ended: Option<Moment>,
}

impl GracePeriod {
    fn new(record: &Record, gp_seq: i64, requested: Option<Moment>) -> Self {
        Self {
            gp_seq,
            requested,
            started: record.into(),
            waits: Vec::new(),
            cpus: BTreeMap::new(),
            blocked: Vec::new(),
            reports: Vec::new(),
            scans_us: Vec::new(),
            ended: None,
        }
    }

    /// Microseconds from its start to its end.
    pub fn duration_us(&self) -> Option<u64> {
        Some(self.ended.as_ref()?.us.saturating_sub(self.started.us))
    }

    /// The level of the nodes that have CPUs below them.
    pub fn leaf_level(&self) -> u32 {
        self.waits
            .iter()
            .map(|wait| wait.node.level)
            .max()
            .unwrap_or(0)
    }

    /// The leaf with the CPU, and the CPU's bit there. If the events of the leaves are lost, the root
    /// seems to be a leaf with more CPUs than a mask has bits.
    fn bit_of(&self, cpu: u32) -> impl Fn(&Node, u64) -> bool {
        let leaf_level = self.leaf_level();
        move |node, mask| {
            let shift = cpu.checked_sub(node.first_cpu);
            let bit = shift.and_then(|shift| 1_u64.checked_shl(shift));
            node.level == leaf_level
                && cpu <= node.last_cpu
                && bit.is_some_and(|bit| mask & bit != 0)
        }
    }

    /// Whether the grace period waited for the CPU when it began.
    pub fn waits_for(&self, cpu: u32) -> bool {
        let has_bit = self.bit_of(cpu);
        self.waits.iter().any(|wait| has_bit(&wait.node, wait.mask))
    }
}

/// A gp_seq without its state, which are the two lowest bits (`RCU_SEQ_STATE_MASK`). A grace period
/// has the same counter from its start to its end.
pub fn counter(gp_seq: i64) -> i64 {
    gp_seq >> 2
}

/// Whether the state of a gp_seq is that of a running grace period.
fn runs(gp_seq: i64) -> bool {
    gp_seq & 3 != 0
}

/// The grace period whose end makes a snapshot of the sequence complete (`rcu_seq_snap()`).
pub fn counter_with_end(gp_seq: i64) -> i64 {
    counter(gp_seq) - 1
}

/// Assembles grace periods from events in the order of time.
#[derive(Debug, Default)]
pub struct Tracker {
    activities: Activities,
    requests: BTreeMap<i64, Moment>,
    running: Option<GracePeriod>,
    open_readers: Vec<Blocked>,
    ended: Vec<GracePeriod>,
}

impl Tracker {
    pub fn add(&mut self, record: &Record) {
        self.activities.add(record);
        match &record.event {
            Event::RcuGracePeriod { gp_seq, what } => self.step(record, *gp_seq, what),
            Event::RcuGracePeriodInit { node, mask, .. } => {
                let wait = Wait {
                    us: record.us,
                    node: *node,
                    mask: *mask,
                };
                self.with_running(|running| running.waits.push(wait));
            }
            Event::RcuFqs { of_cpu, what, .. } if what == "dti" => {
                self.quiescent(*of_cpu, record.us, Cause::Extended);
            }
            Event::RcuQuiescentStateReport { .. } => self.report(record),
            Event::RcuPreemptTask { reader, gp_seq } => self.block(record, *reader, *gp_seq),
            Event::RcuUnlockPreemptedTask {
                reader,
                at_start: false,
                ..
            } => self.unblock(*reader, record.us),
            _ => {}
        }
    }

    /// The grace periods that have ended, in order.
    pub fn ended(&self) -> &[GracePeriod] {
        &self.ended
    }

    fn with_running(&mut self, change: impl FnOnce(&mut GracePeriod)) {
        if let Some(running) = &mut self.running {
            change(running);
        }
    }

    fn step(&mut self, record: &Record, gp_seq: i64, what: &str) {
        let us = record.us;
        match what {
            "newreq" => {
                let counter = counter(gp_seq) + i64::from(runs(gp_seq));
                self.requests
                    .entry(counter)
                    .or_insert_with(|| record.into());
            }
            "start" => {
                let requested = self.requests.remove(&counter(gp_seq));
                self.running = Some(GracePeriod::new(record, gp_seq, requested));
            }
            "end" => self.end(record),
            "fqsstart" => self.with_running(|running| running.scans_us.push((us, us))),
            "fqsend" => self.with_running(|running| {
                if let Some((_, end)) = running.scans_us.last_mut() {
                    *end = us;
                }
            }),
            "cpustart" => self.with_running(|running| {
                running.cpus.entry(record.cpu).or_default().noticed_us = Some(us);
            }),
            "cpuqs" => self.quiescent(record.cpu, us, self.activities.cause(record)),
            _ => {}
        }
    }

    /// Notes the first quiescent state of a CPU.
    fn quiescent(&mut self, cpu: u32, us: u64, cause: Cause) {
        self.with_running(|running| {
            let part = running.cpus.entry(cpu).or_default();
            if part.quiescent_us.is_none() {
                part.quiescent_us = Some(us);
                part.cause = Some(cause);
            }
        });
    }

    fn report(&mut self, record: &Record) {
        let Event::RcuQuiescentStateReport {
            mask,
            left,
            node,
            has_tasks,
            ..
        } = record.event
        else {
            return;
        };
        self.with_running(|running| {
            for cpu in (node.first_cpu..=node.last_cpu).take(u64::BITS as usize) {
                if running.bit_of(cpu)(&node, mask) {
                    let part = running.cpus.entry(cpu).or_default();
                    part.reported_us.get_or_insert(record.us);
                }
            }
            running.reports.push(Report {
                us: record.us,
                cpu: record.cpu,
                node,
                mask,
                left,
                has_tasks,
            });
        });
    }

    fn block(&mut self, record: &Record, reader: u32, gp_seq: i64) {
        // The event of the end of its last critical section may be lost.
        self.open_readers.retain(|open| open.pid != reader);
        self.open_readers.push(Blocked {
            task: record.task.clone(),
            pid: reader,
            cpu: record.cpu,
            from_us: record.us,
            until_us: None,
            first: match runs(gp_seq) {
                true => counter(gp_seq),
                false => counter_with_end(gp_seq),
            },
        });
    }

    fn unblock(&mut self, reader: u32, us: u64) {
        let Some(at) = self.open_readers.iter().position(|open| open.pid == reader) else {
            return;
        };
        let mut blocked = self.open_readers.remove(at);
        blocked.until_us = Some(us);
        self.with_running(|running| {
            if blocked.first <= counter(running.gp_seq) {
                running.blocked.push(blocked);
            }
        });
    }

    fn end(&mut self, record: &Record) {
        if let Some(mut running) = self.running.take() {
            running.ended = Some(record.into());
            self.ended.push(running);
        }
    }
}
