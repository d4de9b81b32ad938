// SPDX-License-Identifier: GPL-2.0

//! Tables made to be as large or as slow as can be: memory a route, time of a change and of a lookup,
//! and whether all is given back at the end.

mod inputs;

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{ensure, Result};
use clap::Args;
use inputs::{Input, COPIED_BYTES, FIXED_BYTES};
use rcu_routes::rcu_table::{Family, Prefix, Route, Table};
use rcu_routes::testing::{self, Random};

use crate::lookup::{Path, Streams};
use crate::memory;
use crate::report::{Report, Section};
use crate::update::{self, Pair};

#[derive(Debug, Args)]
pub struct Options {
    /// At most how many routes a table has
    #[arg(long, default_value_t = 1_000_000)]
    size: usize,

    /// How many pairs of changes are timed on each table
    #[arg(long, default_value_t = 10_000)]
    changes: usize,

    /// How often one prefix comes and goes
    #[arg(long, default_value_t = 1_000_000)]
    flaps: usize,

    /// How many addresses are looked up
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    addresses: u64,

    /// Only the tables whose name begins so
    #[arg(long, default_value = "")]
    only: String,
}

/// Measures hostile tables. Fails if one is larger than it may be, or does not give all back.
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
        faults.push(format!("{} is larger than it may be", input.name));
    }

    let some = &routes[..routes.len().min(options.changes)];
    let copied = update::copied(&table, some, Pair::DeleteAndAdd)?;
    check_copied(&input.name, copied, faults);
    let latencies = update::time(&table, some, Pair::DeleteAndAdd)?;
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
    // Asked after a grace period, the table lets go of the room of its next hops as well.
    memory::settled();
    let left = table.stats().retired_bytes;
    if memory::settled() != empty || left != 0 {
        faults.push(format!("{} does not give all memory back", input.name));
    }
    Ok(())
}

fn check_copied(name: &str, copied: f64, faults: &mut Vec<String>) {
    // A change copies all routes of its prefix.
    if name != "metrics" && copied > COPIED_BYTES as f64 {
        faults.push(format!("a change of {name} copies more than it may"));
    }
}

/// Nanoseconds a lookup in streams b and c; all routes are of one family.
fn lookups(table: &Table, routes: &[Route], count: usize) -> [f64; 2] {
    let prefixes: Vec<Prefix> = routes.iter().map(|route| route.prefix).collect();
    let random = &mut Random::new(4);
    let [_, b, c, _] = match prefixes[0].family() {
        Family::Inet => {
            Streams::<Ipv4Addr>::new(&prefixes, count, random).measure(table, Path::NextHop, 3)
        }
        Family::Inet6 => {
            Streams::<Ipv6Addr>::new(&prefixes, count, random).measure(table, Path::NextHop, 3)
        }
    };
    [b, c]
}

/// One prefix comes and goes, many times, in the company of others.
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
    } in inputs::flapping()
    {
        let table = testing::table();
        update::add(&table, &others)?;
        let copied = update::copied(&table, &[route], Pair::AddAndDelete)?;
        check_copied(name, copied, faults);
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
