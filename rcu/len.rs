// SPDX-License-Identifier: GPL-2.0

//! The number of entries of a table.

use super::{Domain, UpdateSide};
use core::sync::atomic::{AtomicUsize, Ordering};

/// A number of entries, which only updaters access.
pub struct Len(AtomicUsize);

impl Len {
    pub(super) const fn zero() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn get(&self) -> usize {
        // ORDERING: Relaxed suffices: the updaters' lock orders this load after the last store.
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `change`. The caller must hold the updaters' lock.
    #[inline]
    pub(super) fn add(&self, change: isize) {
        let len = self.get().wrapping_add_signed(change);
        // ORDERING: Relaxed suffices: the updaters' lock orders this store before the next access.
        self.0.store(len, Ordering::Relaxed);
    }
}

/// A structure that counts its entries.
pub trait Counted {
    /// Borrows the number.
    fn counter(&self) -> &Len;
}

impl<P: Counted, D: Domain> UpdateSide<'_, P, D> {
    /// Returns the number of entries.
    ///
    /// Context: any.
    #[inline]
    pub fn len(&self) -> usize {
        self.structure().counter().get()
    }

    /// Returns whether the table has no entries: C's `hash_empty()`.
    ///
    /// Context: any.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
