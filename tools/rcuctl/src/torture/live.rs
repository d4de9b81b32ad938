// SPDX-License-Identifier: GPL-2.0

//! The progress of a run: the rates since the previous update, and the errors so far.

use std::time::Duration;

use indicatif::HumanCount;

use super::report::Report;
use crate::progress::{bar, Intervals, Meter};
use crate::run::State;

const INTERVALS: Intervals = Intervals {
    bar: Duration::from_secs(1),
    lines: Duration::from_secs(5),
};

const BAR: &str = "[{wide_bar}] {pos} of {len} s\n{msg}";
const SPINNER: &str = "{spinner} {pos} s, until Ctrl-C\n{msg}";

pub struct Live {
    meter: Meter,
    last: Option<Sample>,
}

/// The counters at the previous update.
struct Sample {
    elapsed: Duration,
    counters: Vec<(String, u64)>,
}

impl Live {
    /// For a run of this length, if it has a limit.
    pub fn new(limit: Option<Duration>, json: bool) -> Self {
        let limit = limit.map(|limit| limit.as_secs());
        let template = limit.map_or(SPINNER, |_| BAR);
        let meter = Meter::new(json, INTERVALS, || bar(limit, template));
        Self { meter, last: None }
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        let meter = Meter::hidden();
        Self { meter, last: None }
    }

    pub fn update(&mut self, report: &Report, elapsed: Duration) {
        let rates = || rates(report, self.last.as_ref(), elapsed);
        let is_shown = self.meter.update(
            elapsed,
            |bar| {
                bar.set_position(elapsed.as_secs());
                bar.set_message(format!("{}\n{}", rates(), state(report)));
            },
            || format!("{} s: {}, {}", elapsed.as_secs(), rates(), state(report)),
        );
        if is_shown {
            self.last = Some(Sample {
                elapsed,
                counters: report.counters.clone(),
            });
        }
    }
}

/// The readers, and the rates of reads, updates and grace periods since the last sample.
fn rates(report: &Report, last: Option<&Sample>, elapsed: Duration) -> String {
    let since = last.map_or(Duration::ZERO, |last| last.elapsed);
    let seconds = elapsed.saturating_sub(since).as_secs_f64();
    let rate = |name: &str| {
        let before = last.and_then(|last| {
            let mut counters = last.counters.iter();
            counters.find_map(|(other, value)| (other == name).then_some(*value))
        });
        let now = report.counter(name).unwrap_or(0);
        let difference = now.saturating_sub(before.unwrap_or(0));
        HumanCount((difference as f64 / seconds.max(1e-3)) as u64)
    };
    let readers = match report.counter("readers").unwrap_or(0) {
        1 => "1 reader".to_string(),
        readers => format!("{readers} readers"),
    };
    format!(
        "{readers}, {} reads/s, {} updates/s, {} grace periods/s",
        rate("reads"),
        rate("updates"),
        rate("grace_periods"),
    )
}

/// The pipe up to its last count, and the errors.
fn state(report: &Report) -> String {
    let last = report.pipe.iter().rposition(|count| *count > 0);
    let shown = last.unwrap_or(0).max(Report::MAX_VALID_AGE) + 1;
    let mut text = String::new();
    if !report.pipe.is_empty() {
        text.push_str("pipe");
        for count in report.pipe.iter().take(shown) {
            text.push_str(&format!(" {}", HumanCount(*count)));
        }
        text.push_str(", ");
    }
    text.push_str(&format!("{} errors", HumanCount(report.errors)));
    if report.state == State::Stopping {
        text.push_str(", stopping");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;
    use crate::progress::style;

    #[test]
    fn rates_of_the_first_sample_count_from_the_start() {
        let report = report("readers 2\nreads 3000\nupdates 40\ngrace_periods 8");
        assert_eq!(
            rates(&report, None, Duration::from_secs(2)),
            "2 readers, 1,500 reads/s, 20 updates/s, 4 grace periods/s"
        );
    }

    #[test]
    fn rates_of_the_next_sample_count_from_the_last() {
        let last = Sample {
            elapsed: Duration::from_secs(2),
            counters: vec![("reads".to_string(), 3000), ("updates".to_string(), 40)],
        };
        let report = report("readers 1\nreads 13000\nupdates 40\ngrace_periods 4");
        assert_eq!(
            rates(&report, Some(&last), Duration::from_secs(4)),
            "1 reader, 5,000 reads/s, 0 updates/s, 2 grace periods/s"
        );
    }

    #[test]
    fn the_pipe_is_shown_up_to_its_last_count() {
        assert_eq!(
            state(&report("pipe 5000 0 0 0\nerrors 0")),
            "pipe 5,000 0, 0 errors"
        );
        assert_eq!(
            state(&report("pipe 5 1 0 2 0\nerrors 2")),
            "pipe 5 1 0 2, 2 errors"
        );
        assert_eq!(state(&report("errors 0")), "0 errors");
    }

    #[test]
    fn bar_templates_are_valid() {
        assert!(style(BAR).is_some());
        assert!(style(SPINNER).is_some());
    }
}
