// SPDX-License-Identifier: GPL-2.0

//! The samples of one row.

use super::quantile::quantile;
use crate::kernel_ext::sort::sort_numbers;
use kernel::prelude::*;

/// Samples in ascending order.
pub(super) struct Samples(KVVec<u64>);

impl Samples {
    /// Room for `capacity` samples.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(capacity, GFP_KERNEL)?))
    }

    /// Adds samples while there is room, and ignores the rest.
    pub(super) fn add(&mut self, samples: &[u64]) {
        for sample in samples {
            let _ = self.0.push_within_capacity(*sample);
        }
        sort_numbers(&mut self.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the sample below which `percent` of the samples are; `None` without samples.
    pub(super) fn percentile(&self, percent: usize) -> Option<u64> {
        quantile(&self.0, percent, 100)
    }
}
