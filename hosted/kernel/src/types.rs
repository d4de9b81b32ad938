// SPDX-License-Identifier: GPL-2.0

//! Types for C objects.

use core::{cell::UnsafeCell, mem::MaybeUninit};
use pinned_init::{pin_init_from_closure, PinInit};

/// A C object that Rust neither initialises nor accesses.
#[repr(transparent)]
pub struct Opaque<T> {
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Opaque<T> {
    /// Creates an uninitialised object.
    pub const fn uninit() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Creates a zeroed object.
    pub const fn zeroed() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::zeroed()),
        }
    }

    /// Returns an initialiser that calls a C function.
    pub fn try_ffi_init<E>(
        initialise: impl FnOnce(*mut T) -> Result<(), E>,
    ) -> impl PinInit<Self, E> {
        // SAFETY: Any contents are valid, also uninitialised ones, and need no drop.
        unsafe { pin_init_from_closure(move |slot: *mut Self| initialise(slot.cast())) }
    }

    /// Returns a pointer to the object.
    pub const fn get(&self) -> *mut T {
        UnsafeCell::get(&self.value).cast::<T>()
    }
}
