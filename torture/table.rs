// SPDX-License-Identifier: GPL-2.0

//! Torture of the route table: what a step of each thread is, without the threads.
//!
//! Every prefix has a *version* that counts its changes, and which versions are present and which are
//! absent is known. The gateway of a route tells its prefix and version. So a reader knows for itself
//! whether what it was told was right at that time:
//!
//! ```text
//!   writer   announce version 7      change the table      publish version 7
//!                     │                      │                     │
//!   ──────────────────┼──────────────────────┼─────────────────────┼──────────► time
//!   reader    (a) 6 is valid      (b) 6 and 7 are valid      (c) 7 is valid
//!
//!   a lookup: load what is published ─ look up ─ load what is announced: the answer lies between
//! ```
//!
//! - One [`Writer`] makes all changes of the prefixes that are checked: single ones, transactions,
//!   reloads, flushes, and some that must fail; it switches between the ways of reclaim.
//! - [`FakeWriter`]s churn prefixes of their own in the same nodes.
//! - [`Reader`]s look up, look up several addresses in one snapshot, and dump. They stay on the nodes
//!   that they have passed, which the table's [`Quarantine`](crate::rcu_table::Quarantine) poisons.
//!
//! At the end everything that was retired must have come back.

use crate::{
    rcu,
    rcu_table::{quarantined_objects, Mode, ReclaimMode, Settings, Table},
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{prelude::*, sync::Arc};

mod check;
mod fake_writer;
mod finding;
mod injected_bug;
mod origin;
mod pending;
mod reader;
mod step;
mod universe;
mod versions;
mod writer;

pub(crate) use fake_writer::FakeWriter;
pub(crate) use finding::Finding;
pub(crate) use reader::Reader;
#[cfg(test)]
pub(crate) use reader::{Read, Reading};
pub(crate) use step::Step;
pub(crate) use writer::Writer;

use check::DumpCheck;
use injected_bug::InjectedBug;
use universe::{Universe, COVERS_VERSION};
use versions::Versions;

/// A number below the one given, which is not 0.
pub(crate) type Random<'r> = dyn FnMut(u32) -> u32 + 'r;

/// What goes wrong on purpose, so that the checks are seen to notice. No memory is used that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Bug {
    /// Nothing.
    None,
    /// Nodes are taken for reclaimed at once, as if a grace period had passed.
    SkipGp,
    /// A node's callback is not queued.
    LostCallback,
    /// The place of a next hop is reused at once.
    ReuseBeforeGp,
    /// Changes are announced when they have been made, so that they come as a surprise.
    LateAnnouncement,
    /// The changes of a transaction are made one by one.
    TornTransaction,
    /// Single changes are taken for made that were not.
    LostChange,
}

impl Bug {
    /// Whether the mistake shows sooner when no change waits for a grace period. The one that announces too
    /// late shows while it waits.
    fn wants_speed(self) -> bool {
        !matches!(self, Self::None | Self::LateAnnouncement)
    }
}

/// What the table under torture heeds; the [`Writer`] changes it.
static SETTINGS: Settings = Settings::with_quarantine(&INJECTED_BUG);
static INJECTED_BUG: InjectedBug = InjectedBug::new();

/// A table under torture, and what is known of it.
///
/// There is one at a time: the settings, and the count of nodes in quarantine, are shared.
pub(crate) struct TableTorture {
    table: Arc<Table>,
    universe: Universe,
    versions: Versions,
    bug: Bug,
    has_writer: AtomicBool,
}

impl TableTorture {
    /// A table with the routes that never change.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(crate) fn new(bug: Bug) -> Result<Arc<Self>> {
        INJECTED_BUG.set(bug);
        SETTINGS.set_reclaim(ReclaimMode::Call);
        SETTINGS.set_reclaim_max_kb(Settings::new().reclaim_max_kb());
        let universe = Universe::new()?;
        let versions = Versions::new(universe.clocks())?;
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL)?;
        for site in universe.covers() {
            let clock = universe.clock(site);
            versions.announce(clock, COVERS_VERSION);
            table.insert(&universe.route(site, COVERS_VERSION), Mode::Add)?;
            versions.publish(clock, COVERS_VERSION);
        }
        let torture = Self {
            table,
            universe,
            versions,
            bug,
            has_writer: AtomicBool::new(false),
        };
        Ok(Arc::new(torture, GFP_KERNEL)?)
    }

    /// What is left to check when nobody reads or writes any more: the table has exactly what it should
    /// have, then it gets empty, and all that was retired comes back. Afterwards this is to be dropped.
    ///
    /// Context: may sleep; waits for grace periods and callbacks.
    pub(crate) fn check_at_end(&self) -> Result<(), Finding> {
        self.check_contents()?;
        self.check_empties()?;
        // For the callbacks that mark nodes, and for those that these queue to free them.
        rcu::barrier();
        rcu::barrier();
        match quarantined_objects() {
            0 => Ok(()),
            objects => Err(Finding::NotReclaimed { objects }),
        }
    }

    fn check_contents(&self) -> Result<(), Finding> {
        // Without memory for a dump its check is left out.
        let Ok(mut dump) = DumpCheck::new(&self.universe) else {
            return Ok(());
        };
        dump.check(&self.table, &self.universe, &self.versions)
            .map(drop)
    }

    fn check_empties(&self) -> Result<(), Finding> {
        let flushed = self.table.flush(None);
        flushed.map_err(|error| Finding::FlushFailed { error })?;
        let stats = self.table.stats();
        let left = [
            stats.routes_inet + stats.routes_inet6,
            stats.next_hops,
            stats.objects,
            stats.bytes,
        ];
        match left {
            [0, 0, 0, 0] => Ok(()),
            [routes, next_hops, objects, bytes] => Err(Finding::NotEmpty {
                routes,
                next_hops,
                objects,
                bytes,
            }),
        }
    }

    /// Whether the caller becomes the writer.
    fn claim_writer(&self) -> bool {
        // ORDERING: Acquire: what the last writer did is seen.
        !self.has_writer.swap(true, Ordering::Acquire)
    }

    fn release_writer(&self) {
        // ORDERING: Release, for the next one.
        self.has_writer.store(false, Ordering::Release);
    }
}

impl Drop for TableTorture {
    fn drop(&mut self) {
        INJECTED_BUG.recover_lost_node();
    }
}
