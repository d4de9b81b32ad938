// SPDX-License-Identifier: GPL-2.0

//! This module's table, over liburcu. A lookup calls `Snapshot::next_hop_ref()`, or in bulk
//! `Snapshot::next_hops()`, and reads the gateway's address.

use anyhow::{anyhow, Result};
use kernel::{prelude::*, sync::Arc};
use rcu_routes::rcu;
use rcu_routes::rcu_table::{read_lock, Guard, Mode, ReclaimMode, Settings, Table};

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::{sum, LookupMode, Peer};
use crate::ticks;

/// The lookups in one read-side critical section: as many as the packets of one NAPI poll.
const SECTION: usize = 64;
/// The number of addresses of a bulk lookup.
const BULK: usize = 32;

static SETTINGS: Settings = Settings::new();

pub fn set_reclaim(mode: ReclaimMode) {
    SETTINGS.set_reclaim(mode);
}

pub struct RcuTable(Arc<Table>);

impl RcuTable {
    pub fn new<A: Address>(input: &Input<A>) -> Result<Self> {
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL)
            .map_err(|error| anyhow!("an empty table: {error:?}"))?;
        let mut table = Self(table);
        for entry in &input.entries {
            table.add(entry)?;
        }
        Peer::<A>::wait_for_reclaim(&table);
        Ok(table)
    }
}

// Not inlined, as in `scale=lookup`: a data plane calls it.
#[inline(never)]
fn digest<A: Address>(table: &Table, address: A, guard: &Guard) -> u64 {
    let found = table.snapshot(guard).next_hop_ref(address.ip());
    found.map_or(0, |next_hop| next_hop.digest())
}

/// Looks up at least one and at most [`BULK`] addresses. Returns the sum of the answers.
// Not inlined, because a data plane also calls the bulk lookup as a function.
#[inline(never)]
fn bulk_sum<A: Address>(table: &Table, addresses: &[A], guard: &Guard) -> u64 {
    let mut ips = [addresses[0].to_ip(); BULK];
    for (ip, address) in ips.iter_mut().zip(addresses) {
        *ip = address.to_ip();
    }
    let mut found = [None; BULK];
    let found = &mut found[..addresses.len()];
    table
        .snapshot(guard)
        .next_hops(&ips[..addresses.len()], found);
    let answers = found.iter().flatten();
    answers.fold(0, |sum, answer| sum.wrapping_add(answer.digest()))
}

impl<A: Address> Peer<A> for RcuTable {
    fn name(&self) -> &'static str {
        "table"
    }

    fn has_bulk(&self) -> bool {
        true
    }

    fn supports_concurrent_readers(&self) -> bool {
        true
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let route = entry.route()?;
        let done = self.0.insert(&route, Mode::Add);
        done.map_err(|error| anyhow!("adding {route}: {error:?}"))
    }

    fn change(&mut self, entry: &Entry<A>) -> Result<()> {
        let route = entry.route()?;
        let done = self.0.insert(&route, Mode::Change);
        done.map_err(|error| anyhow!("changing {route}: {error:?}"))
    }

    fn delete(&mut self, entry: &Entry<A>) -> Result<()> {
        let prefix = entry.prefix()?;
        let done = self.0.remove(&prefix, Some(0), None);
        done.map_err(|error| anyhow!("deleting {prefix}: {error:?}"))
    }

    fn wait_for_reclaim(&self) {
        rcu::barrier();
    }

    fn next_hops(&self, addresses: &[A], hops: &mut [u32]) {
        let guard = read_lock();
        for (hop, address) in hops.iter_mut().zip(addresses) {
            *hop = A::gateway_number(digest(&self.0, *address, &guard));
        }
    }

    fn pass(&self, mode: LookupMode, addresses: &[A]) -> u64 {
        let section = |addresses: &[A]| {
            let guard = read_lock();
            if mode == LookupMode::Bulk {
                let sums = addresses
                    .chunks(BULK)
                    .map(|some| bulk_sum(&self.0, some, &guard));
                return sums.fold(0, u64::wrapping_add);
            }
            sum(mode, addresses, |address: A| {
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
