// SPDX-License-Identifier: GPL-2.0

//! Measures how long each operation computes without a point at which the kernel could reschedule.

use std::{collections::VecDeque, path::PathBuf};

use anyhow::{anyhow, ensure, Result};
use clap::Args;
use kernel::{longest_stretch, prelude::*, sync::Arc};
use rcu_routes::rcu_table::{
    Key, Mode, Multipath, NextHop, Operation, Prefix, Reload, Route, RouteLeg, Selector, Table,
    Transaction,
};

use crate::report::{Report, Section};
use crate::routes;

/// The most that an operation may compute without such a point.
const LIMIT_MS: f64 = 1.0;

/// Operations that the device copies from user memory before it yields the CPU.
const COLLECTED: usize = 256;

/// Routes that one call of a dump copies, as the device's does.
const DUMPED: usize = 4096;

/// Sets of legs that a table holds, and how many of them are dropped without a reschedule point.
const LEGS: u32 = 60_000;
const LEGS_DROPPED: usize = 500;

#[derive(Debug, Args)]
pub struct Options {
    /// Routes: the output of `bgp-table routes`
    routes: PathBuf,

    /// Fail if an operation computes for longer than 1 ms
    #[arg(long)]
    check: bool,
}

/// The measured operations.
struct Stretches {
    section: Section,
    longest: f64,
}

impl Stretches {
    /// Measures an operation.
    fn measure(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut done = Ok(());
        let stretch = longest_stretch(|| done = run());
        let ms = stretch.cpu_time.as_secs_f64() * 1e3;
        self.section.row(
            name,
            &[
                ms,
                stretch.allocator_calls as f64,
                stretch.copied_bytes as f64 / 1024.0,
            ],
        );
        self.longest = self.longest.max(ms);
        done.map_err(|error| error.context(format!("operation '{name}'")))
    }
}

fn failed(what: &str) -> impl FnOnce(Error) -> anyhow::Error + '_ {
    move |error| anyhow!("{what}: {error:?}")
}

pub fn run(options: &Options, report: &mut Report) -> Result<()> {
    let all = routes::read(&options.routes)?;
    let mut stretches = Stretches {
        section: Section::new(
            "longest stretch without a reschedule point",
            &["ms", "allocs", "copied KiB"],
        ),
        longest: 0.0,
    };
    let table = Arc::pin_init(Table::new(), GFP_KERNEL).map_err(failed("an empty table"))?;
    measure(&mut stretches, &table, &all)?;
    let Stretches { section, longest } = stretches;
    report.add(section);
    ensure!(
        !options.check || longest <= LIMIT_MS,
        "an operation computed for {longest:.2} ms; expected at most {LIMIT_MS} ms"
    );
    Ok(())
}

fn measure(stretches: &mut Stretches, table: &Arc<Table>, all: &[Route]) -> Result<()> {
    let insert = |route: &Route| Operation::Insert(*route, Mode::Replace);
    let operations: Vec<_> = all.iter().map(insert).collect();
    let most = operations.len().min(Transaction::MAX_OPERATIONS) - 1;
    let invalid = Operation::Remove(all[0].prefix, Some(u32::MAX), None);
    // The table does nothing for a replace by an equal route.
    let other = |(index, route): (usize, &Route)| {
        let Route { next_hop, .. } = all[(index + all.len() / 2) % all.len()];
        insert(&Route { next_hop, ..*route })
    };
    let others: Vec<_> = all.iter().enumerate().map(other).collect();
    for (name, operations, last) in [
        ("transaction that fails", &operations, Some(invalid)),
        ("transaction", &operations, None),
        ("transaction that replaces all", &others, None),
    ] {
        let mut transaction = Transaction::new();
        stretches.measure(name, || {
            let first = operations[..most].iter().copied();
            for (number, operation) in Iterator::chain(first, last).enumerate() {
                transaction.push(operation).map_err(failed("push"))?;
                // The device copies so many operations at a time, and yields the CPU.
                if number % COLLECTED == COLLECTED - 1 {
                    kernel::reschedule_point();
                }
            }
            let done = transaction.commit(table);
            ensure!(
                done.is_ok() == last.is_none(),
                "the commit returned {done:?}"
            );
            Ok(())
        })?;
    }
    let mut reload = Reload::new(table.clone()).map_err(failed("a reload"))?;
    for operation in &operations {
        reload.apply(operation).map_err(failed("a line"))?;
    }
    stretches.measure("commit of a reload", || {
        reload.commit().map_err(failed("the commit"))
    })?;
    stretches.measure("add and delete of short prefixes", || {
        for len in 0..=16 {
            let prefix = Prefix::new([0, 0, 0, 0].into(), len).map_err(|e| anyhow!("{e:?}"))?;
            let route = Route {
                prefix,
                metric: 7,
                ..all[0]
            };
            table.insert(&route, Mode::Add).map_err(failed("add"))?;
            table
                .remove(&prefix, Some(7), None)
                .map_err(failed("del"))?;
        }
        Ok(())
    })?;
    stretches.measure("dump", || {
        let piece = KVec::with_capacity(DUMPED, GFP_KERNEL);
        let mut piece = piece.map_err(|error| anyhow!("a piece: {error:?}"))?;
        let mut after: Option<Key> = None;
        loop {
            piece.clear();
            let dumped = table.dump(Selector::All, after, &mut piece);
            dumped.map_err(failed("a piece"))?;
            after = piece.last().map(Key::from);
            if piece.len() < DUMPED {
                return Ok(());
            }
        }
    })?;
    stretches.measure("statistics", || {
        table.stats().map(drop).map_err(failed("statistics"))
    })?;
    let mut legs = hold_legs(table)?;
    let name = format!("drop of the oldest {LEGS_DROPPED} of {LEGS} sets of legs");
    stretches.measure(&name, || {
        drop(legs.drain(..LEGS_DROPPED));
        Ok(())
    })?;
    drop(legs);
    stretches.measure("flush", || table.flush(None).map_err(failed("flush")))
}

/// Returns [`LEGS`] different sets of legs that the table holds, the oldest first.
fn hold_legs(table: &Arc<Table>) -> Result<VecDeque<Multipath>> {
    let hold = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        let next_hop = NextHop::Via([10, a, b, c].into(), None);
        let leg = RouteLeg {
            next_hop,
            weight: 1,
        };
        Multipath::new(table.clone(), &[leg; 2]).map_err(failed("a set of legs"))
    };
    (0..LEGS).map(hold).collect()
}
