// SPDX-License-Identifier: GPL-2.0

//! The module's report of torture: lines of a key and a value.
//!
//! ```text
//!   state running
//!   verdict SUCCESS                   of the latest run that has ended
//!   runs 3                            number of runs that have started
//!   type rcu
//!   bug none
//!   seconds 12
//!   reads 123456                      a counter, as are all keys that are not listed here
//!   pipe 123400 56 0 0 0 0 0 0 0 0 0
//!   errors 17
//!   error 17 reader found an element 3 grace periods after it was retired
//! ```

use serde::{Serialize, Serializer};

use super::JOB;
use crate::error::Result;
use crate::run::{self, parse_report, Job, State};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Verdict {
    #[default]
    #[serde(rename = "none")]
    None,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "FAILURE")]
    Failure,
}

/// A kind of error that a run has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub count: u64,
    pub text: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub state: State,
    /// Of the latest run that has ended.
    pub verdict: Verdict,
    /// The number of runs that have started.
    pub runs: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub bug: String,
    pub seconds: u64,
    /// In the module's order.
    #[serde(serialize_with = "as_map")]
    pub counters: Vec<(String, u64)>,
    /// Reads by the age of the element, in grace periods, at the end of the critical section.
    pub pipe: Vec<u64>,
    pub errors: u64,
    pub findings: Vec<Finding>,
}

impl run::Report for Report {
    const JOB: &'static Job = &JOB;

    fn parse(text: &str) -> Result<Self> {
        let mut report = Self {
            bug: Self::NO_BUG.to_string(),
            ..Self::default()
        };
        (report.state, report.runs) =
            parse_report(text, |key, value| report.parse_line(key, value))?;
        Ok(report)
    }

    fn state(&self) -> State {
        self.state
    }

    fn runs(&self) -> u64 {
        self.runs
    }
}

impl Report {
    const NO_BUG: &'static str = "none";
    /// A reader may hold an element that was retired, if no grace period has ended since then.
    pub const MAX_VALID_AGE: usize = 1;

    /// Parses a line; `None` if the key cannot have the value.
    fn parse_line(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "verdict" => {
                self.verdict = match value {
                    "none" => Verdict::None,
                    "SUCCESS" => Verdict::Success,
                    "FAILURE" => Verdict::Failure,
                    _ => return None,
                }
            }
            "type" => self.kind = value.to_string(),
            "bug" => self.bug = value.to_string(),
            "seconds" => self.seconds = value.parse().ok()?,
            "pipe" => {
                let counts = value.split_whitespace().map(str::parse);
                self.pipe = counts.collect::<std::result::Result<_, _>>().ok()?;
            }
            "errors" => self.errors = value.parse().ok()?,
            "error" => {
                let (count, text) = value.split_once(' ')?;
                self.findings.push(Finding {
                    count: count.parse().ok()?,
                    text: text.to_string(),
                });
            }
            _ => self.counters.push((key.to_string(), value.parse().ok()?)),
        }
        Some(())
    }

    pub fn counter(&self, name: &str) -> Option<u64> {
        self.counters
            .iter()
            .find_map(|(other, value)| (other == name).then_some(*value))
    }

    /// Whether the run injects a bug, so that it must fail.
    pub fn has_bug(&self) -> bool {
        self.bug != Self::NO_BUG
    }
}

fn as_map<S: Serializer>(
    counters: &[(String, u64)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(counters.iter().map(|(name, value)| (name, value)))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::run::Report as _;

    /// Parses the report of an idle module.
    pub fn report(lines: &str) -> Report {
        Report::parse(&format!("state idle\n{lines}")).expect("a report")
    }

    const TEXT: &str =
        "state stopping\nverdict FAILURE\nruns 3\ntype srcu\nbug skip_gp\nseconds 12\n\
                        readers 2\nreads 99\nnew_counter 7\npipe 80 10 9 0\nerrors 9\n\
                        error 9 reader found an element 2 grace periods after it was retired";

    #[test]
    fn a_report_is_parsed() {
        let report = Report::parse(TEXT).expect("a report");
        assert_eq!(report.state, State::Stopping);
        assert_eq!(report.verdict, Verdict::Failure);
        assert_eq!((report.runs, report.seconds, report.errors), (3, 12, 9));
        assert_eq!(
            (report.kind.as_str(), report.bug.as_str()),
            ("srcu", "skip_gp")
        );
        assert_eq!(report.counter("reads"), Some(99));
        assert_eq!(report.pipe, [80, 10, 9, 0]);
        assert_eq!(report.findings[0].count, 9);
        assert!(report.findings[0].text.ends_with("retired"));
        assert!(report.has_bug());
    }

    #[test]
    fn unknown_counters_keep_their_order() {
        let report = Report::parse(TEXT).expect("a report");
        let names: Vec<_> = report
            .counters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["readers", "reads", "new_counter"]);
        assert_eq!(report.counter("new_counter"), Some(7));
    }

    #[test]
    fn malformed_reports_are_errors() {
        for text in [
            "",
            "1",
            "reads 1",
            "state asleep",
            "state idle\nverdict MAYBE",
            "state idle\nreads many",
            "state idle\npipe 1 x",
            "state idle\nerror something",
            "state idle\nseconds -1",
        ] {
            assert!(Report::parse(text).is_err(), "{text:?}");
        }
    }
}
