// SPDX-License-Identifier: GPL-2.0

//! The module's report of scale: lines of a key and a value, with rows of `key=value`.
//!
//! ```text
//!   state idle
//!   result done                          none, done, stopped or failed 12 ENOMEM: …
//!   runs 3                               number of runs that have started
//!   kind read
//!   passed 10                            how often each row was measured so far
//!   nruns 10                             how often each row is measured
//!   loops 1048576                        a setting, as are all keys that are not listed here
//!   row kind=rcu readers=2 min=1.23 median=1.25 max=1.60 wall=1.31 dropped=4
//!   row … writer=full readers=2 min=… … dropped=0 changes=310000
//!   stream family=inet stream=a count=4096 addresses=89ab… answers=0123…
//! ```

use nix::errno::Errno;

use super::JOB;
use crate::error::Result;
use crate::run::{self, parse_report, Job, State};

/// The figures of a row. All its other keys are labels.
const FIGURES: [&str; 11] = [
    "min",
    "median",
    "p90",
    "p99",
    "max",
    "wall",
    "count",
    "dropped",
    "changes",
    "per_second",
    "behind",
];

/// A measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What was measured.
    pub labels: Vec<(String, String)>,
    /// The results; `None` if no batch was valid.
    pub figures: Vec<(&'static str, Option<f64>)>,
    /// This kernel does not have what the labels describe.
    pub is_absent: bool,
}

impl Row {
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn figure(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(other, _)| *other == name);
        found.and_then(|(_, value)| *value)
    }

    /// Parses the words after `row`; `None` if it is no row.
    fn parse(text: &str) -> Option<Self> {
        let mut row = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=')?;
            if key == "absent" {
                row.is_absent = value == "1";
            } else if let Some(name) = FIGURES.iter().find(|name| **name == key) {
                let figure = match value {
                    "-" => None,
                    value => Some(value.parse().ok()?),
                };
                row.figures.push((name, figure));
            } else {
                row.labels.push((key.to_string(), value.to_string()));
            }
        }
        (!row.labels.is_empty()).then_some(row)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub state: State,
    pub result: String,
    /// The number of runs that have started.
    pub runs: u64,
    pub kind: String,
    /// How often each row was measured.
    pub passed: u64,
    /// How often each row is measured in the whole run.
    pub wanted: u64,
    /// In the module's order.
    pub settings: Vec<(String, String)>,
    pub rows: Vec<Row>,
    /// Hashes of the addresses that were looked up, and of the answers.
    pub streams: Vec<Row>,
}

impl run::Report for Report {
    const JOB: &'static Job = &JOB;

    fn parse(text: &str) -> Result<Self> {
        let mut report = Self {
            result: "none".to_string(),
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
    /// Parses a line; `None` if the key cannot have the value.
    fn parse_line(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "result" => self.result = value.to_string(),
            "kind" => self.kind = value.to_string(),
            "passed" => self.passed = value.parse().ok()?,
            "nruns" => self.wanted = value.parse().ok()?,
            "row" => self.rows.push(Row::parse(value)?),
            "stream" => self.streams.push(Row::parse(value)?),
            _ => self.settings.push((key.to_string(), value.to_string())),
        }
        Some(())
    }

    /// The errno that ended the run.
    pub fn failure(&self) -> Option<Errno> {
        let why = self.result.strip_prefix("failed ")?;
        let errno = why.split(' ').next().unwrap_or(why).parse();
        Some(errno.map_or(Errno::UnknownErrno, Errno::from_raw))
    }

    pub fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// The row that a row is compared with.
    fn baseline(&self, row: &Row) -> Option<&Row> {
        // The baseline shares some labels with the row, and has fixed values of others.
        let (same, fixed): (&[&str], &[(&str, &str)]) = match self.kind.as_str() {
            "read" => (&["readers"], &[("kind", "rcu")]),
            "lookup" => (
                &["family", "stream"],
                &[("readers", "1"), ("writer", "none")],
            ),
            "update" => (&["family", "change"], &[("reclaim", "call")]),
            "gp" => (&[], &[("kind", "synchronize"), ("load", "idle")]),
            _ => return None,
        };
        self.rows.iter().find(|other| {
            same.iter().all(|name| other.label(name) == row.label(name))
                && fixed
                    .iter()
                    .all(|(name, value)| other.label(name) == Some(*value))
        })
    }

    /// The ratio of the row's median to that of its baseline.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let baseline = self.baseline(row)?.figure("median")?;
        Some(row.figure("median")? / baseline).filter(|ratio| ratio.is_finite())
    }
}

