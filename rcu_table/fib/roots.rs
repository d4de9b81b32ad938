// SPDX-License-Identifier: GPL-2.0

//! The roots of both families: unpublished ones, the published ones, and the root of one family.

use super::{
    level::Level,
    node::Link,
    object::{allocate, gfp, Fib, Line},
    word::PointerWord,
    Best, Roots, Slots, NO_PAGE,
};
use crate::{
    rcu::Guard,
    rcu_table::{stats::Footprint, Family},
};
use core::{
    mem::{size_of, ManuallyDrop},
    ptr::{self, NonNull},
};
use kernel::prelude::*;

/// Unpublished roots.
///
/// # Invariants
///
/// The object is roots whose slots are initialised, and has no other owner.
pub(in super::super) struct RootsBox(Fib);

impl RootsBox {
    /// The memory of one family's root.
    pub(in super::super) const FAMILY: Footprint = Footprint::of_object(size_of::<Slots>());
    pub(super) const LINES: usize = size_of::<Roots>() / size_of::<Line>();

    /// Allocates roots without routes.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in super::super) fn new() -> Result<Self> {
        let memory = allocate(Self::LINES)?;
        // INVARIANT: The loop below initialises the slots.
        // SAFETY: The memory is new and has these lines.
        let new = Self(unsafe { Fib::roots(memory) });
        for family in Family::ALL {
            // SAFETY: The slots are new memory.
            unsafe { ptr::copy_nonoverlapping(&raw const NO_PAGE, new.slots(family), 1) };
            new.clear(family);
        }
        Ok(new)
    }

    fn slots(&self, family: Family) -> *mut Slots {
        let memory = self.0.link.map_or(ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: By the type invariant the object has an array of slots for each family.
        unsafe { memory.cast::<Slots>().add(family as usize) }
    }

    /// Removes the routes of a family.
    pub(in super::super) fn clear(&self, family: Family) {
        let Root(slots) = self.root(family);
        slots.set_hidden(None);
        for slot in &slots.0 {
            slot.set_best(Best::NONE);
            slot.set_link(Link::no_page().0.as_ptr());
        }
    }

    /// Copies the links and routes of published roots, without the hidden routes.
    pub(in super::super) fn copy(&self, from: &Roots) {
        for family in Family::ALL {
            let (Root(to), from) = (self.root(family), &from.0[family as usize]);
            for (to, from) in to.0.iter().zip(&from.0) {
                to.set_link(from.link());
                to.set_best(from.best());
            }
        }
    }

    /// Copies the hidden routes of published roots.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in super::super) fn copy_hidden(&self, from: &Roots) -> Result {
        for family in Family::ALL {
            if let Some(hidden) = from.0[family as usize].hidden() {
                let copy = KBox::new(hidden.copy()?, gfp())?;
                self.root(family).0.set_hidden(Some(copy));
            }
        }
        Ok(())
    }

    /// Takes over the hidden routes of a family's published root.
    pub(in super::super) fn take_hidden(&self, from: &Roots, family: Family) {
        let from = &from.0[family as usize];
        self.root(family).0.set_hidden(from.take_hidden());
    }

    /// Returns one family's root.
    pub(in super::super) fn root(&self, family: Family) -> Root<'_> {
        // SAFETY: By the type invariant the slots are initialised, and live as long as `self`.
        Root(unsafe { &*self.slots(family) })
    }

    /// Returns the roots as an object to retire.
    pub(in super::super) fn into_fib(self) -> Fib {
        let this = ManuallyDrop::new(self);
        this.0.duplicate()
    }
}

impl Drop for RootsBox {
    fn drop(&mut self) {
        self.0.duplicate().free();
    }
}

/// The root of a family, for the updater.
#[derive(Clone, Copy)]
pub(in super::super) struct Root<'a>(&'a Slots);

impl<'a> Root<'a> {
    pub(super) fn slots(self) -> &'a Slots {
        self.0
    }

    /// Returns the root as a level.
    pub(in super::super) fn level(self, family: Family) -> Level<'a> {
        Level::root(self.0, family)
    }
}

/// The pointer to the published roots.
///
/// # Invariants
///
/// It owns live roots.
pub(in super::super) struct RootsPointer(PointerWord<Roots>);

impl RootsPointer {
    /// Publishes the first roots of a table.
    pub(in super::super) fn new(roots: RootsBox) -> Self {
        let roots = ManuallyDrop::new(roots);
        // INVARIANT: The pointer takes over the roots, which the box keeps live.
        Self(PointerWord::new(roots.slots(Family::Inet).cast()))
    }

    /// Returns the roots, for readers.
    #[inline(always)]
    pub(in super::super) fn dereference<'g>(&'g self, _guard: &'g Guard) -> &'g Roots {
        // SAFETY: By the type invariant the roots are live. Those that are replaced stay live for a
        // grace period, which the guard prevents from ending.
        unsafe { &*self.0.load() }
    }

    /// Returns the roots. The caller is an updater and holds the table's mutex.
    pub(in super::super) fn for_updater(&self) -> &Roots {
        // SAFETY: By the type invariant the roots are live. Only an updater with the mutex replaces
        // them, and the caller holds it.
        unsafe { &*self.0.load() }
    }

    /// Returns one family's root. The caller is an updater and holds the table's mutex.
    pub(in super::super) fn root(&self, family: Family) -> Root<'_> {
        Root(&self.for_updater().0[family as usize])
    }

    /// Publishes new roots and returns the old ones, which readers may still use.
    pub(in super::super) fn replace(&self, new: RootsBox) -> RootsBox {
        let new = ManuallyDrop::new(new);
        // Only the updater with the mutex stores here.
        let old = self.0.load();
        self.0.store(new.slots(Family::Inet).cast());
        Self::into_box(old)
    }

    fn into_box(roots: *mut Roots) -> RootsBox {
        // SAFETY: By the type invariant the pointer owned live roots, so it is not null. The caller
        // has unpublished them, or drops the pointer, so the box is their only owner.
        // INVARIANT: The roots were initialised, and the box owns them now.
        RootsBox(unsafe { Fib::roots(NonNull::new_unchecked(roots).cast()) })
    }
}

impl Drop for RootsPointer {
    fn drop(&mut self) {
        for family in Family::ALL {
            self.root(family).level(family).free_below();
        }
        drop(Self::into_box(self.0.load()));
    }
}
