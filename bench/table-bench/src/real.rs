// SPDX-License-Identifier: GPL-2.0

//! Measures the real internet table: load, memory, lookups, updates.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::{anyhow, ensure, Result};
use clap::Args;
use kernel::{prelude::*, sync::Arc};
use rcu_routes::rcu_table::{Mode, Operation, Prefix, ReclaimMode, Reload, Route, Settings, Table};
use rcu_routes::testing::Random;

use crate::clock::Clock;
use crate::lookup::{Method, Streams};
use crate::report::{Report, Section};
use crate::stream::{self, Address};
use crate::update::{self, Pair};
use crate::{memory, routes};

const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, Args)]
pub struct Options {
    /// Routes: the output of `bgp-table routes`
    routes: PathBuf,

    /// Number of addresses of each stream
    #[arg(long, default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    addresses: u64,

    /// Number of passes over each stream; prints the median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    passes: u64,

    /// Number of pairs of changes for each figure
    #[arg(long, default_value_t = 100_000)]
    changes: usize,
}

static SETTINGS: Settings = Settings::new();

pub fn run(options: &Options, report: &mut Report) -> Result<()> {
    let all = routes::read(&options.routes)?;
    let (inet, inet6): (Vec<Route>, Vec<Route>) = all
        .iter()
        .partition(|route| route.prefix.family() == Ipv4Addr::FAMILY);
    ensure!(
        !inet.is_empty() && !inet6.is_empty(),
        "the file must have routes of both families"
    );

    reload(&all, report)?;
    let table = load(&inet, &inet6, report)?;

    let columns = ["a", "b", "c", "spread %"];
    let mut lookups = Section::new("lookup, ns", &columns);
    measure_lookups::<Ipv4Addr>("inet", &table, &inet, options, &mut lookups);
    measure_lookups::<Ipv6Addr>("inet6", &table, &inet6, options, &mut lookups);
    report.add(lookups);

    for mode in [ReclaimMode::Call, ReclaimMode::Kvfree] {
        SETTINGS.set_reclaim(mode);
        let mut updates = Section::new(
            format!("update, ns, {}", mode.name()),
            &["add", "p99", "max", "delete", "p99", "max", "bytes copied"],
        );
        measure_updates::<Ipv4Addr>("inet", &table, &inet, options, &mut updates)?;
        measure_updates::<Ipv6Addr>("inet6", &table, &inet6, options, &mut updates)?;
        report.add(updates);
    }
    Ok(())
}

fn new_table() -> Result<Arc<Table>> {
    Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL)
        .map_err(|error| anyhow!("an empty table: {error:?}"))
}

/// Loads one family. Reports time and memory.
fn load_family(name: &str, table: &Table, routes: &[Route], section: &mut Section) -> Result<()> {
    let live = memory::settled();
    let before = table.stats().unwrap();
    let clock = Clock::start();
    for route in routes {
        table
            .insert(route, Mode::Add)
            .map_err(|error| anyhow!("adding {route}: {error:?}"))?;
    }
    let times = [clock.seconds(), clock.cpu_seconds()];
    let bytes = memory::settled().bytes - live.bytes;
    let after = table.stats().unwrap();
    section.row(
        name,
        &[
            routes.len() as f64,
            times[0],
            times[1],
            (after.bytes - before.bytes) as f64 / MIB,
            bytes as f64 / MIB,
            bytes as f64 / routes.len() as f64,
            (after.objects - before.objects) as f64,
            (after.next_hops - before.next_hops) as f64,
        ],
    );
    Ok(())
}

/// Makes a table with all routes, loaded one by one.
fn load(inet: &[Route], inet6: &[Route], report: &mut Report) -> Result<Arc<Table>> {
    let table = new_table()?;
    let columns = [
        "routes",
        "seconds",
        "processor",
        "own MiB",
        "all MiB",
        "B a route",
        "objects",
        "next hops",
    ];
    let mut section = Section::new("load", &columns);
    load_family("inet", &table, inet, &mut section)?;
    load_family("inet6", &table, inet6, &mut section)?;
    report.add(section);
    Ok(table)
}

/// Measures a reload with all routes of an empty table, and of a table that has the same routes.
fn reload(routes: &[Route], report: &mut Report) -> Result<()> {
    let columns = ["build", "commit", "all", "processor"];
    let mut section = Section::new("reload, seconds", &columns);
    let table = new_table()?;
    for name in ["into an empty table", "over a full table"] {
        // A failed reload must not prevent the other measurements.
        let figures = reload_once(&table, routes).unwrap_or_else(|error| {
            eprintln!("table-bench: reload {name}: {error:?}");
            [f64::NAN; 4]
        });
        section.row(name, &figures);
    }
    drop(table);
    memory::settled();
    report.add(section);
    Ok(())
}

/// Returns the seconds to build the new table, to commit, of both, and of CPU time.
fn reload_once(table: &Arc<Table>, routes: &[Route]) -> kernel::error::Result<[f64; 4]> {
    let clock = Clock::start();
    let mut reload = Reload::new(table.clone())?;
    for route in routes {
        reload.apply(&Operation::Insert(*route, Mode::Add))?;
    }
    let build = clock.seconds();
    reload.commit()?;
    let all = clock.seconds();
    Ok([build, all - build, all, clock.cpu_seconds()])
}

fn measure_lookups<A: Address>(
    name: &str,
    table: &Table,
    routes: &[Route],
    options: &Options,
    section: &mut Section,
) {
    let prefixes: Vec<Prefix> = routes.iter().map(|route| route.prefix).collect();
    let count = options.addresses as usize;
    let streams = Streams::<A>::new(&prefixes, count, &mut Random::new(1));
    for method in Method::ALL {
        let figures = streams.measure(table, method, options.passes as usize);
        section.row(format!("{name} {}", method.name()), &figures);
    }
}

fn measure_updates<A: Address>(
    name: &str,
    table: &Table,
    routes: &[Route],
    options: &Options,
    section: &mut Section,
) -> Result<()> {
    let mut existing = routes.to_vec();
    Random::new(2).shuffle(&mut existing);
    existing.truncate(options.changes);
    let new = stream::more_specifics::<A>(routes, options.changes, &mut Random::new(3));
    for (kind, routes, pair) in [
        ("existing route", existing, Pair::DeleteAndAdd),
        ("new route", new, Pair::AddAndDelete),
    ] {
        let copied = update::copied(table, &routes, pair)?;
        let latencies = update::time(table, &routes, pair)?;
        let times = [latencies.add.summary(), latencies.delete.summary()].concat();
        section.row(format!("{name}, {kind}"), &[&times[..], &[copied]].concat());
    }
    Ok(())
}
