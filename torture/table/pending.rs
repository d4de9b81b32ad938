// SPDX-License-Identifier: GPL-2.0

//! The versions that a step is about to make.

use super::{universe::Universe, versions::Versions};
use kernel::prelude::*;

/// The versions that a step is about to make.
pub(super) struct Pending {
    /// Those that change.
    clocks: KVec<usize>,
    /// All, as they will be.
    next: KVec<u32>,
}

impl Pending {
    /// None, with room for all.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(universe: &Universe, versions: &Versions) -> Result<Self> {
        let count = universe.clocks();
        let mut next = KVec::with_capacity(count, GFP_KERNEL)?;
        for clock in 0..count {
            next.push(versions.published(clock), GFP_KERNEL)?;
        }
        Ok(Self {
            clocks: KVec::with_capacity(count, GFP_KERNEL)?,
            next,
        })
    }

    /// Has one more change.
    pub(super) fn add(&mut self, clock: usize) {
        if self.clocks.contains(&clock) {
            return;
        }
        if let Some(next) = self.next.get_mut(clock) {
            *next = next.wrapping_add(1);
            // There is room for all.
            let _ = self.clocks.push_within_capacity(clock);
        }
    }

    /// Those that change.
    pub(super) fn clocks(&self) -> &[usize] {
        &self.clocks
    }

    /// The version as it will be.
    pub(super) fn next(&self, clock: usize) -> u32 {
        self.next.get(clock).copied().unwrap_or(0)
    }

    /// Says that the table is about to have them.
    pub(super) fn announce(&self, versions: &Versions) {
        for &clock in &self.clocks {
            versions.announce(clock, self.next(clock));
        }
    }

    /// Says that the table has them.
    pub(super) fn publish(&mut self, versions: &Versions) {
        for &clock in &self.clocks {
            versions.publish(clock, self.next(clock));
        }
        self.clocks.clear();
    }

    /// Says that the table will not have them.
    pub(super) fn retract(&mut self, versions: &Versions) {
        for &clock in &self.clocks {
            let published = versions.published(clock);
            versions.announce(clock, published);
            if let Some(next) = self.next.get_mut(clock) {
                *next = published;
            }
        }
        self.clocks.clear();
    }
}
