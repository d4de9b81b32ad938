// SPDX-License-Identifier: GPL-2.0

//! Measures single changes. Gives random prefixes of the table other next hops, deletes the
//! prefixes and adds them again, thousands at a time, so that their nodes leave the processor's
//! caches in between. Each figure includes about 25 ns of the clock.

use std::time::Instant;

use anyhow::Result;
use rcu_routes::testing::Random;
use table_bench::update::BATCH;

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::Peer;
use crate::quantile::quantile;
use crate::row::Row;

/// Times in nanoseconds.
type Samples = Vec<u32>;

fn time(samples: &mut Samples, change: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    let done = change();
    samples.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    done
}

/// Measures `count` changes of each kind.
pub fn measure<A: Address>(
    input: &Input<A>,
    peer: &mut dyn Peer<A>,
    count: usize,
    reclaim: Option<&'static str>,
) -> Result<()> {
    let mut entries = input.changeable();
    Random::new(2).shuffle(&mut entries);
    entries.truncate(count);
    let (mut adds, mut changes, mut deletes) = (Samples::new(), Samples::new(), Samples::new());
    for batch in entries.chunks(BATCH) {
        for (entry, other) in batch.iter().zip(batch.iter().cycle().skip(1)) {
            // A table may do nothing for a change to the same next hop.
            if entry.hop != other.hop {
                let changed = Entry {
                    hop: other.hop,
                    ..*entry
                };
                time(&mut changes, || peer.change(&changed))?;
            }
        }
        for entry in batch {
            time(&mut deletes, || peer.delete(entry))?;
        }
        for entry in batch {
            time(&mut adds, || peer.add(entry))?;
        }
        // Bounds the retired memory.
        peer.wait_for_reclaim();
    }
    for (change, mut samples) in [("add", adds), ("change", changes), ("delete", deletes)] {
        samples.sort_unstable();
        let at = |percent| quantile(&samples, percent, 100).map(f64::from);
        let row = Row {
            what: Some(peer.name()),
            family: Some(A::FAMILY),
            set: Some(input.set),
            routes: Some(input.entries.len()),
            change: Some(change),
            reclaim,
            min: at(0),
            median: at(50),
            p99: at(99),
            max: at(100),
            ..Row::new("update")
        };
        row.print()?;
    }
    Ok(())
}
