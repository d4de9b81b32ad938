// SPDX-License-Identifier: GPL-2.0

//! `user-peers`: the route table in user space beside what others have made, in one run, with the same prefixes
//! and the same addresses, and the same answers from all.
//!
//! ```text
//!   user-peers ROUTES              the real internet table: all parts
//!   user-peers --sample N ROUTES   N of its IPv4 prefixes: memory, lookups and updates of the tables that grow
//!   user-peers --random N ROUTES   N random IPv4 prefixes, of lengths as frequent as in the real table
//!   user-peers --growth ROUTES     both, for 1000, 10000, 100000 and 1000000 prefixes
//! ```
//!
//! Each figure is a JSON object on a line of its own; what is being done goes to standard error. ROUTES is what
//! `bgp-table routes` prints; [`input`] says what is changed in it so that all tables can hold it.
//!
//! | part | what is measured | peers |
//! |---|---|---|
//! | `load` | a load that depends on the last one, by the size of the memory | |
//! | `read` | a read-side section alone | liburcu's flavours, POSIX's locks, nothing |
//! | `memory` | MiB in use: of `malloc()`, or of DPDK's heap | all tables |
//! | `lookup` | nanoseconds a lookup, on a reader's processor | all tables; two readers where a table is for several |
//! | `latency` | how times of single lookups are distributed | this table, DIR-24-8 or trie of DPDK, the crate |
//! | `update` | nanoseconds of a single change | all tables |
//!
//! | table | what it is |
//! |---|---|
//! | `table` | this module's, over liburcu |
//! | `rte_lpm`, `rte_fib` | DPDK's for IPv4: 2^24 entries of 4 bytes, and blocks of 256 behind them |
//! | `rte_fib6` | DPDK's for IPv6: the same first level, then 8 bits a level |
//! | `prefix-trie` | the crate of that name |
//!
//! DPDK runs without huge pages, with the widest vectors that the processor has. Its bulk functions get 32
//! addresses a call.

#![deny(clippy::undocumented_unsafe_blocks)]

mod address;
mod chase;
mod crew;
mod dpdk;
mod input;
mod latency;
mod lookup;
mod memory;
mod ours;
mod peer;
mod published;
#[path = "../../../scale/quantile.rs"]
mod quantile;
mod row;
mod sections;
mod ticks;
mod update;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use rcu_routes::rcu_table::ReclaimMode;
use rcu_routes::testing::Random;

use address::Address;
use dpdk::Dpdk;
use input::Input;
use lookup::{Plan, Streams};
use ours::Ours;
use peer::{Heap, Peer};
use published::{Key, PublishedTrie};
use row::{rounded, Row};
use ticks::Scale;

/// Measures the route table in user space beside others.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// The routes: what `bgp-table routes` prints
    routes: PathBuf,

    /// Measure so many of the IPv4 prefixes
    #[arg(long, value_name = "N", group = "sets", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,

    /// Measure so many random IPv4 prefixes
    #[arg(long, value_name = "N", group = "sets", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    random: Option<u32>,

    /// Measure samples and random prefixes, from 1000 to 1000000
    #[arg(long, group = "sets")]
    growth: bool,

    /// How many addresses each stream has
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    addresses: usize,

    /// How many times each is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,

    /// How many prefixes are deleted and added again
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    changes: u32,
}

/// The sizes of `--growth`.
const GROWTH: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];

/// The most readers, where there are so many processors.
const READERS: usize = 2;

/// Sections of a pass of part `read`.
const SECTIONS: usize = 1_000_000;

