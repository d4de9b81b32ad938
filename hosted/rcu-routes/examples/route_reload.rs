// SPDX-License-Identifier: GPL-2.0

//! Readers look routes up while an updater replaces the whole table again and again.
//!
//! The gateway of each route is the number of its generation, so a reader can tell which tables
//! answered it. The program checks that each lookup has an answer, that a snapshot never has
//! answers of two tables, and that no reader goes back to an older table.
//!
//! `docs/rcu/user-space.md` explains the output.

#![forbid(unsafe_code)]

use clap::Parser;
use core::net::{IpAddr, Ipv4Addr};
use rcu_routes::{
    flavour::{Flavour, Online},
    kernel::{prelude::*, sync::Arc},
    rcu_table::{read_lock, Mode, NextHop, Operation, Prefix, Reload, Route, Snapshot, Table},
};
use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// The lookups in one snapshot.
const BATCH: u32 = 16;

/// A quick reader reports a quiescent state after this many snapshots.
const REPORT_INTERVAL: u64 = 64;

/// The updater replaces the table at least this many times, also on a busy machine.
const MIN_RELOADS: usize = 3;

/// Looks routes up while an updater replaces the whole table.
#[derive(Clone, Parser)]
struct Options {
    /// The duration of the demonstration.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The number of readers that look routes up without a pause.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    readers: u32,
    /// The number of routes of each table.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    routes: u32,
    /// How long the slow reader keeps each of its snapshots.
    #[arg(long, default_value_t = 5, value_name = "MILLISECONDS")]
    hold_ms: u64,
    /// The flavour of liburcu: memb, mb, bp or qsbr.
    #[arg(long, default_value = "memb")]
    flavour: Flavour,
}

/// The observations of one reader, or of several.
#[derive(Default)]
struct Seen {
    lookups: u64,
    unanswered: u64,
    snapshots: u64,
    /// Snapshots with answers of two tables.
    mixed: u64,
    /// Snapshots that are older than the reader's last.
    older: u64,
    /// Snapshots that were in use when the updater had already published a newer table.
    outlived: u64,
    generations: BTreeSet<u32>,
}

impl Seen {
    /// Looks some addresses up, all in one snapshot. Returns the generation of the answers.
    fn look_up(&mut self, snapshot: &Snapshot<'_>, routes: u32) -> Option<u32> {
        let mut answered = None;
        for number in 0..BATCH {
            self.lookups += 1;
            let address = address(number.wrapping_mul(7919) % routes);
            let Some(NextHop::Via(IpAddr::V4(gateway), None)) = snapshot.next_hop(address) else {
                self.unanswered += 1;
                continue;
            };
            let generation = gateway.to_bits();
            if answered.is_some_and(|first| first != generation) {
                self.mixed += 1;
            }
            answered = Some(generation);
        }
        self.snapshots += 1;
        if answered < self.generations.last().copied() {
            self.older += 1;
        }
        self.generations.extend(answered);
        answered
    }

    fn merge(mut self, mut other: Self) -> Self {
        self.generations.append(&mut other.generations);
        Self {
            lookups: self.lookups + other.lookups,
            unanswered: self.unanswered + other.unanswered,
            snapshots: self.snapshots + other.snapshots,
            mixed: self.mixed + other.mixed,
            older: self.older + other.older,
            outlived: self.outlived + other.outlived,
            generations: self.generations,
        }
    }

    fn is_sound(&self) -> bool {
        self.lookups > 0 && (self.unanswered, self.mixed, self.older) == (0, 0, 0)
    }
}

/// What all threads share.
struct Shared<'a> {
    table: Arc<Table>,
    options: &'a Options,
    stop: AtomicBool,
}

/// Returns the prefix of a route of each table.
fn prefix(number: u32) -> Prefix {
    Prefix::network(address(number), 24)
}

/// Returns an address that this route serves.
fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits((10 << 24) | (number << 8) | 1).into()
}

/// Replaces the table by that of a generation. Returns how long the preparation took, and how long
/// it took to publish the table, wait for a grace period and free the old table.
fn reload(shared: &Shared<'_>, generation: u32) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut reload = Reload::new(shared.table.clone())?;
    for number in 0..shared.options.routes {
        let route = Route {
            prefix: prefix(number),
            metric: 0,
            next_hop: NextHop::Via(Ipv4Addr::from_bits(generation).into(), None),
        };
        reload.apply(&Operation::Insert(route, Mode::Add))?;
    }
    let prepared = start.elapsed();
    reload.commit()?;
    Ok((prepared, start.elapsed() - prepared))
}

/// Looks routes up without a pause. With the flavour `qsbr` the critical sections cost nothing.
fn read_quickly(shared: &Shared<'_>) -> Seen {
    let mut seen = Seen::default();
    let online = Online::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let guard = read_lock();
        seen.look_up(&shared.table.snapshot(&guard), shared.options.routes);
        drop(guard);
        if seen.snapshots % REPORT_INTERVAL == 0 {
            online.quiescent_state();
        }
    }
    seen
}

