// SPDX-License-Identifier: GPL-2.0

//! Types for what belongs to C.

use core::{cell::UnsafeCell, mem::MaybeUninit};
use pinned_init::{pin_init_from_closure, PinInit};

/// A C object that Rust neither initialises nor looks into.
#[repr(transparent)]
pub struct Opaque<T> {
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Opaque<T> {
    /// An object that something else will initialise.
    pub const fn uninit() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// An object of zeroes.
    pub const fn zeroed() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::zeroed()),
        }
    }

    /// An initialiser that has C do it.
    pub fn try_ffi_init<E>(
        initialise: impl FnOnce(*mut T) -> Result<(), E>,
    ) -> impl PinInit<Self, E> {
        // SAFETY: Whatever is done to the object, it may be uninitialised, and needs no drop.
        unsafe { pin_init_from_closure(move |slot: *mut Self| initialise(slot.cast())) }
    }

    /// Where it is.
    pub const fn get(&self) -> *mut T {
        UnsafeCell::get(&self.value).cast::<T>()
    }
}
