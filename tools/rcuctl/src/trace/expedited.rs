// SPDX-License-Identifier: GPL-2.0

//! Collects the events of expedited grace periods (`kernel/rcu/tree_exp.h`).

use serde::Serialize;

use super::event::Event;
use super::grace_period::Moment;
use super::record::Record;

/// An expedited grace period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expedited {
    /// Its start, by the task that requested it.
    pub started: Moment,
    pub selected_us: Option<u64>,
    pub waits_us: Option<u64>,
    pub ended: Option<Moment>,
    pub woken_us: Option<u64>,
}

impl Expedited {
    /// Microseconds from its start to its end.
    pub fn duration_us(&self) -> Option<u64> {
        Some(self.ended.as_ref()?.us.saturating_sub(self.started.us))
    }
}

/// Assembles expedited grace periods. One runs at a time.
#[derive(Debug, Default)]
pub struct ExpeditedTracker(Vec<Expedited>);

impl ExpeditedTracker {
    pub fn add(&mut self, record: &Record) {
        let Event::RcuExpGracePeriod { what, .. } = &record.event else {
            return;
        };
        if what == "start" {
            self.0.push(Expedited {
                started: record.into(),
                selected_us: None,
                waits_us: None,
                ended: None,
                woken_us: None,
            });
        }
        let Some(last) = self.0.last_mut() else {
            return;
        };
        match what.as_str() {
            "select" => last.selected_us = Some(record.us),
            "startwait" => last.waits_us = Some(record.us),
            "end" => last.ended = Some(record.into()),
            "endwake" => last.woken_us = Some(record.us),
            _ => {}
        }
    }

    pub fn all(&self) -> &[Expedited] {
        &self.0
    }
}