/// Keeps each snapshot for some time, and checks that it still has the same answers. Sends a message
/// inside its first critical section.
fn read_slowly(shared: &Shared<'_>, begun: &Sender<()>) -> Seen {
    let mut seen = Seen::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let guard = read_lock();
        let snapshot = shared.table.snapshot(&guard);
        let before = seen.look_up(&snapshot, shared.options.routes);
        // Nobody receives after the first message.
        let _ = begun.send(());
        thread::sleep(Duration::from_millis(shared.options.hold_ms));
        let now = shared.table.snapshot(&guard);
        let newest = Seen::default().look_up(&now, shared.options.routes);
        seen.outlived += u64::from(newest > before);
        let after = seen.look_up(&snapshot, shared.options.routes);
        seen.mixed += u64::from(after != before);
    }
    seen
}

/// The durations of one part of all reloads.
struct Times(Vec<Duration>);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut times: Vec<f64> = self.0.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        match times[..] {
            [.., longest] => write!(
                f,
                "{:.3} ms, at most {longest:.3} ms",
                times[times.len() / 2]
            ),
            [] => f.write_str("none"),
        }
    }
}

/// The results of the demonstration.
struct Report {
    seen: Seen,
    generations: u32,
    prepared: Times,
    committed: Times,
}

fn run(options: &Options) -> Result<Report> {
    let shared = Shared {
        table: Arc::pin_init(Table::new(), GFP_KERNEL)?,
        options,
        stop: AtomicBool::new(false),
    };
    let mut generations = 1;
    reload(&shared, generations)?;
    let (mut prepared, mut committed) = (Vec::new(), Vec::new());
    let shared = &shared;
    let seen = thread::scope(|scope| {
        let quick = (0..options.readers).map(|_| scope.spawn(|| read_quickly(shared)));
        let mut readers: Vec<_> = quick.collect();
        let (begun, has_begun) = mpsc::channel();
        readers.push(scope.spawn(move || read_slowly(shared, &begun)));
        has_begun.recv().expect("the slow reader begins");
        let end = Instant::now() + Duration::from_secs_f64(options.seconds);
        let result = loop {
            if Instant::now() >= end && committed.len() >= MIN_RELOADS {
                break Ok(());
            }
            match reload(shared, generations + 1) {
                Ok((preparation, commit)) => {
                    generations += 1;
                    prepared.push(preparation);
                    committed.push(commit);
                }
                Err(error) => break Err(error),
            }
        };
        shared.stop.store(true, Ordering::Relaxed);
        let seen = readers
            .into_iter()
            .map(|reader| reader.join().expect("a reader does not panic"))
            .fold(Seen::default(), Seen::merge);
        result.map(|()| seen)
    })?;
    Ok(Report {
        seen,
        generations,
        prepared: Times(prepared),
        committed: Times(committed),
    })
}

impl Report {
    /// Returns the results as text.
    fn text(&self, options: &Options) -> String {
        let Self {
            seen, generations, ..
        } = self;
        format!(
            "\
{} readers and a slow reader, {} routes, liburcu's flavour {}, {} s

Readers
{:12} lookups
{:12} lookups without an answer
{:12} snapshots
{:12} snapshots with answers of two tables
{:12} snapshots older than the reader's last one
{:12} snapshots that kept the old table while a newer one was published

Updater
{generations:12} tables published; readers saw {} of them
{:12} grace periods, one before the old table of each reload was freed
Preparing a table:                        {}
Publishing it, waiting, freeing the old:  {}
",
            options.readers,
            options.routes,
            options.flavour,
            options.seconds,
            seen.lookups,
            seen.unanswered,
            seen.snapshots,
            seen.mixed,
            seen.older,
            seen.outlived,
            seen.generations.len(),
            self.committed.0.len(),
            self.prepared,
            self.committed,
        )
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = options.flavour.select() {
        eprintln!("route_reload: {error}");
        return ExitCode::FAILURE;
    }
    match run(&options) {
        Ok(report) => {
            print!("{}", report.text(&options));
            match report.seen.is_sound() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("route_reload: cannot change the table: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcu_routes::testing::{assert_page_shows, in_each_flavour};

    const OPTIONS: Options = Options {
        seconds: 0.3,
        readers: 2,
        routes: 100,
        hold_ms: 20,
        flavour: Flavour::Memb,
    };

    #[test]
    fn each_lookup_has_an_answer_of_one_table() {
        in_each_flavour("tests::each_lookup_has_an_answer_of_one_table", |_| {
            let Report {
                seen, generations, ..
            } = run(&OPTIONS).unwrap();
            assert!(seen.is_sound());
            assert!(generations > 3, "no reload");
            assert!(seen.outlived > 0, "no reader kept an old table");
            assert!(seen.generations.last() <= Some(&generations));
        });
    }

    #[test]
    fn a_page_shows_the_output() {
        let report = run(&OPTIONS).unwrap();
        assert_page_shows("user-space.md", "route_reload", &report.text(&OPTIONS));
    }
}
