// SPDX-License-Identifier: GPL-2.0

//! The argument of the functions that insert an entry.

use super::{Entry, Reclaim, UniqueRcuBox};

mod private {
    /// Keeps other modules from implementing [`NewEntry`](super::NewEntry).
    pub trait Sealed {}
}

/// A new entry of a [`List`](super::List) or a [`HashTable`](super::HashTable) of `T`: what
/// [`Entry::new`] and [`Entry::pin_init`] return.
///
/// A trait in place of the type, so that the compiler says how to allocate an entry.
///
/// # Examples
///
/// See [`List`](super::List).
#[diagnostic::on_unimplemented(
    message = "a `{Self}` is not a new entry of a list or table of `{T}`",
    label = "expected the entry that `Entry::new(value, flags)?` returns",
    note = "`Entry::new(value, GFP_KERNEL)?` allocates the entry; `UniqueRcuBox::new` is not needed"
)]
pub trait NewEntry<T: Reclaim>: private::Sealed {
    #[doc(hidden)]
    fn into_entry(self) -> UniqueRcuBox<Entry<T>>;
}

impl<T: Reclaim> private::Sealed for UniqueRcuBox<Entry<T>> {}

impl<T: Reclaim> NewEntry<T> for UniqueRcuBox<Entry<T>> {
    #[inline]
    fn into_entry(self) -> Self {
        self
    }
}
