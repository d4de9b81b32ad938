// SPDX-License-Identifier: GPL-2.0

//! Initialisation in place, on top of the crate `pinned-init`.

use crate::{
    alloc::{AllocError, Flags},
    error::{Error, Result},
};
use pinned_init::{pin_init_from_closure, PinInit};

/// Smart pointers whose contents can be initialised where they will stay.
pub trait InPlaceInit<T>: Sized {
    /// The pointer, pinned: `Self` if it always pins.
    type PinnedSelf;

    /// Allocates and initialises; errors of both kinds come as the initialiser's.
    ///
    /// Errors: no memory, or as `init` says. Context: as `flags` say.
    fn try_pin_init<E>(
        init: impl PinInit<T, E>,
        flags: Flags,
    ) -> core::result::Result<Self::PinnedSelf, E>
    where
        E: From<AllocError>;

    /// Allocates and initialises; errors of both kinds come as errnos.
    ///
    /// Errors: `ENOMEM`, or as `init` says. Context: as `flags` say.
    fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self::PinnedSelf>
    where
        Error: From<E>,
    {
        // SAFETY: `init` gets the slot as it comes, does all the work and follows the rules; only its
        // error is translated.
        let init = unsafe {
            pin_init_from_closure(|slot: *mut T| init.__pinned_init(slot).map_err(Error::from))
        };
        Self::try_pin_init(init, flags)
    }
}

/// `pin_init!` with fallible fields; the error is [`Error`](crate::error::Error) unless named.
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
