// SPDX-License-Identifier: GPL-2.0

//! Initialisation in place, over the crate `pinned-init`.

use crate::{
    alloc::{AllocError, Flags},
    error::{Error, Result},
};
use pinned_init::{pin_init_from_closure, PinInit};

/// Smart pointers whose contents can be initialised in place.
pub trait InPlaceInit<T>: Sized {
    /// The pinned pointer; `Self` if the type always pins.
    type PinnedSelf;

    /// Allocates and initialises. Allocation errors are converted to the initialiser's error type.
    ///
    /// Errors: no memory, or those of `init`. Context: as `flags` say.
    fn try_pin_init<E>(
        init: impl PinInit<T, E>,
        flags: Flags,
    ) -> core::result::Result<Self::PinnedSelf, E>
    where
        E: From<AllocError>;

    /// Allocates and initialises. All errors are converted to errnos.
    ///
    /// Errors: `ENOMEM`, or those of `init`. Context: as `flags` say.
    fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self::PinnedSelf>
    where
        Error: From<E>,
    {
        // SAFETY: The closure passes the slot to `init`, which obeys the contract; only the error
        // type changes.
        let init = unsafe {
            pin_init_from_closure(|slot: *mut T| init.__pinned_init(slot).map_err(Error::from))
        };
        Self::try_pin_init(init, flags)
    }
}

/// `pin_init!` with fallible fields. The error type is [`Error`] unless named.
#[macro_export]
macro_rules! try_pin_init {
    ($(&$this:ident in)? $type:ident $(::<$($generics:ty),* $(,)?>)? {
        $($fields:tt)*
    }) => {
        $crate::__pinned_init::try_pin_init!($(&$this in)? $type $(::<$($generics),*>)? {
            $($fields)*
        }? $crate::error::Error)
    };
    ($(&$this:ident in)? $type:ident $(::<$($generics:ty),* $(,)?>)? {
        $($fields:tt)*
    }? $error:ty) => {
        $crate::__pinned_init::try_pin_init!($(&$this in)? $type $(::<$($generics),*>)? {
            $($fields)*
        }? $error)
    };
}
