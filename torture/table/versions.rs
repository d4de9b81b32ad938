// SPDX-License-Identifier: GPL-2.0

//! Which versions of the prefixes are valid.

use core::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::prelude::*;

/// The version of one prefix, or of several that change together.
struct Clock {
    /// The last version that may be in the table.
    announced: AtomicU32,
    /// The first version that may still be in the table.
    published: AtomicU32,
}

/// The versions of all.
pub(super) struct Versions {
    clocks: KVec<Clock>,
}

/// The versions that may be seen, first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Whether the route is there in that version: it is added, changed twice, and deleted.
pub(super) const fn is_present(version: u32) -> bool {
    version % 4 != 0
}

impl Window {
    /// Whether the route may have been there, in that version.
    pub(super) fn has(self, version: u32) -> bool {
        is_present(version) && (self.first..=self.last).contains(&version)
    }

    /// Whether the route may have been absent.
    pub(super) fn may_be_absent(self) -> bool {
        // Of four versions in a row, one is.
        let last = self.last.min(self.first.saturating_add(3));
        (self.first..=last).any(|version| !is_present(version))
    }

    /// Whether the table changed meanwhile.
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
    /// All at version 0: absent.
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

    /// Says that the table is about to have that version, or, after a failure, that it is not.
    pub(super) fn announce(&self, clock: usize, version: u32) {
        if let Some(clock) = self.clocks.get(clock) {
            // ORDERING: The release with which the table publishes a change orders it: who sees the change
            // sees the announcement.
            clock.announced.store(version, Ordering::Relaxed);
        }
    }

    /// Says that the table has that version now.
    pub(super) fn publish(&self, clock: usize, version: u32) {
        if let Some(clock) = self.clocks.get(clock) {
            // ORDERING: Release: who sees this finds the change in the table.
            clock.published.store(version, Ordering::Release);
        }
    }

    /// The oldest version that may be seen from now on.
    pub(super) fn published(&self, clock: usize) -> u32 {
        self.clocks.get(clock).map_or(0, |clock| {
            // ORDERING: Pairs with the release in `publish()`.
            clock.published.load(Ordering::Acquire)
        })
    }

    /// The versions that may have been seen since `first` was [published](Self::published).
    pub(super) fn window(&self, clock: usize, first: u32) -> Window {
        let last = self.clocks.get(clock).map_or(0, |clock| {
            // ORDERING: Links in the table are followed with acquire, so this comes behind them, and sees
            // the announcement of what they showed.
            clock.announced.load(Ordering::Relaxed)
        });
        Window { first, last }
    }
}
