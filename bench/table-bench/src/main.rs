// SPDX-License-Identifier: GPL-2.0

//! `table-bench`: how fast and how large the route table is, in user space.
//!
//! ```text
//!   table-bench real ROUTES    the real internet table: load, memory, lookups, updates
//!   table-bench hostile        tables made to be as large or as slow as can be
//!   table-bench popcount       what counting bits costs without the processor's instruction
//! ```
//!
//! ROUTES is what `bgp-table routes` prints; the folder that `scripts/lab/real-table` prints has it. The
//! table is the module's own code, over liburcu and `malloc()`. To be built with `--release`:
//!
//! ```text
//! scripts/lab/in-root env CARGO_TARGET_DIR=FOLDER cargo run --release --locked \
//!     --manifest-path Cargo.toml -p table-bench -- real "$(scripts/lab/real-table)/routes"
//! ```

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use table_bench::{hostile, popcount, real, report::Report};

/// Measures the route table in user space.
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
    /// The real internet table: load, memory, lookups, updates
    Real(real::Options),

    /// Tables made to be as large or as slow as can be
    Hostile(hostile::Options),

    /// Counting bits with the processor's instruction and without
    Popcount,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cfg!(debug_assertions) {
        eprintln!("table-bench: built without --release; times mean nothing");
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
