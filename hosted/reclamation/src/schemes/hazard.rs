// SPDX-License-Identifier: GPL-2.0

//! Hazard pointers: each reader announces the table that it reads, and an updater frees the others.

use super::{Reader, Scheme};
use crate::Routes;
use haphazard::{AtomicPtr, Domain, Global, HazardPointer};

/// haphazard looks for tables that it can free when this many await it.
pub(super) const MAX_RETIRED: usize = 1000;

/// A table under hazard pointers.
///
/// # Invariants
///
/// A table is retired once, after its replacement or with this object.
pub struct Hazard(AtomicPtr<Routes>);

/// A hazard pointer, and the table that it protects.
pub struct HazardReader<'a> {
    pointer: HazardPointer<'static, Global>,
    current: &'a AtomicPtr<Routes>,
}

impl Scheme for Hazard {
    type Reader<'a> = HazardReader<'a>;

    fn new(first: Routes) -> Self {
        // INVARIANT: The table is not retired.
        Self(AtomicPtr::from(Box::new(first)))
    }

    fn reader(&self) -> HazardReader<'_> {
        HazardReader {
            pointer: HazardPointer::new(),
            current: &self.0,
        }
    }

    fn update(&self, change: impl FnOnce(&Routes) -> Routes) {
        let new = self.reader().read(change);
        let old = self.0.swap(Box::new(new));
        // SAFETY: The swap unpublished the table. By the type invariant it is not yet retired.
        old.map(|old| unsafe { old.retire() });
    }

    fn reclaim(&self) {
        Domain::global().eager_reclaim();
    }
}

impl Reader for HazardReader<'_> {
    fn read<T>(&mut self, body: impl FnOnce(&Routes) -> T) -> T {
        let routes = self.current.safe_load(&mut self.pointer);
        let result = body(routes.expect("a table is always published"));
        self.pointer.reset_protection();
        result
    }
}

impl Drop for Hazard {
    fn drop(&mut self) {
        // SAFETY: Null is a valid pointer, and nobody loads it any more.
        let last = unsafe { self.0.swap_ptr(std::ptr::null_mut()) };
        // SAFETY: The table is unpublished. By the type invariant it is not yet retired.
        last.map(|last| unsafe { last.retire() });
    }
}