/// The most changes of a table whose changes take 200 microseconds.
const FEW_CHANGES: usize = 500;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cfg!(debug_assertions) {
        eprintln!("user-peers: built without --release; times mean nothing");
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("user-peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    dpdk::start()?;
    let routes = input::read(&cli.routes)?;
    let inet = Input::<u32>::real(&routes)?;
    let random = &mut Random::new(6);
    if cli.growth {
        for count in GROWTH {
            grown(&inet.sample(count, random), cli)?;
            grown(&inet.random(count, random), cli)?;
        }
        return Ok(());
    }
    if let Some(count) = cli.sample {
        return grown(&inet.sample(count as usize, random), cli);
    }
    if let Some(count) = cli.random {
        return grown(&inet.random(count as usize, random), cli);
    }
    eprintln!("loads and read-side sections");
    chase::measure(cli.runs.into())?;
    sections::measure(SECTIONS, readers()?, cli.runs.into())?;
    real(&inet, &[&dpdk::RTE_FIB, &dpdk::RTE_LPM], cli)?;
    drop(inet);
    real(&Input::<[u8; 16]>::real(&routes)?, &[&dpdk::RTE_FIB6], cli)
}

fn readers() -> Result<usize> {
    Ok(READERS.min(crew::processors()?.len()))
}

/// Makes the tables, this module's first, and says what memory they take.
fn tables<A: Key>(
    input: &Input<A>,
    functions: &[&'static dpdk::Functions<A>],
) -> Result<Vec<Box<dyn Peer<A>>>> {
    let mut peers: Vec<Box<dyn Peer<A>>> = Vec::new();
    let mut add = |(peer, mib): (Box<dyn Peer<A>>, f64)| {
        let row = Row {
            what: Some(peer.name()),
            family: Some(A::FAMILY),
            set: Some(input.set),
            routes: Some(input.entries.len()),
            mib: Some(rounded(mib)),
            ..Row::new("memory")
        };
        peers.push(peer);
        row.print()
    };
    ours::set_reclaim(ReclaimMode::Call);
    add(memory::measure(Heap::Malloc, || {
        Ok(Box::new(Ours::new(input)?) as _)
    })?)?;
    add(memory::measure(Heap::Malloc, || {
        Ok(Box::new(PublishedTrie::new(input)?) as _)
    })?)?;
    for functions in functions {
        add(memory::measure(Heap::Dpdk, || {
            Ok(Box::new(Dpdk::new(functions, input)?) as _)
        })?)?;
    }
    Ok(peers)
}

/// Measures all that there is of one family.
fn real<A: Key>(
    input: &Input<A>,
    functions: &[&'static dpdk::Functions<A>],
    cli: &Cli,
) -> Result<()> {
    let plan = Plan {
        streams: &["a", "b", "c", "d"],
        readers: readers()?,
        runs: cli.runs.into(),
    };
    let mut peers = measured(input, functions, &plan, cli)?;
    let streams = Streams::new(input, cli.addresses, &mut Random::new(1))?;
    eprintln!("{}: latencies", A::FAMILY);
    let scale = Scale::new();
    for peer in peers.iter().filter(|peer| peer.name() != "rte_lpm") {
        latency::measure(input, streams.addresses("b"), &**peer, &scale)?;
    }
    updates(input, &mut peers, cli)
}

/// Measures what a table's size is for.
fn grown(input: &Input<u32>, cli: &Cli) -> Result<()> {
    let plan = Plan {
        streams: &["b", "c"],
        readers: 1,
        runs: cli.runs.into(),
    };
    let mut peers = measured(input, &[&dpdk::RTE_FIB], &plan, cli)?;
    updates(input, &mut peers, cli)
}

/// Tables with these prefixes, once their lookups have been measured.
fn measured<A: Key>(
    input: &Input<A>,
    functions: &[&'static dpdk::Functions<A>],
    plan: &Plan<'_>,
    cli: &Cli,
) -> Result<Vec<Box<dyn Peer<A>>>> {
    eprintln!(
        "{}: {} {} prefixes",
        A::FAMILY,
        input.entries.len(),
        input.set
    );
    let peers = tables(input, functions)?;
    let streams = Streams::new(input, cli.addresses, &mut Random::new(1))?;
    streams.check(&peers)?;
    eprintln!("{}: lookups", A::FAMILY);
    lookup::measure(input, &streams, &peers, plan)?;
    Ok(peers)
}

fn updates<A: Address>(input: &Input<A>, peers: &mut [Box<dyn Peer<A>>], cli: &Cli) -> Result<()> {
    eprintln!("{}: updates", A::FAMILY);
    let changes = cli.changes as usize;
    for peer in peers {
        match peer.name() {
            "table" => {
                for mode in [ReclaimMode::Call, ReclaimMode::Kvfree] {
                    ours::set_reclaim(mode);
                    update::measure(input, &mut **peer, changes, Some(mode.name()))?;
                }
            }
            "rte_lpm" => update::measure(input, &mut **peer, changes.min(FEW_CHANGES), None)?,
            _ => update::measure(input, &mut **peer, changes, None)?,
        }
    }
    Ok(())
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
