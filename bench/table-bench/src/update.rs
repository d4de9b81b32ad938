// SPDX-License-Identifier: GPL-2.0

//! Measures time and memory of single changes.

use std::time::{Duration, Instant};

use anyhow::{anyhow, Context, Result};
use kernel::alloc;
use rcu_routes::rcu;
use rcu_routes::rcu_table::{Mode, Route, Table};
use rcu_routes::testing::HeldReader;

use crate::memory;
use crate::quantile::quantile;

/// The routes changed between two RCU barriers, which bound the number of pending callbacks.
pub const BATCH: usize = 10_000;

/// The pairs of changes whose memory is measured.
const MAX_PAIRS: usize = 1000;

/// The limit of bytes retired while a reader blocks reclaim: far below the table's own limit.
const MAX_RETIRED_BYTES: usize = 16 << 20;

/// Two changes of a route: the second one undoes the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// For a route that is not in the table.
    AddAndDelete,
    /// For a route of the table.
    DeleteAndAdd,
}

/// The times of many changes. Each includes about 25 ns of the clock itself.
#[derive(Default)]
pub struct Samples {
    nanoseconds: Vec<u32>,
}

impl Samples {
    fn record(&mut self, time: Duration) {
        let nanoseconds = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        self.nanoseconds.push(nanoseconds);
    }

    /// The median, the 99th percentile and the maximum, in nanoseconds.
    pub fn summary(mut self) -> [f64; 3] {
        self.nanoseconds.sort_unstable();
        [50, 99, 100]
            .map(|percent| quantile(&self.nanoseconds, percent, 100).map_or(f64::NAN, f64::from))
    }
}

#[derive(Default)]
pub struct Latencies {
    pub add: Samples,
    pub delete: Samples,
}

impl Latencies {
    /// Adds a route and records the time.
    pub fn add(&mut self, table: &Table, route: &Route) -> Result<()> {
        let start = Instant::now();
        let done = table.insert(route, Mode::Add);
        self.add.record(start.elapsed());
        done.map_err(|error| anyhow!("{error:?}"))
            .with_context(|| format!("adding {route}"))
    }

    /// Deletes a route and records the time.
    pub fn delete(&mut self, table: &Table, route: &Route) -> Result<()> {
        let start = Instant::now();
        let done = table.remove(&route.prefix, Some(route.metric), None);
        self.delete.record(start.elapsed());
        done.map_err(|error| anyhow!("{error:?}"))
            .with_context(|| format!("deleting {route}"))
    }

    fn add_all(&mut self, table: &Table, routes: &[Route]) -> Result<()> {
        routes.iter().try_for_each(|route| self.add(table, route))
    }

    fn delete_all(&mut self, table: &Table, routes: &[Route]) -> Result<()> {
        routes
            .iter()
            .try_for_each(|route| self.delete(table, route))
    }

    fn pairs(&mut self, table: &Table, routes: &[Route], pair: Pair) -> Result<()> {
        match pair {
            Pair::AddAndDelete => {
                self.add_all(table, routes)?;
                self.delete_all(table, routes)
            }
            Pair::DeleteAndAdd => {
                self.delete_all(table, routes)?;
                self.add_all(table, routes)
            }
        }
    }
}

/// Adds routes and waits for reclaim.
pub fn add(table: &Table, routes: &[Route]) -> Result<()> {
    for batch in routes.chunks(BATCH) {
        Latencies::default().add_all(table, batch)?;
        rcu::barrier();
    }
    Ok(())
}

/// Deletes routes and waits for reclaim.
pub fn delete(table: &Table, routes: &[Route]) -> Result<()> {
    for batch in routes.chunks(BATCH) {
        Latencies::default().delete_all(table, batch)?;
        rcu::barrier();
    }
    Ok(())
}

/// Times a pair of changes for each route. The second change of a pair follows [`BATCH`] routes
/// after the first, so that its nodes have left the processor's caches.
pub fn time(table: &Table, routes: &[Route], pair: Pair) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for batch in routes.chunks(BATCH) {
        latencies.pairs(table, batch, pair)?;
        rcu::barrier();
    }
    Ok(latencies)
}

/// Times one route that is added and deleted `times` times.
pub fn flap(table: &Table, route: &Route, times: usize) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for number in 1..=times {
        latencies.add(table, route)?;
        latencies.delete(table, route)?;
        if number % BATCH == 0 {
            rcu::barrier();
        }
    }
    rcu::barrier();
    Ok(latencies)
}

/// Returns the bytes that a change copies, on average over some pairs of changes of `routes`.
pub fn copied(table: &Table, routes: &[Route], pair: Pair) -> Result<f64> {
    let before = memory::settled().bytes;
    // Blocks reclaim, so that all replaced nodes are counted.
    let reader = HeldReader::start();
    let mut changes = 0;
    let mut bytes = 0;
    for route in routes.chunks(1).cycle().take(MAX_PAIRS) {
        Latencies::default().pairs(table, route, pair)?;
        changes += 2;
        bytes = alloc::live().bytes - before;
        if bytes > MAX_RETIRED_BYTES {
            break;
        }
    }
    reader.release();
    rcu::barrier();
    Ok(bytes as f64 / f64::from(changes.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcu_routes::testing::{route, run, show, table};

    #[test]
    fn the_summary_has_median_99th_percentile_and_maximum() {
        let mut samples = Samples::default();
        for nanoseconds in (0..=100).rev() {
            samples.record(Duration::from_nanos(nanoseconds));
        }
        samples.record(Duration::from_secs(10));
        assert_eq!(samples.summary(), [50.0, 99.0, f64::from(u32::MAX)]);
        assert!(Samples::default().summary()[0].is_nan());
    }

    #[test]
    fn pairs_of_changes_leave_the_table_unchanged() {
        let _lock = memory::test_lock();
        let table = table();
        run(&table, "add 10.0.0.0/8 dev a").unwrap();
        let inside = [route("10.0.0.0/8 dev a")];
        let outside = [route("10.1.0.0/16 dev a")];
        for (routes, pair) in [
            (&inside, Pair::DeleteAndAdd),
            (&outside, Pair::AddAndDelete),
        ] {
            let latencies = time(&table, routes, pair).expect("both changes");
            let counts = [latencies.add, latencies.delete].map(|samples| samples.nanoseconds.len());
            assert_eq!(counts, [1, 1]);
            assert!(copied(&table, routes, pair).expect("both changes") > 0.0);
            assert_eq!(show(&table), ["10.0.0.0/8 dev a"]);
        }
        flap(&table, &outside[0], 3).expect("all changes");
        assert_eq!(show(&table), ["10.0.0.0/8 dev a"]);
        let error = time(&table, &outside, Pair::DeleteAndAdd).err();
        let error = format!("{:#}", error.expect("nothing to delete"));
        assert_eq!(error, "deleting 10.1.0.0/16 dev a: ESRCH");
    }
}
