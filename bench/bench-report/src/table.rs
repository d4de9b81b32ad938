// SPDX-License-Identifier: GPL-2.0

//! Tables for people: aligned for a terminal, or in Markdown.

use std::fmt::Write;

use crate::bars::Outcome;
use crate::bench::Bench;
use crate::ratio::times;
use crate::row::{Row, Spread, LABELS};

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    Terminal,
    Markdown,
}

/// Labels that the title of a table has.
const TITLE: [&str; 2] = ["world", "part"];

/// Figures, in the order in which tables have them.
const FIGURES: [&str; 13] = [
    "min",
    "median",
    "p90",
    "p99",
    "max",
    "wall",
    "per_second",
    "behind",
    "mib",
    "seconds",
    "count",
    "dropped",
    "changes",
];

/// What the parts are called, and the unit of what has no unit of its own.
const PARTS: [(&str, &str); 8] = [
    ("lookup", "lookups, ns each"),
    ("latency", "latency of single lookups, ns"),
    ("update", "changes, ns each"),
    ("read", "an empty read-side critical section, ns"),
    ("gp", "grace periods, ns"),
    ("memory", "memory"),
    ("fill", "loading"),
    ("load", "a dependent load, ns"),
];

/// A table of text: the head first.
struct Text(Vec<Vec<String>>);

