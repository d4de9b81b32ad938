// SPDX-License-Identifier: GPL-2.0

//! `user-peers`: measures the route table in user space beside other tables, the peers. All get the
//! same prefixes and the same addresses, and must give the same answers.
//!
//! ```text
//!   user-peers ROUTES              the real internet table: all parts
//!   user-peers --sample N ROUTES   N of its IPv4 prefixes: memory, lookups and updates
//!   user-peers --random N ROUTES   N random IPv4 prefixes with the prefix lengths of the real table
//!   user-peers --growth ROUTES     both, for 1000, 10000, 100000 and 1000000 prefixes
//! ```
//!
//! Prints one JSON object per figure, each on its own line; progress goes to standard error. ROUTES
//! is the output of `bgp-table routes`; [`input`] describes its changes for the peers.
//!
//! | part | measurement | peers |
//! |---|---|---|
//! | `load` | a load that depends on the previous load, by the size of the memory | |
//! | `read` | an empty read-side section | liburcu's flavours, POSIX locks, nothing |
//! | `memory` | MiB in use in the allocator of the table | all tables |
//! | `lookup` | ns of CPU time per lookup | all tables; two readers if the table supports them |
//! | `latency` | distribution of the times of single lookups | all tables but `rte_lpm` |
//! | `update` | ns of a single change | all tables |
//!
//! | table | |
//! |---|---|
//! | `table` | this module's, over liburcu |
//! | `rte_lpm`, `rte_fib` | DPDK's for IPv4 (DIR-24-8): 2^24 entries of 4 bytes, then blocks of 256 entries |
//! | `rte_fib6` | DPDK's for IPv6: the same first level, then 8 bits per level |
//! | `prefix-trie` | the crate of that name |
//!
//! No table has huge pages, unless `--huge-pages` asks for them. DPDK uses the processor's widest
//! vectors. Bulk functions look up 32 addresses per call.

#![deny(clippy::undocumented_unsafe_blocks)]
#![deny(unsafe_code)]

mod address;
#[expect(unsafe_code, reason = "functions of DPDK")]
mod dpdk;
#[expect(unsafe_code, reason = "madvise()")]
mod huge_pages;
mod input;
mod latency;
mod lookup;
#[expect(unsafe_code, reason = "mallinfo2()")]
mod memory;
mod peer;
mod pointer_chase;
mod prefix_trie;
#[path = "../../../scale/quantile.rs"]
mod quantile;
mod rcu_table;
mod readers;
mod row;
#[expect(unsafe_code, reason = "inline functions of liburcu, called through C")]
mod sections;
#[expect(unsafe_code, reason = "the time stamp counter")]
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
use peer::{Heap, Peer};
use prefix_trie::{Key, PrefixTrie};
use rcu_table::RcuTable;
use row::{rounded, Row};
use ticks::TickScale;

/// Measure the route table in user space beside other tables
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Routes: the output of `bgp-table routes`
    routes: PathBuf,

    /// Measure N of the IPv4 prefixes
    #[arg(long, value_name = "N", group = "sets", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,

    /// Measure N random IPv4 prefixes
    #[arg(long, value_name = "N", group = "sets", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    random: Option<u32>,

    /// Measure samples and random prefixes, from 1000 to 1000000
    #[arg(long, group = "sets")]
    growth: bool,

    /// Ask the kernel for huge pages for the memory of all tables
    #[arg(long)]
    huge_pages: bool,

    /// Number of addresses of each stream
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    addresses: usize,

    /// Number of runs of each measurement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,

    /// Number of prefixes to delete and add again
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    changes: u32,
}

/// The sizes of `--growth`.
const GROWTH: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];

/// The number of readers, unless there are fewer CPUs.
const MAX_READERS: usize = 2;

/// The number of sections of a run of part `read`.
const SECTIONS: usize = 1_000_000;

