// SPDX-License-Identifier: GPL-2.0

//! A run as a table for people.

use std::io::Write;

use super::report::{passes_per_second, Report, Row};
use crate::error::Result;
use crate::output::Output;
use crate::run::State;

/// What there is.
pub fn show(report: &Report, out: &mut Output<impl Write>) -> Result<()> {
    if report.runs == 0 {
        return out.line("no scale run since the module was loaded");
    }
    out.line(&heading(report))?;
    if let Some(errno) = report.failure() {
        out.line(&format!(
            "It failed: {} ({errno:?}); `dmesg | tail` has more about it.",
            errno.desc()
        ))?;
    }
    if report.rows.is_empty() {
        return Ok(());
    }
    let header = header(report);
    let body = report.rows.iter().map(|row| cells(report, row));
    let lines: Vec<_> = std::iter::once(header).chain(body).collect();
    let labels = labels(report).len();
    out.line("")?;
    for line in aligned(&lines, labels) {
        out.line(&line)?;
    }
    out.line("")?;
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
        State::Running | State::Stopping => "goes on",
    };
    format!(
        "{kind}: {state}, {passed} of {wanted} runs ({})",
        settings.join(", ")
    )
}

/// What the ratio is about.
fn footing(report: &Report) -> &'static str {
    match report.kind.as_str() {
        "read" => "ns a section, of min, median and max; × RCU with as many readers, by medians",
        "lookup" => {
            "ns a lookup, of min, median and max; × the same with one reader and no writer; \
             changes: the writer's, a second"
        }
        "update" => {
            "ns a change; × the same with reclaim=call; behind: bytes that waited to be reclaimed"
        }
        _ => "ns; × synchronize on idle CPUs",
    }
}

/// Names of labels, in the order of the first row that has them.
fn labels(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in report.rows.iter().flat_map(|row| &row.labels) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// Names of figures, likewise.
fn figures(report: &Report) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, _) in report.rows.iter().flat_map(|row| &row.figures) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

fn has_rate(report: &Report) -> bool {
    report
        .rows
        .iter()
        .any(|row| passes_per_second(row).is_some())
}

fn header(report: &Report) -> Vec<String> {
    let mut names: Vec<_> = labels(report).into_iter().map(String::from).collect();
    names.extend(figures(report).into_iter().map(String::from));
    if has_rate(report) {
        names.push("million/s".to_string());
    }
    names.push("ratio".to_string());
    names
}

fn cells(report: &Report, row: &Row) -> Vec<String> {
    let label = |name: &str| row.label(name).unwrap_or("").to_string();
    let mut cells: Vec<_> = labels(report).into_iter().map(label).collect();
    if row.is_absent {
        cells.push("- not in this kernel".to_string());
        return cells;
    }
    let is_time = |name| {
        ["lookup", "read"].contains(&report.kind.as_str())
            && !["dropped", "changes"].contains(&name)
    };
    let figure = |name| match row.figure(name) {
        Some(figure) if is_time(name) => format!("{figure:.2}"),
        Some(figure) => format!("{figure:.0}"),
        None => "-".to_string(),
    };
    cells.extend(figures(report).into_iter().map(figure));
    if has_rate(report) {
        let rate = passes_per_second(row).map(|rate| format!("{:.1}", rate / 1e6));
        cells.push(rate.unwrap_or_else(|| "-".to_string()));
    }
    let ratio = report.ratio(row).map(ratio_text);
    cells.push(ratio.unwrap_or_else(|| "-".to_string()));
    cells
}

/// Three digits or so.
fn ratio_text(ratio: f64) -> String {
    match ratio {
        ..0.01 => format!("{ratio:.4}"),
        ..10.0 => format!("{ratio:.2}"),
        ..100.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

/// Lines of cells, the first `left` of them to the left, all others to the right of their columns. A last cell that
/// stands for several is left alone.
fn aligned(lines: &[Vec<String>], left: usize) -> Vec<String> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let has_cell = |line: &&Vec<String>| column < left || line.len() == columns;
        let cells = lines.iter().filter(has_cell);
        let widths = cells.filter_map(|line| Some(line.get(column)?.chars().count()));
        widths.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let one = |line: &Vec<String>| {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, &width))| match (column < left, line.len() == columns) {
                    (true, _) => format!("{cell:<width$}"),
                    (false, true) => format!("{cell:>width$}"),
                    (false, false) => cell.clone(),
                },
            );
        let cells: Vec<_> = cells.collect();
        cells.join("  ").trim_end().to_string()
    };
    lines.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::printed;

    fn text(report: &str) -> String {
        let report = Report::parse(report).expect("a report");
        printed(false, |out| show(&report, out)).1
    }

    #[test]
    fn sections_are_compared_with_rcu() {
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
             rcu     2         1.00    2.50   9.00   2.10        7      800.0   1.00\n\
             rwlock  2        - not in this kernel\n\
             mutex   2        40.00   50.00  90.00  99.10       70       40.0   20.0\n\
             \n\
             ns a section, of min, median and max; × RCU with as many readers, by medians\n"
        );
    }

    #[test]
    fn lookups_are_compared_with_nobody_who_writes() {
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
                "inet    b       none    1        9.00   10.00  11.00  10.10        0        -      100.0   1.00",
                "inet    b       apart   1        9.50   10.50  12.00  10.60        1   310000       95.2   1.05",
                "inet    b       full    1        9.60   11.00  12.50  11.10        2   305000       90.9   1.10",
            ]
        );
    }

    #[test]
    fn latencies_are_whole_nanoseconds_and_have_no_rate_of_their_own() {
        let text = text(
            "state running\nresult none\nruns 1\nkind update\npassed 0\nnruns 2\n\
             row family=inet reclaim=synchronize change=add count=5 min=1 median=20000 p90=3 p99=4 max=5 per_second=50 behind=0\n\
             row family=inet reclaim=call change=add count=5 min=1 median=1024 p90=3 p99=4 max=5 per_second=9000 behind=123456",
        );
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("update: goes on, 0 of 2 runs ()"));
        let header = lines.nth(1).expect("a header");
        assert!(!header.contains("million/s"), "{header}");
        let row = lines.nth(1).expect("a row");
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells[3..5], ["5", "1"]);
        assert_eq!(cells.last(), Some(&"1.00"));
        assert!(cells.contains(&"123456"), "{row}");
    }

    #[test]
    fn a_failed_run_says_where_more_is() {
        let text = text("state idle\nresult failed 2\nruns 1\nkind lookup\npassed 0\nnruns 2");
        assert!(text.contains("ENOENT") && text.contains("dmesg"), "{text}");
    }

    #[test]
    fn ratios_have_some_digits() {
        let texts = [0.0005, 0.5, 1.25, 12.345, 1234.5].map(ratio_text);
        assert_eq!(texts, ["0.0005", "0.50", "1.25", "12.3", "1234"]);
    }
}
