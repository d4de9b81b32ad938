// SPDX-License-Identifier: GPL-2.0

//! How far a run is: a bar on a terminal, a line every few seconds anywhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::report::Report;
use crate::progress::Shown;

/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const BAR: &str = "[{wide_bar}] {pos} of {len} runs  {elapsed}";

pub struct Live {
    shown: Shown,
    /// When to print a line again, counted from the start of the run.
    next: Duration,
}

impl Live {
    pub fn new(json: bool) -> Self {
        Self::with(Shown::new(json, bar))
    }

    pub fn hidden() -> Self {
        Self::with(Shown::Nothing)
    }

    fn with(shown: Shown) -> Self {
        Self {
            shown,
            next: LINE_INTERVAL,
        }
    }

    pub fn update(&mut self, report: &Report, elapsed: Duration) {
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_length(report.wanted);
                bar.set_position(report.passed);
            }
            Shown::Lines if elapsed >= self.next => {
                self.next = elapsed + LINE_INTERVAL;
                eprintln!("{}", line(report, elapsed));
            }
            Shown::Lines | Shown::Nothing => {}
        }
    }
}

fn bar() -> ProgressBar {
    // The template is a constant; a bar of another look is no reason to stop.
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn line(report: &Report, elapsed: Duration) -> String {
    let Report { passed, wanted, .. } = report;
    format!("{} s: {passed} of {wanted} runs", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let report = Report::parse("state running\npassed 3\nnruns 10").expect("a report");
        assert_eq!(line(&report, Duration::from_secs(7)), "7 s: 3 of 10 runs");
    }
}
