// SPDX-License-Identifier: GPL-2.0

//! Reports of one cause.

use stall_decode::{Culprit, Event, Timeline};

use crate::excerpt::Excerpt;

/// The reports that share an incident number.
#[derive(Debug)]
pub(crate) struct Incident {
    pub(crate) number: u64,
    pub(crate) timeline: Timeline,
    pub(crate) entries: Vec<Entry>,
}

/// A report and its lines of the log.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) event: Event,
    pub(crate) excerpt: Excerpt,
}

impl Incident {
    pub(crate) fn new(event: Event, lines: &[&[u8]]) -> Self {
        let mut incident = Self {
            number: event.incident,
            timeline: Timeline::new(),
            entries: Vec::new(),
        };
        incident.add(event, lines);
        incident
    }

    pub(crate) fn add(&mut self, event: Event, lines: &[&[u8]]) {
        self.timeline.add(&event);
        let excerpt = Excerpt::new(lines, &event);
        self.entries.push(Entry { event, excerpt });
    }

    /// Returns the index of the report whose story stands for the incident: a cause rather than a
    /// consequence, then the surest blame. Of several reports of one condition it is the last one,
    /// which has most facts, such as the duration.
    pub(crate) fn main(&self) -> usize {
        let ranks = self.entries.iter().map(rank).enumerate();
        let first = ranks.min_by_key(|(at, rank)| (*rank, *at));
        let first = first.map_or(0, |(at, _)| at);
        let Some(chosen) = self.entries.get(first) else {
            return 0;
        };
        let is_same = |entry: &Entry| {
            entry.event.kind == chosen.event.kind && entry.event.blame == chosen.event.blame
        };
        self.entries.iter().rposition(is_same).unwrap_or(first)
    }
}

/// Returns the rank of a report in the choice of [`Incident::main`]. The least rank wins.
fn rank(entry: &Entry) -> (bool, bool, u8) {
    let blame = &entry.event.blame;
    let sure = match blame.sure {
        "certain" => 0,
        "likely" => 1,
        _ => 2,
    };
    (
        blame.culprit == Culprit::OtherEvent,
        blame.culprit == Culprit::Unknown,
        sure,
    )
}
