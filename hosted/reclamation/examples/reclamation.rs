// SPDX-License-Identifier: GPL-2.0

//! Compares schemes of deferred reclamation for one route table: the cost of lookups and updates, and
//! the memory behind a reader that does not end. Prints a table, and draws a plot on request.
//!
//! Each scheme runs in a process of its own, because a process has one flavour of liburcu.
//! `docs/rcu/reclamation.md` explains the results. Build with `--release` for meaningful figures.

#![forbid(unsafe_code)]

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{bail, ensure, Context, Result};
use bench_report::plot::{draw, Axis, Panel, Series};
use clap::Parser;
use comfy_table::{presets::ASCII_MARKDOWN, CellAlignment, Table};
use reclamation::{baseline, behind_a_stalled_reader, cost, Behind, Cost, Name, Scheme, Visitor};
use serde::{Deserialize, Serialize};

/// Compares schemes of deferred reclamation for one route table.
#[derive(Parser)]
struct Options {
    /// The most readers, each on a CPU of its own if there are enough. Default: the number of CPUs.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    readers: Option<u32>,
    /// The duration of each measurement.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..), value_name = "MILLISECONDS")]
    duration_ms: u32,
    /// The number of updates behind the reader that does not end.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    updates: u32,
    /// Draw the results as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure one scheme and print it as JSON, for the process that compares them.
    #[arg(long, hide = true)]
    scheme: Option<String>,
}

/// The results of one scheme.
#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    /// The time of a lookup in nanoseconds, with 1, 2, … readers.
    lookups: Vec<f64>,
    /// The time of a lookup, with the most readers and an updater.
    updated_lookup: f64,
    updates_per_second: f64,
    points: Vec<(usize, usize)>,
    updates: usize,
    live: usize,
    bytes: usize,
}

struct Measure<'a> {
    readers: usize,
    options: &'a Options,
}

impl Measure<'_> {
    fn duration(&self) -> Duration {
        Duration::from_millis(self.options.duration_ms.into())
    }
}

impl Visitor for Measure<'_> {
    type Output = Row;

    fn visit<S: Scheme>(self, name: Name) -> Row {
        let cost = |readers, is_updated| cost::<S>(readers, is_updated, self.duration());
        let lookups = (1..=self.readers).map(|readers| cost(readers, false).lookup_ns);
        let lookups = lookups.collect();
        let Cost {
            lookup_ns,
            updates_per_second,
        } = cost(self.readers, true);
        let Behind {
            points,
            updates,
            live,
            bytes,
            ..
        } = behind_a_stalled_reader::<S>(self.options.updates as usize, name.bound());
        Row {
            name: name.text().into(),
            lookups,
            updated_lookup: lookup_ns,
            updates_per_second,
            points,
            updates,
            live,
            bytes,
        }
    }
}

/// Measures a scheme in a process of its own.
fn in_own_process(name: Name) -> Result<Row> {
    let program = env::current_exe().context("the path of this program")?;
    let output = Command::new(program)
        .args(env::args_os().skip(1))
        .args(["--scheme", name.text()])
        .output()
        .context("starting the measurement of a scheme")?;
    if !output.status.success() {
        bail!(
            "{}: {}: {}",
            name.text(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the results of {}", name.text()))
}

/// Formats a figure with about three significant digits.
fn number(figure: f64) -> String {
    match figure {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

fn table(readers: usize, baselines: &[f64], rows: &[Row], updates: u32) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    let many = match readers {
        1 => "1 reader".into(),
        readers => format!("{readers} readers"),
    };
    table.set_header([
        "scheme".into(),
        "1 reader".into(),
        many.clone(),
        format!("{many}, updater"),
        "updates/s".into(),
        "updates behind a stalled reader".into(),
        "tables not freed".into(),
        "KiB".into(),
    ]);
    let most = baselines.len() - 1;
    table.add_row([
        "no protection".into(),
        "1.00".into(),
        "1.00".into(),
        "-".into(),
        "-".into(),
        "-".into(),
        "-".into(),
        "-".to_string(),
    ]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            number(row.lookups[0] / baselines[0]),
            number(row.lookups[most] / baselines[most]),
            number(row.updated_lookup / baselines[most]),
            number(row.updates_per_second),
            match row.updates < updates as usize {
                true => format!("{}: the updater is blocked", row.updates),
                false => row.updates.to_string(),
            },
            row.live.to_string(),
            (row.bytes / 1024).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn draw_plot(path: &Path, baselines: &[f64], rows: &[Row], updates: u32) -> Result<()> {
    let by_readers = |times: &[f64]| -> Vec<(f64, f64)> {
        let numbered = times.iter().enumerate();
        numbered
            .map(|(at, time)| (at as f64 + 1.0, *time))
            .collect()
    };
    let lookups = rows.iter().map(|row| Series {
        name: row.name.clone(),
        points: by_readers(&row.lookups),
    });
    let baseline = Series {
        name: "no protection".into(),
        points: by_readers(baselines),
    };
    let memory = rows.iter().map(|row| Series {
        name: row.name.clone(),
        // A blocked updater leaves the tables as they are.
        points: (row.points.iter())
            .map(|&(updates, live)| (updates as f64, live as f64))
            .chain((row.updates < updates as usize).then_some((updates.into(), row.live as f64)))
            .collect(),
    });
    let panels = [
        Panel {
            title: "Lookups, ns each".into(),
            x: Axis::count("readers"),
            y: Axis::linear("ns"),
            series: lookups.chain([baseline]).collect(),
            is_falling: false,
        },
        Panel {
            title: "Tables not freed behind a stalled reader".into(),
            x: Axis::linear("updates"),
            y: Axis::log("tables"),
            series: memory.collect(),
            is_falling: false,
        },
    ];
    ensure!(draw(path, &panels)?, "nothing to draw");
    Ok(())
}

fn main() -> Result<()> {
    let options = Options::parse();
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let readers = options.readers.map_or(cpus, |readers| readers as usize);
    let measure = Measure {
        readers,
        options: &options,
    };
    if let Some(text) = &options.scheme {
        let name = Name::of(text).with_context(|| format!("no scheme {text}"))?;
        let row = name.visit(measure);
        println!("{}", serde_json::to_string(&row)?);
        return Ok(());
    }
    let duration = measure.duration();
    let baselines: Vec<f64> = (1..=readers)
        .map(|readers| baseline(readers, duration))
        .collect();
    let rows = Name::ALL.map(in_own_process);
    let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
    println!(
        "The time of a lookup, as a multiple of one without protection ({} ns with 1 reader), and the \
         memory after {} updates behind a reader that does not end; {cpus} CPUs",
        number(baselines[0]),
        options.updates,
    );
    println!("{}", table(readers, &baselines, &rows, options.updates));
    if let Some(path) = &options.svg {
        draw_plot(path, &baselines, &rows, options.updates)?;
    }
    Ok(())
}
