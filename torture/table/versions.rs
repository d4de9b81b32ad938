// SPDX-License-Identifier: GPL-2.0

//! The versions of the prefixes, and which of them a reader may see.

use core::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::prelude::*;

/// The current version of one prefix, or of a group of prefixes that change together.
struct Clock {
    /// The newest version that the table may have.
    announced: AtomicU32,
    /// The oldest version that the table may have.
    published: AtomicU32,
}

/// The versions of all prefixes, by the number of their clock.
pub(super) struct Versions {
    clocks: KVec<Clock>,
}

/// The range of versions that a reader may have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Returns whether the route is present in a version. Of each four versions, the first deletes the
/// route, the second adds it, and the other two change it.
pub(super) const fn is_present(version: u32) -> bool {
    version % 4 != 0
}

impl Window {
    /// Returns whether the route may have been present in that version.
    pub(super) fn has(self, version: u32) -> bool {
        is_present(version) && (self.first..=self.last).contains(&version)
    }

    /// Returns whether the route may have been absent.
    pub(super) fn may_be_absent(self) -> bool {
        // In one of four consecutive versions the route is absent.
        let last = self.last.min(self.first.saturating_add(3));
        (self.first..=last).any(|version| !is_present(version))
    }

    /// Returns whether a change raced with the read.
    pub(super) fn is_raced(self) -> bool {
        self.first != self.last
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}

impl Versions {
    /// Returns `count` clocks at version 0: all prefixes are absent.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut clocks = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            let clock = Clock {
                announced: AtomicU32::new(0),
                published: AtomicU32::new(0),
            };
            clocks.push_within_capacity(clock).map_err(|_| ENOMEM)?;
        }
        Ok(Self { clocks })
    }

    /// Announces a version, before the table changes to it. After a failed change, announces the
    /// old version again.
    pub(super) fn announce(&self, clock: usize, version: u32) {
        if let Some(clock) = self.clocks.get(clock) {
            // ORDERING: Relaxed: the release with which the table publishes the change follows. A
            // reader that sees the change also sees its announcement.
            clock.announced.store(version, Ordering::Relaxed);
        }
    }

    /// Publishes a version, after the table has changed to it.
    pub(super) fn publish(&self, clock: usize, version: u32) {
        if let Some(clock) = self.clocks.get(clock) {
            // ORDERING: Release: pairs with `published()`. A reader that sees the version also sees
            // the change of the table.
            clock.published.store(version, Ordering::Release);
        }
    }

    /// Returns the oldest version that a later read of the table may see.
    pub(super) fn published(&self, clock: usize) -> u32 {
        self.clocks.get(clock).map_or(0, |clock| {
            // ORDERING: Acquire: pairs with the release in `publish()`.
            clock.published.load(Ordering::Acquire)
        })
    }

    /// Returns the versions that a reader may have seen since [`published`](Self::published)
    /// returned `first`.
    pub(super) fn window(&self, clock: usize, first: u32) -> Window {
        let last = self.clocks.get(clock).map_or(0, |clock| {
            // ORDERING: Relaxed: the reader loaded the table's links with acquire before. So this
            // load sees the announcement of every change that the reader saw.
            clock.announced.load(Ordering::Relaxed)
        });
        Window { first, last }
    }
}
