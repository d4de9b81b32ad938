// SPDX-License-Identifier: GPL-2.0

//! `bench-report`: makes JSON, tables and plots of the results of `make bench`.
//!
//! ```text
//!   bench-report check-noise BEFORE          checks whether the machine is quiet; prints JSON
//!   bench-report answers GUEST               checks that all tables gave the same answers
//!   bench-report make --guest GUEST … DIR    writes DIR/bench.json and plots; prints the tables
//!   bench-report show BENCH [--markdown]     prints the tables of a document
//!   bench-report compare OLD NEW             prints which ratios of two documents agree
//! ```
//!
//! GUEST is the output of `scripts/guest/bench`, BENCH a `bench.json`.

#![forbid(unsafe_code)]

mod answers;
mod bench;
mod compare;
mod figures;
mod guest;
mod noise;
#[path = "../../../scale/quantile.rs"]
mod quantile;
mod ratio;
mod row;
mod table;
mod targets;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use bench::{Bench, Machine};
use guest::Guest;
use noise::NoiseCheck;
use table::Style;

/// Make JSON, tables and plots of the results of `make bench`
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check for some seconds whether the machine is quiet enough for measurements; print a line of
    /// JSON
    CheckNoise {
        /// Name of the measurement that follows
        before: String,
    },

    /// Fail if the answers of a peer differ from the table's
    Answers {
        /// Output of scripts/guest/bench
        guest: PathBuf,
    },

    /// Write DIR/bench.json and plots, and print the tables
    Make(Make),

    /// Print the tables of a document
    Show {
        /// A bench.json
        bench: PathBuf,

        /// Print Markdown
        #[arg(long)]
        markdown: bool,
    },

    /// Print which ratios of two documents agree within their spread
    Compare { old: PathBuf, new: PathBuf },
}

#[derive(Debug, Args)]
struct Make {
    /// Output of scripts/guest/bench; may be repeated
    #[arg(long, required = true)]
    guest: Vec<PathBuf>,

    /// Rows of user space, one JSON object per line; may be repeated
    #[arg(long)]
    user: Vec<PathBuf>,

    /// Noise checks, one JSON object per line
    #[arg(long)]
    noise: PathBuf,

    /// The runs were too short for meaningful figures
    #[arg(long)]
    quick: bool,

    /// Measured commit
    #[arg(long)]
    commit: String,

    /// Date of the run
    #[arg(long)]
    date: String,

    /// Folder to write to
    folder: PathBuf,
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("opening {}", path.display()))
}

fn read_guest(path: &Path) -> Result<Guest> {
    Guest::read(&read(path)?).with_context(|| path.display().to_string())
}

impl Make {
    fn run(&self, out: &mut impl Write) -> Result<()> {
        let guests = self
            .guest
            .iter()
            .map(|path| read_guest(path))
            .collect::<Result<Vec<_>>>()?;
        let mut user = Vec::new();
        for path in &self.user {
            user.extend(row::read_lines(&read(path)?).with_context(|| path.display().to_string())?);
        }
        let noise_checks = read(&self.noise)?
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<NoiseCheck>, _>>()
            .with_context(|| self.noise.display().to_string())?;
        let bench = Bench {
            date: self.date.clone(),
            commit: self.commit.clone(),
            quick: self.quick,
            machine: Machine::this()?,
            ..Bench::new(guests, user, noise_checks)?
        };
        fs::write(
            self.folder.join("bench.json"),
            serde_json::to_string_pretty(&bench)? + "\n",
        )?;
        figures::draw_all(&bench.rows, &self.folder)?;
        out.write_all(table::write(&bench, Style::Terminal).as_bytes())?;
        Ok(())
    }
}

fn run(command: &Command) -> Result<()> {
    let mut out = io::stdout().lock();
    match command {
        Command::CheckNoise { before } => {
            let check = NoiseCheck::run(before, noise::WATCH)?;
            eprintln!("{check}");
            writeln!(out, "{}", serde_json::to_string(&check)?)?;
        }
        Command::Answers { guest } => {
            let count = answers::compare(&read_guest(guest)?.streams)?;
            writeln!(
                out,
                "the answers of {count} streams of the peers equal the table's"
            )?;
        }
        Command::Make(make) => make.run(&mut out)?,
        Command::Show { bench, markdown } => {
            let style = match markdown {
                true => Style::Markdown,
                false => Style::Terminal,
            };
            out.write_all(table::write(&Bench::open(bench)?, style).as_bytes())?;
        }
        Command::Compare { old, new } => {
            out.write_all(compare::compare(&Bench::open(old)?, &Bench::open(new)?).as_bytes())?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe, as in `bench-report show BENCH | head`.
        Err(error) if is_closed_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-report: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_output(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
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
