// SPDX-License-Identifier: GPL-2.0

//! Torture of the route table: the steps of each thread. The caller supplies the threads.
//!
//! Each prefix has a *version*, which increases with each change and determines whether the prefix
//! is present. The gateway of a route encodes its prefix and version, so a reader can check each
//! answer:
//!
//! ```text
//!   writer   announce version 7      change the table      publish version 7
//!                     │                      │                     │
//!   ──────────────────┼──────────────────────┼─────────────────────┼──────────► time
//!   reader    (a) 6 is valid      (b) 6 and 7 are valid      (c) 7 is valid
//!
//!   A lookup loads the published version, looks up the address, and loads the announced version. A
//!   valid answer has one of the versions from the published to the announced one.
//! ```
//!
//! - The [`Writer`] makes all changes that are checked: single changes, transactions, reloads and
//!   flushes. Some of its transactions are invalid. It also switches the method of reclaim.
//! - [`FakeWriter`]s change other prefixes in the same nodes.
//! - [`Reader`]s look up addresses, look up several addresses in one snapshot, and dump the table.
//!   They hold the nodes that they passed; a [`Quarantine`](crate::rcu_table::Quarantine) poisons a
//!   node when it is reclaimed.
//!
//! After the run, every retired object must have been reclaimed.

use crate::{
    rcu,
    rcu_table::{quarantined_objects, Mode, ReclaimMode, Settings, Table},
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{prelude::*, sync::Arc};

mod dump_check;
mod fake_writer;
mod finding;
mod injected_bug;
mod lookup_check;
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
pub(crate) use reader::{Read, ReadKind};
pub(crate) use step::Step;
pub(crate) use writer::Writer;

use dump_check::DumpCheck;
use injected_bug::InjectedBug;
use universe::{Focus, Universe, COVERS_VERSION};
use versions::Versions;

/// Returns a random number from 0 to one less than its argument.
pub(crate) type Random<'r> = dyn FnMut(u32) -> u32 + 'r;

/// A bug that is injected to show that the checks detect it. Readers access no freed memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Bug {
    /// No bug.
    None,
    /// Retired nodes are poisoned at once, as if a grace period had ended.
    SkipGp,
    /// The callback of one batch of nodes is not queued.
    LostCallback,
    /// The number of an answer is reused at once.
    ReuseBeforeGp,
    /// Changes are announced after they were made.
    LateAnnouncement,
    /// The changes of a transaction are applied one by one.
    TornTransaction,
    /// Single changes are published but not applied.
    LostChange,
}

impl Bug {
    /// Returns whether readers detect the bug sooner if no change waits for a grace period. They
    /// detect `LateAnnouncement` while a change waits.
    fn needs_fast_changes(self) -> bool {
        !matches!(self, Self::None | Self::LateAnnouncement)
    }

    /// Returns which routes to change and to look up. Only the reader of the route whose number is
    /// reused detects `ReuseBeforeGp`.
    fn focus(self) -> Focus {
        match self {
            Self::ReuseBeforeGp => Focus::OneChain,
            _ => Focus::All,
        }
    }
}

/// The settings of the table under torture. The [`Writer`] changes them.
static SETTINGS: Settings = Settings::with_quarantine(&INJECTED_BUG);
static INJECTED_BUG: InjectedBug = InjectedBug::new();

/// A table under torture, and the versions that its routes may have.
///
/// At most one exists at a time: the settings, and the count of quarantined nodes, are shared.
pub(crate) struct TableTorture {
    table: Arc<Table>,
    universe: Universe,
    versions: Versions,
    bug: Bug,
    has_writer: AtomicBool,
}

impl TableTorture {
    /// Returns a table with the routes that never change.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(crate) fn new(bug: Bug) -> Result<Arc<Self>> {
        INJECTED_BUG.set(bug);
        SETTINGS.set_reclaim(ReclaimMode::Call);
        SETTINGS.set_reclaim_max_kb(Settings::new().reclaim_max_kb());
        let universe = Universe::new(bug.focus())?;
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

    /// Checks the table after all threads have ended: it has exactly the routes of the last
    /// versions; a flush empties it; every retired object is reclaimed. Afterwards the caller must
    /// drop `self`.
    ///
    /// Context: may sleep; waits for grace periods and callbacks.
    pub(crate) fn check_at_end(&self) -> Result<(), Finding> {
        self.check_contents()?;
        self.check_flush()?;
        // The first barrier waits for the callbacks that poison nodes, the second one for the
        // callbacks that those queued to free the nodes.
        rcu::barrier();
        rcu::barrier();
        match quarantined_objects() {
            0 => Ok(()),
            objects => Err(Finding::NotReclaimed { objects }),
        }
    }

    fn check_contents(&self) -> Result<(), Finding> {
        // Without memory for the dump, omits the check.
        let Ok(mut dump) = DumpCheck::new(&self.universe) else {
            return Ok(());
        };
        dump.check(&self.table, &self.universe, &self.versions)
            .map(drop)
    }

    fn check_flush(&self) -> Result<(), Finding> {
        let flushed = self.table.flush(None);
        flushed.map_err(|error| Finding::FlushFailed { error })?;
        let stats = self.table.stats();
        let stats = stats.map_err(|error| Finding::FlushFailed { error })?;
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

    /// Returns whether the caller became the only writer.
    fn claim_writer(&self) -> bool {
        // ORDERING: Acquire: pairs with `release_writer()`; the last writer's effects are visible.
        !self.has_writer.swap(true, Ordering::Acquire)
    }

    fn release_writer(&self) {
        // ORDERING: Release: pairs with `claim_writer()`.
        self.has_writer.store(false, Ordering::Release);
    }
}

impl Drop for TableTorture {
    fn drop(&mut self) {
        INJECTED_BUG.recover_lost_batch();
    }
}
