// SPDX-License-Identifier: GPL-2.0

//! Measures tables with the largest or slowest nodes: memory per route, time of a change and of a
//! lookup. Checks that they keep their bounds and free all memory.

mod inputs;

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{ensure, Result};
use clap::Args;
use inputs::{Input, FIXED_BYTES};
use rcu_routes::rcu_table::{Family, Prefix, Route, Table};
use rcu_routes::testing::{self, Random};

use crate::lookup::{Method, Streams};
use crate::memory;
use crate::report::{Report, Section};
use crate::update::{self, Pair};

#[derive(Debug, Args)]
pub struct Options {
    /// Maximum number of routes of a table
    #[arg(long, default_value_t = 1_000_000)]
    size: usize,

    /// Number of pairs of changes of each table
    #[arg(long, default_value_t = 10_000)]
    changes: usize,

    /// Number of times that one prefix is added and deleted
    #[arg(long, default_value_t = 1_000_000)]
    flaps: usize,

    /// Number of addresses of each stream
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    addresses: u64,

    /// Measure only tables with names that start with this text
    #[arg(long, default_value = "")]
    only: String,
}

/// Errors: a table exceeds its bound, or does not free all memory.
pub fn run(options: &Options, report: &mut Report) -> Result<()> {
    let columns = [
        "routes",
        "B a route",
        "bound",
        "B copied",
        "add ns",
        "p99",
        "delete ns",
        "p99",
        "b ns",
        "c ns",
    ];
    let mut section = Section::new("hostile table", &columns);
    let mut faults = Vec::new();
    for input in inputs::all() {
        if input.name.starts_with(&options.only) {
            measure(&input, options, &mut section, &mut faults)?;
        }
    }
    report.add(section);
    flaps(options, report, &mut faults)?;
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

fn measure(
    input: &Input,
    options: &Options,
    section: &mut Section,
    faults: &mut Vec<String>,
) -> Result<()> {
    let routes = input.routes(options.size);
    let table = testing::table();
    let empty = memory::settled();
    update::add(&table, &routes)?;
    let bytes = memory::settled().bytes - empty.bytes;
    if bytes > FIXED_BYTES + routes.len() * input.bound {
        faults.push(format!("{} exceeds its memory bound", input.name));
    }

    let changed = &routes[..routes.len().min(options.changes)];
    let copied = update::copied(&table, changed, Pair::DeleteAndAdd)?;
    check_copied(&input.name, copied, input.copied, faults);
    let latencies = update::time(&table, changed, Pair::DeleteAndAdd)?;
    let [add, add_99, _] = latencies.add.summary();
    let [delete, delete_99, _] = latencies.delete.summary();
    let [b, c] = lookups(&table, &routes, options.addresses as usize);
    section.row(
        &input.name,
        &[
            routes.len() as f64,
            bytes as f64 / routes.len() as f64,
            input.bound as f64,
            copied,
            add,
            add_99,
            delete,
            delete_99,
            b,
            c,
        ],
    );

    update::delete(&table, &routes)?;
    // stats() frees the unused next-hop storage if a grace period has ended.
    memory::settled();
    let retired = table.stats().unwrap().retired_bytes;
    if memory::settled() != empty || retired != 0 {
        faults.push(format!("{} does not free all memory", input.name));
    }
    Ok(())
}

/// The memory of a batch of replaced nodes, which a change can allocate: two of the largest nodes
/// fill one.
const BATCH_BYTES: usize = 1024;

fn check_copied(name: &str, copied: f64, bound: usize, faults: &mut Vec<String>) {
    if copied > (bound + BATCH_BYTES) as f64 {
        faults.push(format!("a change of {name} copies more than {bound} bytes"));
    }
}

/// Returns the nanoseconds per lookup on streams b and c. All routes must be of one family.
fn lookups(table: &Table, routes: &[Route], count: usize) -> [f64; 2] {
    let prefixes: Vec<Prefix> = routes.iter().map(|route| route.prefix).collect();
    let random = &mut Random::new(4);
    let [_, b, c, _] = match prefixes[0].family() {
        Family::Inet => {
            Streams::<Ipv4Addr>::new(&prefixes, count, random).measure(table, Method::NextHop, 3)
        }
        Family::Inet6 => {
            Streams::<Ipv6Addr>::new(&prefixes, count, random).measure(table, Method::NextHop, 3)
        }
    };
    [b, c]
}

/// Measures one prefix that is added and deleted many times, beside other routes.
fn flaps(options: &Options, report: &mut Report, faults: &mut Vec<String>) -> Result<()> {
    let columns = [
        "others",
        "add ns",
        "p99",
        "max",
        "delete ns",
        "p99",
        "max",
        "B copied",
    ];
    let mut section = Section::new("flapping prefix", &columns);
    for inputs::Flapping {
        name,
        others,
        route,
        bound,
    } in inputs::flapping()
    {
        let table = testing::table();
        update::add(&table, &others)?;
        let copied = update::copied(&table, &[route], Pair::AddAndDelete)?;
        check_copied(name, copied, bound, faults);
        let latencies = update::flap(&table, &route, options.flaps)?;
        let times = [latencies.add.summary(), latencies.delete.summary()].concat();
        section.row(
            name,
            &[&[others.len() as f64], &times[..], &[copied]].concat(),
        );
    }
    report.add(section);
    Ok(())
}
