// SPDX-License-Identifier: GPL-2.0

//! `bench-report`: what `make bench` measured, as one document, as tables and as plots.
//!
//! ```text
//!   bench-report quiet BEFORE                a look at the machine, as a line of JSON; in words on standard error
//!   bench-report answers GUEST               whether all tables have answered the same
//!   bench-report make --guest GUEST … DIR    DIR/bench.json and plots; prints the tables
//!   bench-report show BENCH [--markdown]     the tables of a document
//!   bench-report compare OLD NEW             which ratios of two documents agree
//! ```
//!
//! GUEST is what `scripts/guest/bench` printed, BENCH a `bench.json`.

#![forbid(unsafe_code)]

mod answers;
mod bars;
mod bench;
mod compare;
mod figures;
mod guest;
mod plot;
#[path = "../../../scale/quantile.rs"]
mod quantile;
mod quiet;
mod ratio;
mod row;
mod table;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use bench::{Bench, Machine};
use guest::Guest;
use quiet::Quiet;
use table::Style;

/// Turns what `make bench` measured into JSON, tables and plots.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for some seconds whether the machine is quiet enough to measure on
    Quiet {
        /// What is measured next
        before: String,
    },

    /// Fail if a peer's answers are not those of the table
    Answers {
        /// What the guest printed
        guest: PathBuf,
    },

    /// Write DIR/bench.json and plots, and print the tables
    Make(Make),

    /// Print the tables of a document
    Show {
        /// A bench.json
        bench: PathBuf,

        /// In Markdown
        #[arg(long)]
        markdown: bool,
    },

    /// Say which ratios of two documents agree within their spread
    Compare { old: PathBuf, new: PathBuf },
}

#[derive(Debug, Args)]
struct Make {
    /// What a guest printed; may be repeated
    #[arg(long, required = true)]
    guest: Vec<PathBuf>,

    /// Rows of user space, a JSON object a line; may be repeated
    #[arg(long)]
    user: Vec<PathBuf>,

    /// Looks at the machine, a JSON object a line
    #[arg(long)]
    quiet: PathBuf,

    /// Too little was measured to mean anything
    #[arg(long)]
    quick: bool,

    /// The commit that was measured
    #[arg(long)]
    commit: String,

    /// When
    #[arg(long)]
    date: String,

    /// Where to write
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
        let looks = read(&self.quiet)?;
        let looks = looks
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Quiet>, _>>();
        let bench = Bench {
            date: self.date.clone(),
            commit: self.commit.clone(),
            quick: self.quick,
            machine: Machine::this()?,
            ..Bench::new(
                guests,
                user,
                looks.with_context(|| self.quiet.display().to_string())?,
            )?
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
        Command::Quiet { before } => {
            let quiet = Quiet::look(before, quiet::WATCH)?;
            eprintln!("{quiet}");
            writeln!(out, "{}", serde_json::to_string(&quiet)?)?;
        }
        Command::Answers { guest } => {
            let count = answers::compare(&read_guest(guest)?.streams)?;
            writeln!(
                out,
                "{count} streams of peers have the same answers as the table"
            )?;
        }
        Command::Make(make) => make.run(&mut out)?,
        Command::Show { bench, markdown } => {
            let style = if *markdown {
                Style::Markdown
            } else {
                Style::Terminal
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
        // Whoever read the output has seen enough, as with `| head`.
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
