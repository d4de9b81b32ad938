// SPDX-License-Identifier: GPL-2.0

//! What the module says of its runs: lines of a key and a value.
//!
//! ```text
//!   state running
//!   verdict SUCCESS                   of the last run that has ended
//!   runs 3                            how many have begun
//!   type rcu
//!   bug none
//!   seconds 12
//!   reads 123456                      a counter; so is every key that has no meaning here
//!   pipe 123400 56 0 0 0 0 0 0 0 0 0
//!   errors 17
//!   error 17 reader found an element 3 grace periods after it was retired
//! ```

use serde::{Serialize, Serializer};

use super::TORTURE;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::run::{parse_report, State};

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

/// One kind of error that a run has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub count: u64,
    pub text: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub state: State,
    /// Of the last run that has ended.
    pub verdict: Verdict,
    /// How many have begun.
    pub runs: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub bug: String,
    pub seconds: u64,
    /// In the module's order.
    #[serde(serialize_with = "as_map")]
    pub counters: Vec<(String, u64)>,
    /// Reads by how many grace periods old the element was at the end of the read-side critical section.
    pub pipe: Vec<u64>,
    pub errors: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Of what there is no bug.
    pub const NO_BUG: &'static str = "none";
    /// The oldest element that a right reader can hold: one that was retired, and no grace period since.
    pub const OLDEST_RIGHT: usize = 1;

    pub fn read(parameters: &impl Parameters) -> Result<Self> {
        Self::parse(&parameters.read(TORTURE)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut report = Self {
            bug: Self::NO_BUG.to_string(),
            ..Self::default()
        };
        (report.state, report.runs) = parse_report(text, |key, value| report.take(key, value))?;
        Ok(report)
    }

    /// Takes one line; `None` if the value is not what the key wants.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
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

    /// Whether the run is one that must fail.
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
mod tests {
    use super::*;

    const TEXT: &str =
        "state stopping\nverdict FAILURE\nruns 3\ntype srcu\nbug skip_gp\nseconds 12\n\
                        readers 2\nreads 99\nnew_counter 7\npipe 80 10 9 0\nerrors 9\n\
                        error 9 reader found an element 2 grace periods after it was retired";

    #[test]
    fn a_report_is_understood() {
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
    fn counters_that_are_new_keep_their_place() {
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
    fn what_is_no_report_is_an_error() {
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
