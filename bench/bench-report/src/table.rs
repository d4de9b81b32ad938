// SPDX-License-Identifier: GPL-2.0

//! Formats a document as tables, for a terminal or in Markdown.

use std::fmt::Write;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::Table;

use crate::bench::Bench;
use crate::ratio::times;
use crate::row::{Row, Spread, LABELS};
use crate::targets::Outcome;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    Terminal,
    Markdown,
}

/// The labels in the title of a table; they have no column.
const TITLE: [&str; 2] = ["world", "part"];

/// The figures, in the order of their columns.
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

/// The title of each part.
const PARTS: [(&str, &str); 10] = [
    ("lookup", "lookups, ns each"),
    ("latency", "latency of single lookups, ns"),
    ("update", "updates, ns each"),
    ("read", "empty read-side critical sections, ns each"),
    ("gp", "grace periods, ns"),
    ("memory", "memory"),
    ("fill", "loading the table"),
    ("dump", "dumping the table"),
    ("flush", "flushing the table"),
    ("load", "dependent memory loads, ns each"),
];

/// Formats a figure with about three significant digits.
pub fn number(figure: f64) -> String {
    match figure {
        figure if figure.fract() == 0.0 || figure.abs() >= 1000.0 => format!("{figure:.0}"),
        figure if figure.abs() >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

/// Formats a value and its range.
pub fn spread(spread: Spread) -> String {
    format!(
        "{} ({}–{})",
        number(spread.value),
        number(spread.low),
        number(spread.high)
    )
}

fn aligned(mut table: Table, style: Style) -> String {
    match style {
        Style::Terminal => {
            table.load_preset(NOTHING);
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
        }
        Style::Markdown => {
            table.load_preset(ASCII_MARKDOWN);
        }
    }
    table.trim_fmt() + "\n"
}

/// The name of a column, and the text of its cell for a row.
type Column = (String, Box<dyn Fn(&Row) -> String>);

/// The columns of the labels and figures that any of the rows has.
fn columns(rows: &[&Row]) -> Vec<Column> {
    let has = |key: &str| rows.iter().any(|row| row.label(key).is_some());
    let mut columns: Vec<Column> = Vec::new();
    for key in LABELS {
        if !TITLE.contains(&key) && has(key) {
            let cell = move |row: &Row| row.label(key).unwrap_or_default();
            columns.push((key.into(), Box::new(cell)));
        }
    }
    for key in FIGURES.into_iter().filter(|key| has(key)) {
        let cell = move |row: &Row| row.number(key).map(number).unwrap_or_default();
        columns.push((key.into(), Box::new(cell)));
    }
    let percentiles = rows.iter().map(|row| row.pairs("percentiles"));
    for (percent, _) in percentiles.max_by_key(Vec::len).unwrap_or_default() {
        let cell = move |row: &Row| {
            let pairs = row.pairs("percentiles");
            let pair = pairs.iter().find(|pair| pair.0 == percent);
            pair.map(|pair| number(pair.1)).unwrap_or_default()
        };
        columns.push((format!("p{percent}"), Box::new(cell)));
    }
    if rows.iter().any(|row| times(row).is_some()) {
        let cell = |row: &Row| times(row).map(spread).unwrap_or_default();
        columns.push(("times".into(), Box::new(cell)));
    }
    columns
}

fn part_table(rows: &[&Row]) -> Table {
    let columns = columns(rows);
    let mut table = Table::new();
    table.set_header(columns.iter().map(|(name, _)| name));
    for row in rows {
        table.add_row(columns.iter().map(|(_, cell)| cell(row)));
    }
    table
}

fn target_table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.set_header(["", "target", "measured", "verdict"]);
    for outcome in outcomes {
        let measured = match (outcome.low, outcome.value, outcome.high) {
            (Some(low), Some(value), Some(high)) => spread(Spread { low, value, high }),
            _ => "-".into(),
        };
        let target = format!("{} {}", outcome.target, outcome.unit);
        table.add_row([outcome.what.clone(), target, measured, outcome.verdict()]);
    }
    table
}

fn title(style: Style, text: &str) -> String {
    match style {
        Style::Terminal => format!("\n{text}\n\n"),
        Style::Markdown => format!("\n### {text}\n\n"),
    }
}

/// The machine, the commit, and whether the figures are trustworthy.
fn preface(bench: &Bench) -> String {
    let machine = &bench.machine;
    let mut text = format!(
        "{}, {} CPUs, {} MiB; {}; commit {}; {}\n",
        machine.processor, machine.cpus, machine.memory_mib, bench.kernel, bench.commit, bench.date
    );
    let _ = writeln!(
        text,
        "The answers of {} streams of the peers equal the table's.",
        bench.compared
    );
    if bench.quick {
        text += "THE FIGURES MEAN NOTHING: --quick runs are too short.\n";
    }
    let checks = &bench.noise_checks;
    match bench.is_quiet {
        true => text += "The machine was quiet at each noise check.\n",
        false => text += "THE MACHINE WAS NOT QUIET: figures may be off.\n",
    }
    for check in checks.iter().filter(|check| !check.is_quiet()) {
        let _ = writeln!(text, "  {check}");
    }
    text
}

/// Formats a whole document.
pub fn write(bench: &Bench, style: Style) -> String {
    let mut text = preface(bench);
    for world in ["kernel", "user"] {
        for (part, part_title) in PARTS {
            let labels = format!("world={world} part={part}");
            let rows: Vec<&Row> = bench
                .rows
                .iter()
                .filter(|row| row.matches(&labels))
                .collect();
            if !rows.is_empty() {
                text += &title(style, &format!("{world}: {part_title}"));
                text += &aligned(part_table(&rows), style);
            }
        }
    }
    text += "\n`times`: the figure divided by that of this table, or of RCU; in brackets, the range of the runs.\n";
    text += &title(style, "Targets");
    text += &aligned(target_table(&bench.outcomes), style);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::example;

    #[test]
    fn columns_are_aligned_in_text_and_markdown() {
        let mut table = Table::new();
        table.set_header(["a", "long"]).add_row(["wider", "b"]);
        let text = aligned(table.clone(), Style::Terminal);
        assert_eq!(text, "a      long\nwider  b\n");
        let expected = "| a     | long |\n|-------|------|\n| wider | b    |\n";
        assert_eq!(aligned(table, Style::Markdown), expected);
    }

    #[test]
    fn each_row_is_printed_with_its_ratio() {
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
    fn a_missed_target_is_printed() {
        let text = write(&example(), Style::Terminal);
        let line = text
            .lines()
            .find(|line| line.starts_with("inet lookup, stream b: fib_trie"));
        let line = line.expect("the target");
        let words: Vec<&str> = line.split("  ").filter(|word| !word.is_empty()).collect();
        let words: Vec<&str> = words.iter().map(|word| word.trim()).collect();
        assert_eq!(words[1..], ["≥ 16 ×", "11 (11–13)", "MISSED by 31 %"]);
    }

    #[test]
    fn a_warning_about_noise_precedes_the_tables() {
        let mut bench = example();
        assert!(!write(&bench, Style::Terminal).contains("NOT QUIET"));
        bench.noise_checks[0].busy = 0.4;
        bench.is_quiet = false;
        let text = write(&bench, Style::Terminal);
        let place = text.find("THE MACHINE WAS NOT QUIET").expect("a warning");
        assert!(place < text.find("kernel: lookups").expect("a table"));
        assert!(text.contains("other programs use 40.0 %"));
    }

    #[test]
    fn a_quick_run_has_a_warning() {
        let mut bench = example();
        assert!(!write(&bench, Style::Terminal).contains("--quick"));
        bench.quick = true;
        assert!(write(&bench, Style::Terminal).contains("MEAN NOTHING: --quick"));
    }

    #[test]
    fn numbers_are_rounded_by_their_size() {
        assert_eq!(
            [1234.5, 56.78, 5.678, 3.0].map(number),
            ["1234", "56.8", "5.68", "3"]
        );
    }
}
