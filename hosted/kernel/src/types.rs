// SPDX-License-Identifier: GPL-2.0

//! Types for C objects.

use core::{cell::UnsafeCell, ffi::c_void, mem::MaybeUninit};
use pinned_init::{pin_init_from_closure, PinInit};

/// An owner that can be stored as a pointer outside of Rust.
///
/// # Safety
///
/// `into_foreign()` returns a pointer that is not null and is aligned to `FOREIGN_ALIGN`.
pub unsafe trait ForeignOwnable: Sized {
    /// The alignment of foreign pointers.
    const FOREIGN_ALIGN: usize;

    /// A shared borrow of the object.
    type Borrowed<'a>;
    /// An exclusive borrow of the object.
    type BorrowedMut<'a>;

    /// Gives up ownership for a pointer.
    fn into_foreign(self) -> *mut c_void;

    /// Restores the ownership.
    ///
    /// # Safety
    ///
    /// `pointer` came from `into_foreign()`, whose ownership is restored once.
    unsafe fn from_foreign(pointer: *mut c_void) -> Self;

    /// Borrows the object.
    ///
    /// # Safety
    ///
    /// `pointer` came from `into_foreign()`, and the ownership is not restored during `'a`.
    unsafe fn borrow<'a>(pointer: *mut c_void) -> Self::Borrowed<'a>;

    /// Borrows the object exclusively.
    ///
    /// # Safety
    ///
    /// As for `borrow()`, and there is no other borrow during `'a`.
    unsafe fn borrow_mut<'a>(pointer: *mut c_void) -> Self::BorrowedMut<'a>;
}

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
