// SPDX-License-Identifier: GPL-2.0

//! An object whose updater forgets the grace period.

use crate::rcu::Guard;
use core::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};
use kernel::prelude::*;

/// What readers find in a [`Published`].
type Object = [u64; 8];

/// An object that is published, and freed without a grace period.
///
/// # Invariants
///
/// `object` is null, or came from a `KBox` that nobody else owns.
pub(in crate::stall) struct Published {
    object: AtomicPtr<Object>,
    is_freed: AtomicBool,
}

/// What a reader has found, and may be gone.
pub(in crate::stall) struct Found<'g> {
    object: *const Object,
    _reader: PhantomData<&'g Guard>,
}

impl Published {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in crate::stall) fn new() -> Result<Self> {
        let object = KBox::new([0x5a; 8], GFP_KERNEL)?;
        // INVARIANT: It comes from a box.
        Ok(Self {
            object: AtomicPtr::new(KBox::into_raw(object)),
            is_freed: AtomicBool::new(false),
        })
    }

    pub(in crate::stall) fn dereference<'g>(&self, _reader: &'g Guard) -> Found<'g> {
        Found {
            object: self.object.load(Ordering::Acquire),
            _reader: PhantomData,
        }
    }

    pub(in crate::stall) fn is_freed(&self) -> bool {
        // ORDERING: Acquire: it was freed before.
        self.is_freed.load(Ordering::Acquire)
    }

    /// Frees the object at once, whoever reads it.
    pub(in crate::stall) fn free(&self) {
        let object = self.object.swap(ptr::null_mut(), Ordering::AcqRel);
        if !object.is_null() {
            // SAFETY: By the type invariant it comes from a box, and only one swap returns it. Readers may have
            // it yet: that is what this is for.
            drop(unsafe { KBox::from_raw(object) });
        }
        self.is_freed.store(true, Ordering::Release);
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.free();
    }
}

impl Found<'_> {
    /// Reads an object that was freed, which KASAN notices; without KASAN nothing is read.
    pub(in crate::stall) fn read(&self) {
        if cfg!(CONFIG_KASAN) && !self.object.is_null() {
            // SAFETY: None: a use after free, of memory that KASAN keeps in quarantine and that is mapped for ever.
            let _ = unsafe { ptr::read_volatile(self.object.cast::<u64>()) };
        }
    }
}
