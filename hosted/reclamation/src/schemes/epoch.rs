// SPDX-License-Identifier: GPL-2.0

//! Epochs: a table is freed two epochs after its end, and a reader holds its epoch.

use super::{Reader, Scheme};
use crate::Routes;
use crossbeam_epoch::{pin, Atomic, Guard, Owned, Shared};
use std::sync::atomic::Ordering;

/// A table under epoch-based reclamation.
///
/// # Invariants
///
/// The pointer is not null. A table is destroyed by `defer_destroy()` after its replacement, or with
/// this object.
pub struct Epoch(Atomic<Routes>);

impl Epoch {
    fn current<'g>(&self, guard: &'g Guard) -> &'g Routes {
        // SAFETY: By the type invariant the pointer is not null, and the guard delays destruction.
        unsafe { self.0.load(Ordering::Acquire, guard).deref() }
    }
}

impl Scheme for Epoch {
    type Reader<'a> = &'a Epoch;

    fn new(first: Routes) -> Self {
        // INVARIANT: The table is neither null nor destroyed.
        Self(Atomic::new(first))
    }

    fn reader(&self) -> &Self {
        self
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        let guard = pin();
        let new = Owned::new(change(self.current(&guard)));
        let old: Shared<'_, Routes> = self.0.swap(new, Ordering::AcqRel, &guard);
        // SAFETY: The swap unpublished the table, and only this thread has the result of the swap.
        unsafe { guard.defer_destroy(old) };
    }

    fn reclaim(&self) {
        pin().flush();
    }
}

impl Reader for &Epoch {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        body(self.current(&pin()))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        // SAFETY: No reader has a reference to this object, and the last table has no other owner.
        drop(unsafe { std::mem::replace(&mut self.0, Atomic::null()).into_owned() });
    }
}
