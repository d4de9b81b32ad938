// SPDX-License-Identifier: GPL-2.0

//! The versions that a step of the writer is about to apply.

use super::{universe::Universe, versions::Versions};
use kernel::prelude::*;

/// The versions after the current step.
pub(super) struct Pending {
    /// The clocks that the step advances.
    changing: KVec<usize>,
    /// The version of every clock after the step.
    next: KVec<u32>,
}

impl Pending {
    /// Returns a step without changes, with capacity for changes of all clocks.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(universe: &Universe, versions: &Versions) -> Result<Self> {
        let count = universe.clocks();
        let mut next = KVec::with_capacity(count, GFP_KERNEL)?;
        for clock in 0..count {
            next.push(versions.published(clock), GFP_KERNEL)?;
        }
        Ok(Self {
            changing: KVec::with_capacity(count, GFP_KERNEL)?,
            next,
        })
    }

    /// Adds the next version of a clock to the step, unless the step already has it.
    pub(super) fn add(&mut self, clock: usize) {
        if self.changing.contains(&clock) {
            return;
        }
        if let Some(next) = self.next.get_mut(clock) {
            *next = next.wrapping_add(1);
            // Cannot fail: `new()` reserved capacity for every clock.
            let _ = self.changing.push_within_capacity(clock);
        }
    }

    /// Returns the clocks that the step advances.
    pub(super) fn changing(&self) -> &[usize] {
        &self.changing
    }

    /// Returns the version of a clock after the step.
    pub(super) fn next(&self, clock: usize) -> u32 {
        self.next.get(clock).copied().unwrap_or(0)
    }

    /// Announces the new versions, before the table changes.
    pub(super) fn announce(&self, versions: &Versions) {
        for &clock in &self.changing {
            versions.announce(clock, self.next(clock));
        }
    }

    /// Publishes the new versions, after the table has changed. Ends the step.
    pub(super) fn publish(&mut self, versions: &Versions) {
        for &clock in &self.changing {
            versions.publish(clock, self.next(clock));
        }
        self.changing.clear();
    }

    /// Restores the published versions, after the table has not changed. Ends the step.
    pub(super) fn retract(&mut self, versions: &Versions) {
        for &clock in &self.changing {
            let published = versions.published(clock);
            versions.announce(clock, published);
            if let Some(next) = self.next.get_mut(clock) {
                *next = published;
            }
        }
        self.changing.clear();
    }
}