/// As many decimals as mean something.
pub fn number(figure: f64) -> String {
    match figure {
        figure if figure.fract() == 0.0 || figure.abs() >= 1000.0 => format!("{figure:.0}"),
        figure if figure.abs() >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

/// A value, and what its runs are apart.
pub fn spread(spread: Spread) -> String {
    format!(
        "{} ({}–{})",
        number(spread.value),
        number(spread.low),
        number(spread.high)
    )
}

impl Text {
    fn write(&self, style: Style) -> String {
        let columns = self.0.first().map_or(0, Vec::len);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| {
            self.0
                .iter()
                .map(|row| cell(row, column).chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (number, row) in self.0.iter().enumerate() {
            let cells = widths
                .iter()
                .enumerate()
                .map(|(column, width)| format!("{:<width$}", cell(row, column)));
            let cells: Vec<String> = cells.collect();
            let line = match style {
                Style::Terminal => cells.join("  ").trim_end().to_string(),
                Style::Markdown => format!("| {} |", cells.join(" | ")),
            };
            text += &(line + "\n");
            if number == 0 && style == Style::Markdown {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                text += &format!("| {} |\n", rules.join(" | "));
            }
        }
        text
    }
}

/// The rows of one part of one world.
fn part(rows: &[&Row]) -> Text {
    let has = |key: &&str| rows.iter().any(|row| row.label(key).is_some());
    let labels: Vec<&str> = LABELS
        .iter()
        .copied()
        .filter(|key| !TITLE.contains(key))
        .filter(has)
        .collect();
    let figures: Vec<&str> = FIGURES.iter().copied().filter(has).collect();
    let percentiles = rows
        .iter()
        .map(|row| row.pairs("percentiles"))
        .max_by_key(Vec::len)
        .unwrap_or_default();
    let has_times = rows.iter().any(|row| times(row).is_some());

    let mut head: Vec<String> = labels
        .iter()
        .chain(&figures)
        .map(ToString::to_string)
        .collect();
    head.extend(percentiles.iter().map(|(percent, _)| format!("p{percent}")));
    head.extend(has_times.then(|| "times".to_string()));
    let mut lines = vec![head];
    for row in rows {
        let mut line: Vec<String> = labels
            .iter()
            .map(|key| row.label(key).unwrap_or_default())
            .collect();
        line.extend(
            figures
                .iter()
                .map(|key| row.number(key).map(number).unwrap_or_default()),
        );
        let own = row.pairs("percentiles");
        let of = |percent: f64| {
            own.iter()
                .find(|pair| pair.0 == percent)
                .map(|pair| number(pair.1))
        };
        line.extend(
            percentiles
                .iter()
                .map(|(percent, _)| of(*percent).unwrap_or_default()),
        );
        line.extend(has_times.then(|| times(row).map(spread).unwrap_or_default()));
        lines.push(line);
    }
    Text(lines)
}

fn bars(outcomes: &[Outcome]) -> Text {
    let mut lines = vec![["bar", "target", "measured", "verdict"]
        .map(String::from)
        .to_vec()];
    for bar in outcomes {
        let measured = match (bar.low, bar.value, bar.high) {
            (Some(low), Some(value), Some(high)) => spread(Spread { low, value, high }),
            _ => "-".into(),
        };
        let target = format!("{} {}", bar.target, bar.unit);
        lines.push(vec![bar.what.clone(), target, measured, bar.verdict()]);
    }
    Text(lines)
}

fn title(style: Style, text: &str) -> String {
    match style {
        Style::Terminal => format!("\n{text}\n\n"),
        Style::Markdown => format!("\n### {text}\n\n"),
    }
}

/// What was measured on, and whether to trust it.
fn preface(bench: &Bench) -> String {
    let machine = &bench.machine;
    let mut text = format!(
        "{}, {} CPUs, {} MiB; {}; commit {}; {}\n",
        machine.processor, machine.cpus, machine.memory_mib, bench.kernel, bench.commit, bench.date
    );
    let _ = writeln!(
        text,
        "{} streams of peers have the same answers as the table.",
        bench.compared
    );
    if bench.quick {
        text += "TOO LITTLE WAS MEASURED TO MEAN ANYTHING: --quick.\n";
    }
    let loud: Vec<_> = bench.looks.iter().filter(|look| !look.holds()).collect();
    match loud.is_empty() {
        true => text += "The machine was quiet each time that it was looked at.\n",
        false => text += "THE MACHINE WAS NOT QUIET: take the figures for what they are.\n",
    }
    for look in loud {
        let _ = writeln!(text, "  {look}");
    }
    text
}

/// The whole document.
pub fn write(bench: &Bench, style: Style) -> String {
    let mut text = preface(bench);
    for world in ["kernel", "user"] {
        for (name, words) in PARTS {
            let labels = format!("world={world} part={name}");
            let rows: Vec<&Row> = bench
                .rows
                .iter()
                .filter(|row| row.matches(&labels))
                .collect();
            if !rows.is_empty() {
                text += &title(style, &format!("{world}: {words}"));
                text += &part(&rows).write(style);
            }
        }
    }
    text += "\n`times`: how many times the figure of our table it is, or of RCU; in brackets, how far apart runs were.\n";
    text += &title(style, "Bars");
    text += &bars(&bench.bars).write(style);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::example;

    #[test]
    fn text_is_aligned() {
        let rows = [["a", "long"], ["wider", "b"]].map(|row| row.map(String::from).to_vec());
        let text = Text(rows.to_vec());
        assert_eq!(text.write(Style::Terminal), "a      long\nwider  b\n");
        let expected = "| a     | long |\n| ----- | ---- |\n| wider | b    |\n";
        assert_eq!(text.write(Style::Markdown), expected);
    }

    #[test]
    fn each_row_is_there_with_its_ratio() {
        let text = write(&example(), Style::Terminal);
        let line = |words: &[&str]| {
            let mut lines = text.lines();
            lines
                .find(|line| words.iter().all(|word| line.contains(word)))
                .map(ToString::to_string)
        };
        let line =
            |words: &[&str]| line(words).unwrap_or_else(|| panic!("{words:?} is not in\n{text}"));
        assert!(line(&["fib_trie", " b ", "inet", "260"]).ends_with("11 (11–13)"));
        assert!(line(&["update", "table"].map(|_| "call")).contains("700"));
        line(&["p50", "p99.9"]);
        line(&["sample", "100000", "3.40"]);
    }

    #[test]
    fn a_missed_bar_is_seen() {
        let text = write(&example(), Style::Terminal);
        let line = text
            .lines()
            .find(|line| line.starts_with("inet lookup, stream b: fib_trie"));
        let line = line.expect("the bar");
        let words: Vec<&str> = line.split("  ").filter(|word| !word.is_empty()).collect();
        let words: Vec<&str> = words.iter().map(|word| word.trim()).collect();
        assert_eq!(words[1..], ["≥ 12 ×", "11 (11–13)", "MISSED by 8 %"]);
    }

    #[test]
    fn a_machine_that_is_not_quiet_is_told_first() {
        let mut bench = example();
        assert!(!write(&bench, Style::Terminal).contains("NOT QUIET"));
        bench.looks[0].busy = 0.4;
        let text = write(&bench, Style::Terminal);
        let place = text.find("THE MACHINE WAS NOT QUIET").expect("a warning");
        assert!(place < text.find("kernel: lookups").expect("a table"));
        assert!(text.contains("others use 40.0 %"));
    }

    #[test]
    fn a_quick_run_is_told_from_others() {
        let mut bench = example();
        assert!(!write(&bench, Style::Terminal).contains("--quick"));
        bench.quick = true;
        assert!(write(&bench, Style::Terminal).contains("MEAN ANYTHING: --quick"));
    }

    #[test]
    fn numbers_have_the_decimals_that_mean_something() {
        assert_eq!(
            [1234.5, 56.78, 5.678, 3.0].map(number),
            ["1234", "56.8", "5.68", "3"]
        );
    }
}
