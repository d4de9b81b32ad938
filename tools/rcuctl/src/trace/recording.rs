// SPDX-License-Identifier: GPL-2.0

//! The events of a run, and the grace periods assembled from them.

use super::event::Event;
use super::expedited::{Expedited, ExpeditedTracker};
use super::grace_period::{GracePeriod, Tracker};
use super::record::{Line, Record};

/// The limit of kept events: about 100 MB. Further events count as lost.
const MAX_RECORDS: usize = 500_000;

#[derive(Debug, Default)]
pub struct Recording {
    /// Whether to keep the events and grace periods. `trace` may print events for days.
    keeps_records: bool,
    records: Vec<Record>,
    tracker: Tracker,
    expedited: ExpeditedTracker,
    lost: u64,
    /// The level of the tree's leaves, from the events so far.
    leaf_level: u32,
}

impl Recording {
    pub fn new(keeps_records: bool) -> Self {
        Self {
            keeps_records,
            ..Self::default()
        }
    }

    /// Adds a line of `trace_pipe`. Returns its event.
    pub fn add(&mut self, line: &str) -> Option<Record> {
        match Line::parse(line) {
            Line::Record(record) => {
                if let Event::RcuGracePeriodInit { node, .. } = &record.event {
                    self.leaf_level = self.leaf_level.max(node.level);
                }
                if self.keeps_records {
                    self.keep(&record);
                }
                Some(record)
            }
            Line::Lost { events, .. } => {
                self.lost = self.lost.saturating_add(events);
                None
            }
            Line::Ignored => None,
        }
    }

    fn keep(&mut self, record: &Record) {
        if self.records.len() == MAX_RECORDS {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.tracker.add(record);
        self.expedited.add(record);
        self.records.push(record.clone());
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The number of events that the kernel overwrote, or that exceed the limit.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub fn periods(&self) -> &[GracePeriod] {
        self.tracker.ended()
    }

    pub fn expedited(&self) -> &[Expedited] {
        self.expedited.all()
    }

    /// The first grace period that has ended, of those that began at or after a time.
    pub fn first_since(&self, us: u64) -> Option<&GracePeriod> {
        self.periods().iter().find(|period| period.started.us >= us)
    }

    /// The longest grace period that ended.
    pub fn longest(&self) -> Option<&GracePeriod> {
        self.periods()
            .iter()
            .max_by_key(|period| period.duration_us())
    }

    pub fn leaf_level(&self) -> u32 {
        self.leaf_level
    }
}
