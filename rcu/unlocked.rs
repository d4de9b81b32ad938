// SPDX-License-Identifier: GPL-2.0

//! Updates without the lock, which do not compile.
//!
//! [`UpdateSide`](super::UpdateSide) has the functions of these names. The functions here exist so
//! that the compiler says how to get one, and not only that a structure has no such function.

use super::{
    new_entry::NewEntry, Cleared, CursorMut, Domain, Entry, HashTable, Keyed, List, Locked, Rcu,
    Reclaim, Retired, UniqueRcuBox, UpdateSide,
};

/// What proves that its holder excludes other updaters: an [`UpdateSide`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` changes only under the lock of the state that contains it",
    label = "called without the lock",
    note = "acquire the lock with `let mut updater = state.lock();`",
    note = "call the function on `updater.select(|state| &state.field)`"
)]
pub trait HoldsLock {}

impl<P, D: Domain> HoldsLock for UpdateSide<'_, P, D> {}

/// Declares functions that no caller can call.
macro_rules! without_lock {
    ($(fn $name:ident($($argument:ty),*) -> $result:ty;)+) => {$(
        #[doc(hidden)]
        #[allow(clippy::allow_attributes, missing_docs)]
        pub fn $name(&self, $(_: $argument),*) -> $result
        where
            Self: HoldsLock,
        {
            unreachable!()
        }
    )+};
}

impl<T: Reclaim + ?Sized, S> Rcu<T, Locked<S>> {
    without_lock! {
        fn replace(Option<UniqueRcuBox<T>>) -> Option<Retired<T>>;
    }
}

impl<T: Reclaim, S> List<T, S> {
    without_lock! {
        fn push_front(impl NewEntry<T>) -> ();
        fn push_back(impl NewEntry<T>) -> ();
        fn pop_front() -> Option<Retired<Entry<T>>>;
        fn remove_first(impl FnMut(&T) -> bool) -> Option<Retired<Entry<T>>>;
        fn clear() -> Cleared<T>;
        fn cursor() -> CursorMut<'_, T, S>;
    }
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize> HashTable<T, S, BUCKETS> {
    without_lock! {
        fn insert(impl NewEntry<T>) -> Option<Retired<Entry<T>>>;
        fn remove(&T::Key) -> Option<Retired<Entry<T>>>;
        fn clear(impl FnMut(Retired<Entry<T>>)) -> ();
    }
}
