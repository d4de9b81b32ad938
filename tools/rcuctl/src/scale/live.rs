// SPDX-License-Identifier: GPL-2.0

//! How far a run is: a bar on a terminal, a line every few seconds anywhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::report::Report;
use crate::progress::on_terminal;

/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const BAR: &str = "[{wide_bar}] {pos} of {len} runs  {elapsed}";

pub struct Live {
    shown: Shown,
    /// When to show something again, counted from the start of the run.
    next: Duration,
}

enum Shown {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Live {
    /// With JSON there is nothing but the result.
    pub fn new(json: bool) -> Self {
        if json {
            Self::hidden()
        } else if on_terminal() {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            Self::with(Shown::Bar(bar), Duration::ZERO)
        } else {
            Self::with(Shown::Lines, LINE_INTERVAL)
        }
    }

    pub fn hidden() -> Self {
        Self::with(Shown::Nothing, Duration::ZERO)
    }

    fn with(shown: Shown, next: Duration) -> Self {
        Self { shown, next }
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

impl Drop for Live {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
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
