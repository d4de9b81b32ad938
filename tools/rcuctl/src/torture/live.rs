// SPDX-License-Identifier: GPL-2.0

//! How a run goes: a bar and its figures on a terminal, a line every few seconds anywhere else.

use std::time::Duration;

use indicatif::HumanCount;

use super::report::Report;
use crate::progress::{bar, Shown};
use crate::run::State;

/// How often the figures on a terminal change.
const BAR_INTERVAL: Duration = Duration::from_secs(1);
/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const BAR: &str = "[{wide_bar}] {pos} of {len} s\n{msg}";
const SPINNER: &str = "{spinner} {pos} s, until Ctrl-C\n{msg}";

pub struct Live {
    shown: Shown,
    /// When to show something again, counted from the start of the run.
    next: Duration,
    last: Option<Look>,
}

/// What was found at the last look.
struct Look {
    at: Duration,
    counters: Vec<(String, u64)>,
}

impl Live {
    /// For a run of this length, if it has one.
    pub fn new(limit: Option<Duration>, json: bool) -> Self {
        let limit = limit.map(|limit| limit.as_secs());
        let template = limit.map_or(SPINNER, |_| BAR);
        Self::with(Shown::new(json, || bar(limit, template)))
    }

    pub fn hidden() -> Self {
        Self::with(Shown::Nothing)
    }

    fn with(shown: Shown) -> Self {
        let next = match shown {
            Shown::Lines => LINE_INTERVAL,
            Shown::Bar(_) | Shown::Nothing => Duration::ZERO,
        };
        Self {
            shown,
            next,
            last: None,
        }
    }

    pub fn update(&mut self, report: &Report, elapsed: Duration) {
        if elapsed < self.next {
            return;
        }
        match &self.shown {
            Shown::Bar(bar) => {
                self.next = elapsed + BAR_INTERVAL;
                bar.set_position(elapsed.as_secs());
                bar.set_message(format!(
                    "{}\n{}",
                    rates(report, self.last.as_ref(), elapsed),
                    state(report)
                ));
            }
            Shown::Lines => {
                self.next = elapsed + LINE_INTERVAL;
                eprintln!(
                    "{} s: {}, {}",
                    elapsed.as_secs(),
                    rates(report, self.last.as_ref(), elapsed),
                    state(report)
                );
            }
            Shown::Nothing => return,
        }
        self.last = Some(Look {
            at: elapsed,
            counters: report.counters.clone(),
        });
    }
}

/// Readers, and how fast reads, updates and grace periods go since the last look.
fn rates(report: &Report, last: Option<&Look>, elapsed: Duration) -> String {
    let since = last.map_or(Duration::ZERO, |last| last.at);
    let seconds = elapsed.saturating_sub(since).as_secs_f64();
    let rate = |name: &str| {
        let before = last.and_then(|last| {
            let mut counters = last.counters.iter();
            counters.find_map(|(other, value)| (other == name).then_some(*value))
        });
        let moved = report
            .counter(name)
            .unwrap_or(0)
            .saturating_sub(before.unwrap_or(0));
        HumanCount((moved as f64 / seconds.max(1e-3)) as u64)
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

/// The pipe as far as it is filled, and the errors.
fn state(report: &Report) -> String {
    let filled = report
        .pipe
        .iter()
        .rposition(|count| *count > 0)
        .map_or(0, |last| last + 1)
        .max(Report::OLDEST_RIGHT + 1)
        .min(report.pipe.len());
    let mut text = String::new();
    if filled > 0 {
        text.push_str("pipe");
        for count in &report.pipe[..filled] {
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
    use super::super::fake::report;
    use super::*;
    use crate::progress::style;

    #[test]
    fn the_first_look_counts_from_the_start() {
        let report = report("readers 2\nreads 3000\nupdates 40\ngrace_periods 8");
        assert_eq!(
            rates(&report, None, Duration::from_secs(2)),
            "2 readers, 1,500 reads/s, 20 updates/s, 4 grace periods/s"
        );
    }

    #[test]
    fn the_next_look_counts_from_the_last() {
        let last = Look {
            at: Duration::from_secs(2),
            counters: vec![("reads".to_string(), 3000), ("updates".to_string(), 40)],
        };
        let report = report("readers 1\nreads 13000\nupdates 40\ngrace_periods 4");
        assert_eq!(
            rates(&report, Some(&last), Duration::from_secs(4)),
            "1 reader, 5,000 reads/s, 0 updates/s, 2 grace periods/s"
        );
    }

    #[test]
    fn the_pipe_is_shown_as_far_as_it_is_filled() {
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
    fn the_bars_look_is_valid() {
        assert!(style(BAR).is_some());
        assert!(style(SPINNER).is_some());
    }
}