/// The maximum number of changes of rte_lpm; one change needs 200 µs.
const MAX_RTE_LPM_CHANGES: usize = 500;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cfg!(debug_assertions) {
        eprintln!("user-peers: built without --release; times are not meaningful");
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
    if cli.huge_pages {
        // At the first allocation the stand-in maps the memory of all its tables.
        let (set, entries) = ("empty", Vec::new());
        RcuTable::new(&Input::<u32> { set, entries })?;
        huge_pages::request()?;
    }
    let routes = input::read(&cli.routes)?;
    let inet = Input::<u32>::real(&routes)?;
    let random = &mut Random::new(6);
    if cli.growth {
        for count in GROWTH {
            measure_growth(&inet.sample(count, random), cli)?;
            measure_growth(&inet.random(count, random), cli)?;
        }
        return Ok(());
    }
    if let Some(count) = cli.sample {
        return measure_growth(&inet.sample(count as usize, random), cli);
    }
    if let Some(count) = cli.random {
        return measure_growth(&inet.random(count as usize, random), cli);
    }
    eprintln!("memory loads and read-side sections");
    pointer_chase::measure(cli.runs.into())?;
    sections::measure(SECTIONS, max_readers()?, cli.runs.into())?;
    measure_real(&inet, &[&dpdk::RTE_FIB, &dpdk::RTE_LPM], cli)?;
    drop(inet);
    measure_real(&Input::<[u8; 16]>::real(&routes)?, &[&dpdk::RTE_FIB6], cli)
}

fn max_readers() -> Result<usize> {
    Ok(MAX_READERS.min(readers::cpus()?.len()))
}

/// Makes the tables, this module's first, and prints their memory.
fn make_tables<A: Key>(
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
    rcu_table::set_reclaim(ReclaimMode::Call);
    add(memory::measure(Heap::StandIn, || {
        Ok(Box::new(RcuTable::new(input)?) as _)
    })?)?;
    add(memory::measure(Heap::Malloc, || {
        Ok(Box::new(PrefixTrie::new(input)?) as _)
    })?)?;
    for functions in functions {
        add(memory::measure(Heap::Dpdk, || {
            Ok(Box::new(Dpdk::new(functions, input)?) as _)
        })?)?;
    }
    Ok(peers)
}

/// Measures lookups, latencies and updates of one family of the real table.
fn measure_real<A: Key>(
    input: &Input<A>,
    functions: &[&'static dpdk::Functions<A>],
    cli: &Cli,
) -> Result<()> {
    let plan = Plan {
        streams: &["a", "b", "c", "d"],
        readers: max_readers()?,
        runs: cli.runs.into(),
    };
    let mut peers = measure_lookups(input, functions, &plan, cli)?;
    let streams = Streams::new(input, cli.addresses, &mut Random::new(1))?;
    eprintln!("{}: latencies", A::FAMILY);
    let scale = TickScale::new();
    for peer in peers.iter().filter(|peer| peer.name() != "rte_lpm") {
        latency::measure(input, streams.addresses("b"), &**peer, &scale)?;
    }
    measure_updates(input, &mut peers, cli)
}

/// Measures lookups and updates of a table that is one of several sizes.
fn measure_growth(input: &Input<u32>, cli: &Cli) -> Result<()> {
    let plan = Plan {
        streams: &["b", "c"],
        readers: 1,
        runs: cli.runs.into(),
    };
    let mut peers = measure_lookups(input, &[&dpdk::RTE_FIB], &plan, cli)?;
    measure_updates(input, &mut peers, cli)
}

/// Makes tables with these prefixes and measures their lookups. Returns the tables.
fn measure_lookups<A: Key>(
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
    let peers = make_tables(input, functions)?;
    let streams = Streams::new(input, cli.addresses, &mut Random::new(1))?;
    streams.check(&peers)?;
    eprintln!("{}: lookups", A::FAMILY);
    lookup::measure(input, &streams, &peers, plan)?;
    Ok(peers)
}

fn measure_updates<A: Address>(
    input: &Input<A>,
    peers: &mut [Box<dyn Peer<A>>],
    cli: &Cli,
) -> Result<()> {
    eprintln!("{}: updates", A::FAMILY);
    let changes = cli.changes as usize;
    for peer in peers {
        match peer.name() {
            "table" => {
                for mode in [ReclaimMode::Call, ReclaimMode::Kvfree] {
                    rcu_table::set_reclaim(mode);
                    update::measure(input, &mut **peer, changes, Some(mode.name()))?;
                }
            }
            "rte_lpm" => {
                update::measure(input, &mut **peer, changes.min(MAX_RTE_LPM_CHANGES), None)?;
            }
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
