// SPDX-License-Identifier: GPL-2.0

//! The XArray, as an ordered map behind a mutex.

use crate::{alloc::Flags, bindings, error::Error, types::ForeignOwnable};
use core::{ffi::c_void, marker::PhantomData, ptr};
use pinned_init::PinInit;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The parts of C's `struct xarray`: its entries, and the lock of its updaters.
#[derive(Default)]
pub struct Raw {
    entries: Mutex<std::collections::BTreeMap<usize, Entry>>,
    lock: Mutex<()>,
}

/// A pointer of `into_foreign()`.
#[derive(Clone, Copy)]
struct Entry(*mut c_void);

// SAFETY: An array that is shared has entries whose type is `Send`.
unsafe impl Send for Entry {}

impl Raw {
    fn entries(&self) -> MutexGuard<'_, std::collections::BTreeMap<usize, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn load(&self, index: usize) -> *mut c_void {
        let entries = self.entries();
        entries.get(&index).map_or(ptr::null_mut(), |entry| entry.0)
    }
}

/// The first index that an allocation of an index returns. Nothing here allocates one.
pub enum AllocKind {
    /// Index 0.
    Alloc,
    /// Index 1.
    Alloc1,
}

/// A map from indices to owned objects.
///
/// # Invariants
///
/// The entries came from `T::into_foreign()`.
pub struct XArray<T: ForeignOwnable> {
    xa: bindings::xarray,
    owned: PhantomData<T>,
}

// SAFETY: The array owns its objects.
unsafe impl<T: ForeignOwnable + Send> Send for XArray<T> {}
// SAFETY: A lock serialises all updates.
unsafe impl<T: ForeignOwnable + Send> Sync for XArray<T> {}

impl<T: ForeignOwnable> XArray<T> {
    /// Returns an initialiser of an empty array.
    pub fn new(_kind: AllocKind) -> impl PinInit<Self> {
        // INVARIANT: The array has no entries.
        Self {
            xa: Raw::default(),
            owned: PhantomData,
        }
    }

    /// Acquires the lock of updaters.
    pub fn lock(&self) -> Guard<'_, T> {
        Guard {
            array: self,
            _held: self.xa.lock.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl<T: ForeignOwnable> Drop for XArray<T> {
    fn drop(&mut self) {
        for entry in std::mem::take(&mut *self.xa.entries()).into_values() {
            // SAFETY: By the type invariant the entry came from `into_foreign()`, and it was
            // removed.
            drop(unsafe { T::from_foreign(entry.0) });
        }
    }
}

/// A held lock of an array.
#[must_use = "the lock is released when this is dropped"]
pub struct Guard<'a, T: ForeignOwnable> {
    array: &'a XArray<T>,
    _held: MutexGuard<'a, ()>,
}

/// An object that could not be stored, and why.
#[derive(Debug)]
pub struct StoreError<T> {
    /// The reason.
    pub error: Error,
    /// The object.
    pub value: T,
}

impl<T> From<StoreError<T>> for Error {
    fn from(failed: StoreError<T>) -> Self {
        failed.error
    }
}

impl<T: ForeignOwnable> Guard<'_, T> {
    /// Borrows the object at `index`.
    pub fn get(&self, index: usize) -> Option<T::Borrowed<'_>> {
        let entry = self.array.xa.load(index);
        // SAFETY: By the type invariant the entry came from `into_foreign()`. Only the holder of
        // the lock removes it, by a mutable borrow.
        (!entry.is_null()).then(|| unsafe { T::borrow(entry) })
    }

    /// Removes the object at `index`.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        let entry = self.array.xa.entries().remove(&index)?;
        // SAFETY: By the type invariant the entry came from `into_foreign()`, and it was removed.
        Some(unsafe { T::from_foreign(entry.0) })
    }

    /// Stores an object at `index` and returns the previous one.
    ///
    /// Errors: none here; the kernel's can fail with `ENOMEM`.
    pub fn store(
        &mut self,
        index: usize,
        value: T,
        _flags: Flags,
    ) -> Result<Option<T>, StoreError<T>> {
        // INVARIANT: The entry comes from `into_foreign()`.
        let entry = Entry(value.into_foreign());
        let old = self.array.xa.entries().insert(index, entry);
        // SAFETY: By the type invariant the entry came from `into_foreign()`, and it was removed.
        Ok(old.map(|old| unsafe { T::from_foreign(old.0) }))
    }
}
