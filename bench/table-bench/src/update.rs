// SPDX-License-Identifier: GPL-2.0

//! Time and memory of a single change.

use std::time::{Duration, Instant};

use anyhow::{anyhow, Context, Result};
use kernel::alloc;
use rcu_routes::rcu;
use rcu_routes::rcu_table::{Mode, Route, Table};
use rcu_routes::testing::HeldReader;

use crate::memory;
use crate::quantile::quantile;

/// The most routes that are changed before callbacks are waited for, so that they do not pile up.
pub const BATCH: usize = 10_000;

/// Pairs of changes whose memory is measured.
const HELD_PAIRS: usize = 1000;

/// How much may wait for a reader that is held: far below the limit at which the table waits.
const MAX_HELD_BYTES: usize = 16 << 20;

/// What is done to each route, and then undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// It is not in the table.
    AddAndDelete,
    /// It is in the table.
    DeleteAndAdd,
}

/// How long each of many changes took. The clock itself takes some 25 ns of it.
#[derive(Default)]
pub struct Samples {
    nanoseconds: Vec<u32>,
}

impl Samples {
    fn record(&mut self, time: Duration) {
        let nanoseconds = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        self.nanoseconds.push(nanoseconds);
    }

    /// Median, 99th percentile and maximum, in nanoseconds.
    pub fn summary(mut self) -> [f64; 3] {
        self.nanoseconds.sort_unstable();
        [50, 99, 100]
            .map(|percent| quantile(&self.nanoseconds, percent, 100).map_or(f64::NAN, f64::from))
    }
}

/// Times of adding and of deleting.
#[derive(Default)]
pub struct Latencies {
    /// Adding.
    pub add: Samples,
    /// Deleting.
    pub delete: Samples,
}

impl Latencies {
    /// Adds a route and records how long it took.
    pub fn add(&mut self, table: &Table, route: &Route) -> Result<()> {
        let start = Instant::now();
        let done = table.insert(route, Mode::Add);
        self.add.record(start.elapsed());
        done.map_err(|error| anyhow!("{error:?}"))
            .with_context(|| format!("adding {route}"))
    }

    /// Deletes a route and records how long it took.
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

/// Adds routes, and waits for callbacks.
pub fn add(table: &Table, routes: &[Route]) -> Result<()> {
    for batch in routes.chunks(BATCH) {
        Latencies::default().add_all(table, batch)?;
        rcu::barrier();
    }
    Ok(())
}

/// Deletes routes, and waits for callbacks.
pub fn delete(table: &Table, routes: &[Route]) -> Result<()> {
    for batch in routes.chunks(BATCH) {
        Latencies::default().delete_all(table, batch)?;
        rcu::barrier();
    }
    Ok(())
}

/// Times a pair of changes for each of some different routes. The second change of a pair comes
/// [`BATCH`] routes after the first, when the processor has other things in its caches.
pub fn time(table: &Table, routes: &[Route], pair: Pair) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for batch in routes.chunks(BATCH) {
        latencies.pairs(table, batch, pair)?;
        rcu::barrier();
    }
    Ok(latencies)
}

/// Times one route that comes and goes `times` times.
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

/// Bytes that a change allocates to replace others, on average over pairs of changes of some of the
/// `routes`: as many as fit into what may wait.
pub fn copied(table: &Table, routes: &[Route], pair: Pair) -> Result<f64> {
    let before = memory::settled().bytes;
    // Nothing is freed while it is there.
    let reader = HeldReader::start();
    let mut changes = 0;
    let mut bytes = 0;
    for route in routes.chunks(1).cycle().take(HELD_PAIRS) {
        Latencies::default().pairs(table, route, pair)?;
        changes += 2;
        bytes = alloc::live().bytes - before;
        if bytes > MAX_HELD_BYTES {
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
    fn median_and_99th_percentile() {
        let mut samples = Samples::default();
        for nanoseconds in (0..=100).rev() {
            samples.record(Duration::from_nanos(nanoseconds));
        }
        samples.record(Duration::from_secs(10));
        assert_eq!(samples.summary(), [50.0, 99.0, f64::from(u32::MAX)]);
        assert!(Samples::default().summary()[0].is_nan());
    }

    #[test]
    fn pairs_leave_the_table_as_it_was() {
        let _turn = memory::my_turn();
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
