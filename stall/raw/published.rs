// SPDX-License-Identifier: GPL-2.0

//! An object that is freed without a grace period.

use crate::rcu::Guard;
use core::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};
use kernel::prelude::*;

/// The object of a [`Published`].
type Object = [u64; 8];

/// A published object that its updater frees without a grace period.
///
/// # Invariants
///
/// `object` is null, or owns an allocation from a `KBox`.
pub(in crate::stall) struct Published {
    object: AtomicPtr<Object>,
    is_freed: AtomicBool,
}

/// A reader's pointer to an object that may have been freed.
pub(in crate::stall) struct Found<'g> {
    object: *const Object,
    _reader: PhantomData<&'g Guard>,
}

impl Published {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(in crate::stall) fn new() -> Result<Self> {
        let object = KBox::new([0x5a; 8], GFP_KERNEL)?;
        // INVARIANT: `object` comes from `KBox::into_raw()`.
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
        // ORDERING: Acquire: pairs with the release in `free()`.
        self.is_freed.load(Ordering::Acquire)
    }

    /// Frees the object at once, even if a reader uses it.
    pub(in crate::stall) fn free(&self) {
        let object = self.object.swap(ptr::null_mut(), Ordering::AcqRel);
        if !object.is_null() {
            // SAFETY: By the type invariant it comes from a box, and only one swap returns it.
            // Readers only access it in `Found::read()`, which allows for the free.
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
    /// Reads the freed object, which KASAN reports. Without KASAN it reads nothing.
    pub(in crate::stall) fn read(&self) {
        if cfg!(CONFIG_KASAN) && !self.object.is_null() {
            // SAFETY: Not sound: this is the use after free that KASAN must report. The address is
            // in the direct map, which stays mapped, and KASAN keeps freed memory in quarantine, so
            // the read cannot fault.
            let _ = unsafe { ptr::read_volatile(self.object.cast::<u64>()) };
        }
    }
}
