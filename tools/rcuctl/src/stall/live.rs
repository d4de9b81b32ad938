// SPDX-License-Identifier: GPL-2.0

//! The progress of a stall.

use std::time::{Duration, Instant};

use crate::progress::{bar, Intervals, Meter};

const INTERVALS: Intervals = Intervals {
    bar: Duration::ZERO,
    lines: Duration::from_secs(5),
};

const SPINNER: &str = "{spinner} {msg}";

/// What rcuctl waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first line of the kernel's report.
    Waiting,
    /// The rest of the report.
    Reporting,
    /// The end of the stall.
    Stopping,
}

pub struct Live {
    meter: Meter,
    kind: String,
    since: Instant,
    limit: Duration,
    phase: Option<Phase>,
}

impl Live {
    pub fn new(json: bool) -> Self {
        Self::with(Meter::new(json, INTERVALS, || bar(None, SPINNER)))
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        Self::with(Meter::hidden())
    }

    fn with(meter: Meter) -> Self {
        Self {
            meter,
            kind: String::new(),
            since: Instant::now(),
            limit: Duration::ZERO,
            phase: None,
        }
    }

    /// Another try starts. The kernel's line must come within `limit` of the first start.
    pub fn start(&mut self, kind: &str, tries: u32, limit: Duration) {
        self.kind = match tries {
            1 => kind.to_string(),
            _ => format!("{kind}, try {tries}"),
        };
        self.limit = limit;
        self.phase = None;
    }

    pub fn update(&mut self, phase: Phase) {
        if self.phase.replace(phase) != Some(phase) {
            self.meter.expedite();
        }
        let elapsed = self.since.elapsed();
        let text = || text(&self.kind, phase, elapsed, self.limit);
        self.meter.update(
            elapsed,
            |spinner| {
                spinner.set_message(text());
                spinner.tick();
            },
            text,
        );
    }
}

fn text(kind: &str, phase: Phase, elapsed: Duration, limit: Duration) -> String {
    let phase = match phase {
        Phase::Waiting => format!(
            "waiting up to {} s for the kernel's report",
            limit.as_secs()
        ),
        Phase::Reporting => "reading the kernel's report".to_string(),
        Phase::Stopping => "stopping the stall".to_string(),
    };
    format!("{kind}: {} s; {phase}", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_phase() {
        let text = |phase| {
            let (elapsed, limit) = (Duration::from_millis(3900), Duration::from_secs(44));
            text("tasks", phase, elapsed, limit)
        };
        assert_eq!(
            text(Phase::Waiting),
            "tasks: 3 s; waiting up to 44 s for the kernel's report"
        );
        assert_eq!(
            text(Phase::Reporting),
            "tasks: 3 s; reading the kernel's report"
        );
        assert_eq!(text(Phase::Stopping), "tasks: 3 s; stopping the stall");
    }

    #[test]
    fn the_spinner_template_is_valid() {
        assert!(crate::progress::style(SPINNER).is_some());
    }
}
