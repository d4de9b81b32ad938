// SPDX-License-Identifier: GPL-2.0

//! `bgp-table`: the real internet table as test data for the route table, with expected answers.
//!
//! ```text
//!   bgp-table routes  TABLE            > routes       routes to load
//!   bgp-table random  TABLE --count N  > routes       routes to load, with random prefixes
//!   bgp-table sample  TABLE --count N  > addresses    addresses to look up
//!   bgp-table answers TABLE addresses  > expected     expected answers of the device
//! ```
//!
//! Each line of TABLE is `PREFIX AS`; the script `fetch` prints the path of such a file. The
//! published crate `iptrie` computes the answers, so they share no code with the table under test.

#![forbid(unsafe_code)]

mod oracle;
mod prefix;
mod random;
mod route;
mod sample;
mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use oracle::Oracle;
use sample::Sample;
use table::Table;

const BUFFER: usize = 256 * 1024;

/// Converts the real internet table into routes, queries and expected answers.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the table as routes for the device, in the order of a dump
    Routes {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        gateways: Gateways,
    },

    /// Print IPv4 routes with random addresses and with the lengths of the table
    Random {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        gateways: Gateways,

        /// Number of routes
        #[arg(long)]
        count: usize,

        /// The same seed gives the same routes
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Print random addresses of both families, half of them in a prefix of the table
    Sample {
        #[command(flatten)]
        source: Source,

        /// Number of addresses
        #[arg(long)]
        count: u64,

        /// The same seed gives the same addresses
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Print the route that serves each address, as the device prints it, or `none`
    Answers {
        #[command(flatten)]
        source: Source,

        /// File with one address on each line; - is standard input
        addresses: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Source {
    /// File with `PREFIX AS` on each line
    table: PathBuf,

    /// Use only N routes of the table, spread evenly, without the default routes
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Use only IPv4 routes
    #[arg(long)]
    inet: bool,
}

#[derive(Debug, Args)]
struct Gateways {
    /// Use only N different gateways for each family, as a router has few neighbours
    #[arg(long, value_name = "N")]
    gateways: Option<NonZeroU32>,
}

impl Gateways {
    /// Prints a table with these gateways.
    fn print(&self, table: Table, out: &mut impl Write) -> Result<()> {
        let table = match self.gateways {
            Some(count) => table.with_few_gateways(count),
            None => table,
        };
        for route in table.routes() {
            writeln!(out, "{route}")?;
        }
        Ok(())
    }
}

impl Source {
    fn read(&self) -> Result<Table> {
        let name = self.table.display();
        let file = File::open(&self.table).with_context(|| format!("opening {name}"))?;
        let table = Table::read(BufReader::with_capacity(BUFFER, file))
            .with_context(|| format!("reading {name}"))?;
        let table = if self.inet { table.only_v4() } else { table };
        Ok(match self.limit {
            Some(limit) => table.subset(limit),
            None => table,
        })
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader may close the output early, as `head` does.
        Err(error) if is_closed_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bgp-table: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_output(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn run(command: &Command) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    match command {
        Command::Routes { source, gateways } => gateways.print(source.read()?, &mut out)?,
        Command::Random {
            source,
            gateways,
            count,
            seed,
        } => gateways.print(source.read()?.random(*count, *seed), &mut out)?,
        Command::Sample {
            source,
            count,
            seed,
        } => {
            let table = source.read()?;
            let mut sample = Sample::new(&table, *seed);
            for _ in 0..*count {
                writeln!(out, "{}", sample.next_address())?;
            }
        }
        Command::Answers { source, addresses } => {
            let oracle = Oracle::new(&source.read()?);
            answers(
                &oracle,
                open(addresses)?,
                &addresses.display().to_string(),
                &mut out,
            )?;
        }
    }
    out.flush()?;
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
}

/// Prints an answer for each address. Skips blank lines and comments, as `rcuctl` does.
fn answers(
    oracle: &Oracle,
    addresses: impl BufRead,
    name: &str,
    out: &mut impl Write,
) -> Result<()> {
    for (index, line) in addresses.lines().enumerate() {
        let place = || format!("{name}:{}", index + 1);
        let line = line.with_context(place)?;
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        let address = word.parse().with_context(place)?;
        match oracle.lookup(address) {
            Some(route) => writeln!(out, "{route}")?,
            None => writeln!(out, "none")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: &str) -> Result<String> {
        let table = Table::read("10.0.0.0/8 1\n10.0.0.0/9 2\n".as_bytes())?;
        let mut out = Vec::new();
        answers(
            &Oracle::new(&table),
            addresses.as_bytes(),
            "asked",
            &mut out,
        )?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn each_address_has_an_answer() {
        let text = answer("10.1.1.1\n\n# a comment\n11.0.0.0\n 10.255.0.0 \n::1\n");
        assert_eq!(
            text.expect("addresses"),
            "10.0.0.0/9 via 10.0.0.2\nnone\n10.0.0.0/8 via 10.0.0.1\nnone\n"
        );
    }

    #[test]
    fn a_bad_address_is_reported_with_its_line() {
        let error = format!(
            "{:#}",
            answer("10.1.1.1\n10.1.1\n").expect_err("no address")
        );
        assert!(error.starts_with("asked:2: "), "{error}");
    }

    #[test]
    fn a_closed_output_is_the_only_error_that_is_ignored() {
        let closed = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe));
        assert!(is_closed_output(&closed));
        assert!(!is_closed_output(&anyhow::anyhow!("anything else")));
    }
}
