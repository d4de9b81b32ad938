// SPDX-License-Identifier: GPL-2.0

//! Measures the distribution of the times of single lookups on stream b. Fences around the reads of
//! the time stamp counter keep lookups from overlapping.

use anyhow::Result;

use crate::address::Address;
use crate::input::Input;
use crate::peer::Peer;
use crate::quantile::quantile;
use crate::row::{rounded, Row};
use crate::ticks::TickScale;

/// The percentiles of a row.
const PERCENTS: [f64; 12] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0,
];

pub fn measure<A: Address>(
    input: &Input<A>,
    addresses: &[A],
    peer: &dyn Peer<A>,
    scale: &TickScale,
) -> Result<()> {
    let mut ticks = vec![0; addresses.len()];
    peer.ticks(addresses, &mut ticks);
    ticks.sort_unstable();
    let at = |percent: f64| {
        let ticks = quantile(&ticks, (percent * 100.0).round() as usize, 100 * 100)?;
        Some((percent, rounded(scale.nanoseconds(ticks))))
    };
    let row = Row {
        what: Some(peer.name()),
        family: Some(A::FAMILY),
        stream: Some("b"),
        set: Some(input.set),
        routes: Some(input.entries.len()),
        readers: Some(1),
        percentiles: PERCENTS.into_iter().map(at).collect(),
        ..Row::new("latency")
    };
    row.print()
}
