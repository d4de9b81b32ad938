// SPDX-License-Identifier: GPL-2.0

//! `bgp-table`: the real internet table as input for the route table, and the answers to expect.
//!
//! ```text
//!   bgp-table routes  TABLE            > routes       what to load
//!   bgp-table random  TABLE --count N  > routes       what to load instead: prefixes that are nobody's
//!   bgp-table sample  TABLE --count N  > addresses    what to ask
//!   bgp-table answers TABLE addresses  > expected     what the device has to answer
//! ```
//!
//! TABLE has `PREFIX AS` a line; the script `fetch` prints where such a file is. The answers come
//! from the published crate `iptrie` and share no code with the table under test.

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

/// Turns the real internet table into routes, queries and expected answers.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the table as routes for the device: inet first, by address, then by length
    Routes {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        gateways: Gateways,
    },

    /// Print IPv4 routes at uniformly random addresses, with lengths as frequent as in the table
    Random {
        #[command(flatten)]
        source: Source,

        #[command(flatten)]
        gateways: Gateways,

        /// How many routes
        #[arg(long)]
        count: usize,

        /// The same seed gives the same routes
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Print random addresses of both families: half of them anywhere, half in a prefix of the table
    Sample {
        #[command(flatten)]
        source: Source,

        /// How many addresses
        #[arg(long)]
        count: u64,

        /// The same seed gives the same addresses
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Print for each address the route that serves it, as the device prints it, or `none`
    Answers {
        #[command(flatten)]
        source: Source,

        /// Addresses, one a line; - is standard input
        addresses: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Source {
    /// The table: `PREFIX AS` a line
    table: PathBuf,

    /// Take only N routes of the table, spread evenly; it then has no default route
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Take IPv4 alone
    #[arg(long)]
    inet: bool,
}

#[derive(Debug, Args)]
struct Gateways {
    /// Have only N different gateways for each family, as a router has few neighbours
    #[arg(long, value_name = "N")]
    gateways: Option<NonZeroU32>,
}

impl Gateways {
    /// Prints a table with them.
    fn print(&self, table: Table, out: &mut impl Write) -> Result<()> {
        let table = match self.gateways {
            Some(count) => table.fold(count),
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
        let table = if self.inet { table.inet() } else { table };
        Ok(match self.limit {
            Some(limit) => table.spread(limit),
            None => table,
        })
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as with `| head`.
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

/// A line out for each address in. Blank lines and comments are skipped, as `rcuctl` does.
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
        match oracle.serving(address) {
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
    fn the_grammar_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn each_address_has_a_line() {
        let text = answer("10.1.1.1\n\n# none of ours\n11.0.0.0\n 10.255.0.0 \n::1\n");
        assert_eq!(
            text.expect("addresses"),
            "10.0.0.0/9 via 10.0.0.2\nnone\n10.0.0.0/8 via 10.0.0.1\nnone\n"
        );
    }

    #[test]
    fn a_bad_address_is_named() {
        let error = format!(
            "{:#}",
            answer("10.1.1.1\n10.1.1\n").expect_err("no address")
        );
        assert!(error.starts_with("asked:2: "), "{error}");
    }

    #[test]
    fn only_a_closed_output_is_quiet() {
        let closed = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe));
        assert!(is_closed_output(&closed));
        assert!(!is_closed_output(&anyhow::anyhow!("anything else")));
    }
}
