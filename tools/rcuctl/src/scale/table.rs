// SPDX-License-Identifier: GPL-2.0

//! A run as a table.

use std::io::Write;

use nix::errno::Errno;

use super::report::{passes_per_second, Report, Row};
use crate::error::Result;
use crate::layout::table;
use crate::output::Output;
use crate::run::State;

pub fn show(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.runs == 0 {
        return out.line("no scale run since the module was loaded");
    }
    out.line(&heading(report))?;
    if let Some(errno) = report.failure() {
        out.line(&failure(report, errno))?;
    }
    if report.rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(report);
    let rows = std::iter::once(columns.header()).chain(columns.rows());
    // The last column holds ratios, or a remark.
    let numbers = columns.labels.len()..columns.header().len() - 1;
    let text = table(rows, |column| numbers.contains(&column), None);
    out.line(&format!("\n{text}\n"))?;
    out.line(footing(report))
}

fn heading(report: &Report) -> String {
    let Report {
        kind,
        passed,
        wanted,
        ..
    } = report;
    let settings: Vec<_> = report
        .settings
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let state = match report.state {
        State::Idle if report.has_failed() => "failed",
        State::Idle => report.result.as_str(),
        State::Running | State::Stopping => "active",
    };
    format!(
        "{kind}: {state}, {passed} of {wanted} runs ({})",
        settings.join(", ")
    )
}

fn failure(report: &Report, errno: Errno) -> String {
    let uses_table = ["lookup", "update"].contains(&report.kind.as_str());
    if uses_table && errno == Errno::ENOENT {
        return format!(
            "The run failed: the table has no routes ({errno:?}); load routes first: rcuctl route \
             load FILE"
        );
    }
    format!(
        "The run failed: {} ({errno:?}); `dmesg | tail` may say why.",
        errno.desc()
    )
}

/// The units, and the baseline of the ratios.
fn footing(report: &Report) -> &'static str {
    match report.kind.as_str() {
        "read" => "ns per section; ratio of medians to RCU with as many readers",
        "lookup" => {
            "ns per lookup; ratio of medians to one reader without a writer; \
             changes: of the writer, per second"
        }
        "update" => {
            "ns per change; ratio of medians to reclaim=call; behind: bytes that awaited reclaim"
        }
        _ => "ns; ratio of medians to synchronize on idle CPUs",
    }
}

/// The columns of a report.
struct Columns<'a> {
    report: &'a Report,
    labels: Vec<&'a str>,
    figures: Vec<&'a str>,
    /// Whether a row has passes per second.
    has_rate: bool,
}

impl<'a> Columns<'a> {
    fn of(report: &'a Report) -> Self {
        let rows = report.rows.iter();
        let labels = rows.clone().flat_map(|row| &row.labels);
        let figures = rows.clone().flat_map(|row| &row.figures);
        Self {
            report,
            labels: unique(labels.map(|(name, _)| name.as_str())),
            figures: unique(figures.map(|(name, _)| *name)),
            has_rate: rows.clone().any(|row| passes_per_second(row).is_some()),
        }
    }

    fn header(&self) -> Vec<String> {
        let rate = self.has_rate.then_some("million/s");
        let names = self.labels.iter().chain(&self.figures).copied();
        let names = names.chain(rate).chain(["ratio"]);
        names.map(String::from).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        self.report.rows.iter().map(|row| self.row(row))
    }