/// The passes of all readers per second, for rows with readers.
pub fn passes_per_second(row: &Row) -> Option<f64> {
    let readers: f64 = row.label("readers")?.parse().ok()?;
    Some(readers * 1e9 / row.figure("median")?).filter(|rate| rate.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Report as _;

    const READ: &str = "state idle\nresult done\nruns 3\nkind read\nmilliseconds 12\npassed 10\nnruns 10\nloops 4096\nreaders 2\n\
        row kind=rcu readers=1 min=1.00 median=2.00 max=9.00 wall=2.10 dropped=0\n\
        row kind=rwlock readers=1 absent=1\n\
        row kind=rcu readers=2 min=1.00 median=2.50 max=9.00 wall=2.10 dropped=7\n\
        row kind=mutex readers=2 min=40.00 median=50.00 max=90.00 wall=99.10 dropped=70\n\
        row kind=srcu readers=2 min=- median=- max=- wall=- dropped=9";

    #[test]
    fn a_report_is_parsed() {
        let report = Report::parse(READ).expect("a report");
        assert_eq!(report.state, State::Idle);
        assert_eq!((report.runs, report.passed, report.wanted), (3, 10, 10));
        let names: Vec<_> = report
            .settings
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["milliseconds", "loops", "readers"]);
        assert_eq!(report.rows.len(), 5);
        assert_eq!(report.rows[3].label("kind"), Some("mutex"));
        assert_eq!(report.rows[3].figure("dropped"), Some(70.0));
        assert!(report.rows[1].is_absent);
        assert_eq!(report.rows[4].figure("median"), None);
    }

    #[test]
    fn the_baseline_of_a_primitive_is_rcu_with_as_many_readers() {
        let report = Report::parse(READ).expect("a report");
        let ratios: Vec<_> = report.rows.iter().map(|row| report.ratio(row)).collect();
        assert_eq!(ratios, [Some(1.0), None, Some(1.0), Some(20.0), None]);
    }

    #[test]
    fn the_baseline_of_a_lookup_is_one_reader_without_a_writer() {
        let report = Report::parse(
            "state idle\nkind lookup\n\
             row family=inet stream=b writer=none readers=1 median=10\n\
             row family=inet stream=b writer=apart readers=1 median=9\n\
             row family=inet stream=b writer=full readers=1 median=11\n\
             row family=inet stream=b writer=full readers=2 median=12\n\
             row family=inet6 stream=b writer=full readers=2 median=12",
        )
        .expect("a report");
        let ratios: Vec<_> = report.rows.iter().map(|row| report.ratio(row)).collect();
        assert_eq!(ratios, [Some(1.0), Some(0.9), Some(1.1), Some(1.2), None]);
    }

    #[test]
    fn the_baseline_of_an_update_is_reclaim_by_callbacks() {
        let report = Report::parse(
            "state idle\nkind update\n\
             row family=inet reclaim=synchronize change=add count=5 median=1000 per_second=9 behind=0\n\
             row family=inet reclaim=call change=add count=5 median=10 per_second=9 behind=0\n\
             row family=inet reclaim=call change=delete count=5 median=20 per_second=9 behind=0",
        )
        .expect("a report");
        let ratios: Vec<_> = report.rows.iter().map(|row| report.ratio(row)).collect();
        assert_eq!(ratios, [Some(100.0), Some(1.0), Some(1.0)]);
    }

    #[test]
    fn the_rate_counts_all_readers() {
        let report = Report::parse(READ).expect("a report");
        assert_eq!(passes_per_second(&report.rows[2]), Some(8e8));
        assert_eq!(passes_per_second(&report.rows[4]), None);
        assert_eq!(passes_per_second(&report.rows[1]), None);
    }

    #[test]
    fn a_failed_run_has_an_errno() {
        let failure = |result: &str| {
            let report = Report::parse(&format!("state idle\nresult {result}"));
            report.expect("a report").failure()
        };
        assert_eq!(
            failure("failed 2 ENOENT: the table has no routes"),
            Some(Errno::ENOENT)
        );
        assert_eq!(failure("failed somehow"), Some(Errno::UnknownErrno));
        assert_eq!(failure("stopped"), None);
    }

    #[test]
    fn a_baseline_of_0_ns_has_no_ratio() {
        let report = Report::parse(
            "state idle\nkind read\nrow kind=rcu readers=1 median=0\nrow kind=mutex readers=1 median=5",
        )
        .expect("a report");
        assert_eq!(report.ratio(&report.rows[1]), None);
        assert_eq!(passes_per_second(&report.rows[0]), None);
    }

    #[test]
    fn malformed_reports_are_errors() {
        for text in [
            "",
            "1",
            "kind read",
            "state asleep",
            "state idle\nruns many",
            "state idle\nrow",
            "state idle\nrow kind",
            "state idle\nrow median=1",
            "state idle\nrow kind=rcu median=fast",
        ] {
            assert!(Report::parse(text).is_err(), "{text:?}");
        }
    }
}
