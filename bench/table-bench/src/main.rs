// SPDX-License-Identifier: GPL-2.0

//! `table-bench`: measures time and memory of the route table in user space.
//!
//! ```text
//!   table-bench real ROUTES    the real internet table: load, memory, lookups, updates
//!   table-bench hostile        tables with the largest or slowest nodes
//!   table-bench stretch ROUTES  the longest time without a reschedule point, by operation
//!   table-bench popcount       counting bits with and without the processor's instruction
//! ```
//!
//! ROUTES is the output of `bgp-table routes`; `scripts/lab/real-table` prints a folder with it.
//! The table is the module's own code, over liburcu and `malloc()`. Build it with `--release`:
//!
//! ```text
//! scripts/lab/in-root env CARGO_TARGET_DIR=FOLDER cargo run --release --locked \
//!     --manifest-path Cargo.toml -p table-bench -- real "$(scripts/lab/real-table)/routes"
//! ```

#![deny(unsafe_code)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use table_bench::{hostile, popcount, real, report::Report, stretch};

/// Measure the route table in user space
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the real internet table: load, memory, lookups, updates
    Real(real::Options),

    /// Measure tables with the largest or slowest nodes
    Hostile(hostile::Options),

    /// Measure the longest time that each operation computes without a reschedule point
    Stretch(stretch::Options),

    /// Measure counting bits with and without the processor's instruction
    Popcount,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cfg!(debug_assertions) {
        eprintln!("table-bench: built without --release; times are not meaningful");
    }
    let mut report = Report::new(cli.json);
    let done = run(&cli.command, &mut report).and_then(|()| report.finish());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("table-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, report: &mut Report) -> Result<()> {
    match command {
        Command::Real(options) => real::run(options, report),
        Command::Hostile(options) => hostile::run(options, report),
        Command::Stretch(options) => stretch::run(options, report),
        Command::Popcount => {
            popcount::run(report);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