    fn row(&self, row: &Row) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_string());
        let label = |name: &&str| row.label(name).unwrap_or_default().to_string();
        let mut cells: Vec<_> = self.labels.iter().map(label).collect();
        let figure = |name: &&str| or_dash(self.figure(row, name));
        cells.extend(self.figures.iter().map(figure));
        if self.has_rate {
            let rate = passes_per_second(row).map(|rate| format!("{:.1}", rate / 1e6));
            cells.push(or_dash(rate));
        }
        cells.push(match row.is_absent {
            true => "not in this kernel".to_string(),
            false => or_dash(self.report.ratio(row).map(ratio_text)),
        });
        cells
    }

    /// Times of readers have fractions of nanoseconds; other times and counts are integers.
    fn figure(&self, row: &Row, name: &str) -> Option<String> {
        let is_count = ["dropped", "changes"].contains(&name);
        let has_fraction = ["lookup", "read"].contains(&self.report.kind.as_str()) && !is_count;
        let digits = if has_fraction { 2 } else { 0 };
        row.figure(name).map(|figure| format!("{figure:.digits$}"))
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

/// About three digits.
fn ratio_text(ratio: f64) -> String {
    match ratio {
        ..0.01 => format!("{ratio:.4}"),
        ..10.0 => format!("{ratio:.2}"),
        ..100.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::printed;
    use crate::run::Report as _;

    fn text(report: &str) -> String {
        let report = Report::parse(report).expect("a report");
        printed(false, |out| show(&report, out)).1
    }

    #[test]
    fn sections_have_ratios_to_rcu() {
        let text = text(
            "state idle\nresult done\nruns 1\nkind read\npassed 2\nnruns 2\nloops 4096\n\
             row kind=rcu readers=2 min=1.00 median=2.50 max=9.00 wall=2.10 dropped=7\n\
             row kind=rwlock readers=2 absent=1\n\
             row kind=mutex readers=2 min=40.00 median=50.00 max=90.00 wall=99.10 dropped=70",
        );
        assert_eq!(
            text,
            "read: done, 2 of 2 runs (loops 4096)\n\
             \n\
             kind    readers    min  median    max   wall  dropped  million/s  ratio\n\
             rcu     2         1.00    2.50   9.00   2.10        7      800.0  1.00\n\
             rwlock  2            -       -      -      -        -          -  not in this kernel\n\
             mutex   2        40.00   50.00  90.00  99.10       70       40.0  20.0\n\
             \n\
             ns per section; ratio of medians to RCU with as many readers\n"
        );
    }

    #[test]
    fn lookups_have_ratios_to_a_table_without_a_writer() {
        let text = text(
            "state idle\nresult done\nruns 1\nkind lookup\npassed 2\nnruns 2\nwriter full\n\
             row family=inet stream=b writer=none readers=1 min=9.00 median=10.00 max=11.00 wall=10.10 dropped=0\n\
             row family=inet stream=b writer=apart readers=1 min=9.50 median=10.50 max=12.00 wall=10.60 dropped=1 changes=310000\n\
             row family=inet stream=b writer=full readers=1 min=9.60 median=11.00 max=12.50 wall=11.10 dropped=2 changes=305000",
        );
        let rows: Vec<_> = text.lines().skip(3).take(3).collect();
        assert_eq!(
            rows,
            [
                "inet    b       none    1        9.00   10.00  11.00  10.10        0        -      100.0  1.00",
                "inet    b       apart   1        9.50   10.50  12.00  10.60        1   310000       95.2  1.05",
                "inet    b       full    1        9.60   11.00  12.50  11.10        2   305000       90.9  1.10",
            ]
        );
    }

    #[test]
    fn latencies_are_integers_without_a_rate() {
        let text = text(
            "state running\nresult none\nruns 1\nkind update\npassed 0\nnruns 2\n\
             row family=inet reclaim=synchronize change=add count=5 min=1 median=20000 p90=3 p99=4 max=5 per_second=50 behind=0\n\
             row family=inet reclaim=call change=add count=5 min=1 median=1024 p90=3 p99=4 max=5 per_second=9000 behind=123456",
        );
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("update: active, 0 of 2 runs ()"));
        let header = lines.nth(1).expect("a header");
        assert!(!header.contains("million/s"), "{header}");
        let row = lines.nth(1).expect("a row");
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells[3..5], ["5", "1"]);
        assert_eq!(cells.last(), Some(&"1.00"));
        assert!(cells.contains(&"123456"), "{row}");
    }

    #[test]
    fn a_failed_run_has_its_errno_and_refers_to_the_log() {
        let text = text("state idle\nresult failed 12\nruns 1\nkind lookup\npassed 0\nnruns 2");
        assert!(text.contains("ENOMEM") && text.contains("dmesg"), "{text}");
    }

    #[test]
    fn an_empty_table_needs_routes() {
        for kind in ["lookup", "update"] {
            let text = text(&format!("state idle\nresult failed 2\nruns 1\nkind {kind}"));
            assert!(
                text.contains("load routes first: rcuctl route load FILE"),
                "{text}"
            );
            assert!(text.contains("ENOENT") && !text.contains("dmesg"), "{text}");
        }
    }

    #[test]
    fn ratios_have_about_three_digits() {
        let texts = [0.0005, 0.5, 1.25, 12.345, 1234.5].map(ratio_text);
        assert_eq!(texts, ["0.0005", "0.50", "1.25", "12.3", "1234"]);
    }
}
