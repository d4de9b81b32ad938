// SPDX-License-Identifier: GPL-2.0

//! Figures of one row, and what is told of them.

use super::quantile::quantile;
use kernel::prelude::*;

/// Figures in ascending order.
pub(super) struct Samples(KVVec<u64>);

impl Samples {
    /// Room for so many.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(capacity, GFP_KERNEL)?))
    }

    /// Takes others, as far as there is room.
    pub(super) fn take(&mut self, figures: &[u64]) {
        for figure in figures {
            // Without room there is nothing to be said against those that are there.
            let _ = self.0.push_within_capacity(*figure);
        }
        self.0.sort_unstable();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The percentile `percent`.
    pub(super) fn at(&self, percent: usize) -> Option<u64> {
        quantile(&self.0, percent, 100)
    }
}
