// SPDX-License-Identifier: GPL-2.0

//! The progress of a run.

use std::time::Duration;

use super::report::Report;
use crate::progress::{bar, Intervals, Meter};

const INTERVALS: Intervals = Intervals {
    bar: Duration::ZERO,
    lines: Duration::from_secs(5),
};

const BAR: &str = "[{wide_bar}] {pos} of {len} runs  {elapsed}";

pub struct Live(Meter);

impl Live {
    pub fn new(json: bool) -> Self {
        Self(Meter::new(json, INTERVALS, || bar(Some(0), BAR)))
    }

    #[cfg(test)]
    pub fn hidden() -> Self {
        Self(Meter::hidden())
    }

    pub fn update(&mut self, report: &Report, elapsed: Duration) {
        self.0.update(
            elapsed,
            |bar| {
                bar.set_length(report.wanted);
                bar.set_position(report.passed);
            },
            || line(report, elapsed),
        );
    }
}

fn line(report: &Report, elapsed: Duration) -> String {
    let Report { passed, wanted, .. } = report;
    format!("{} s: {passed} of {wanted} runs", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::style;
    use crate::run::Report as _;

    #[test]
    fn a_line_has_the_completed_and_the_wanted_runs() {
        let report = Report::parse("state running\npassed 3\nnruns 10").expect("a report");
        assert_eq!(line(&report, Duration::from_secs(7)), "7 s: 3 of 10 runs");
    }

    #[test]
    fn the_bar_template_is_valid() {
        assert!(style(BAR).is_some());
    }
}
