// SPDX-License-Identifier: GPL-2.0

//! This module's table, over liburcu: `Snapshot::next_hop_ref()`, and the gateway's address read.

use anyhow::{anyhow, Result};
use kernel::{prelude::*, sync::Arc};
use rcu_routes::rcu;
use rcu_routes::rcu_table::{read_lock, Guard, Mode, ReclaimMode, Settings, Table};

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::{sum, Peer, Way};
use crate::ticks;

/// Lookups in one read-side critical section: as many packets as a driver handles in one poll.
const SECTION: usize = 64;

/// What the table heeds.
static SETTINGS: Settings = Settings::new();

/// Sets how retired memory is reclaimed from now on.
pub fn set_reclaim(mode: ReclaimMode) {
    SETTINGS.set_reclaim(mode);
}

/// The table.
pub struct Ours(Arc<Table>);

impl Ours {
    /// One with these prefixes.
    pub fn new<A: Address>(input: &Input<A>) -> Result<Self> {
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL)
            .map_err(|error| anyhow!("an empty table: {error:?}"))?;
        let mut ours = Self(table);
        for entry in &input.entries {
            ours.add(entry)?;
        }
        Peer::<A>::settle(&ours);
        Ok(ours)
    }
}

// As in `scale=lookup`: a data plane calls it.
#[inline(never)]
fn digest<A: Address>(table: &Table, address: A, guard: &Guard) -> u64 {
    let found = table.snapshot(guard).next_hop_ref(address.ip());
    found.map_or(0, |next_hop| next_hop.digest())
}

impl<A: Address> Peer<A> for Ours {
    fn name(&self) -> &'static str {
        "table"
    }

    fn has_crowds(&self) -> bool {
        true
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let route = entry.route()?;
        let done = self.0.insert(&route, Mode::Add);
        done.map_err(|error| anyhow!("adding {route}: {error:?}"))
    }

    fn delete(&mut self, entry: &Entry<A>) -> Result<()> {
        let prefix = entry.prefix()?;
        let done = self.0.remove(&prefix, Some(0), None);
        done.map_err(|error| anyhow!("deleting {prefix}: {error:?}"))
    }

    fn settle(&self) {
        rcu::barrier();
    }

    fn answers(&self, addresses: &[A], hops: &mut [u32]) {
        let guard = read_lock();
        for (hop, address) in hops.iter_mut().zip(addresses) {
            *hop = A::number(digest(&self.0, *address, &guard));
        }
    }

    fn pass(&self, way: Way, addresses: &[A]) -> u64 {
        let section = |addresses| {
            let guard = read_lock();
            sum(way, addresses, |address: A| {
                digest(&self.0, address, &guard)
            })
        };
        addresses
            .chunks(SECTION)
            .map(section)
            .fold(0, u64::wrapping_add)
    }

    fn ticks(&self, addresses: &[A], ticks: &mut [u32]) {
        for (addresses, ticks) in addresses.chunks(SECTION).zip(ticks.chunks_mut(SECTION)) {
            let guard = read_lock();
            ticks::time(addresses, ticks, |address: A| {
                digest(&self.0, address, &guard)
            });
        }
    }
}
