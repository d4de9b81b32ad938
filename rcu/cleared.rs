// SPDX-License-Identifier: GPL-2.0

//! The entries of a chain that was cleared.

#![expect(unsafe_code, reason = "owns entries through raw pointers")]

use super::{
    chain::{Chain, Entry, Link, ONLY},
    object,
    reclaim::tear_down,
    Domain, Global, Reclaim, Retired, UniqueRcuBox,
};
use core::{
    iter::FusedIterator,
    marker::PhantomData,
    ptr::{self, NonNull},
};

/// Iterates over the entries that a [`List`](super::List) contained when it was cleared, in order.
/// Each is a [`Retired`] entry.
///
/// It borrows nothing, so entries can be reclaimed after the updater has released its lock. A drop
/// of it drops each remaining entry as a [`Retired`].
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{Cleared, Entry, List, UpdaterLock};
/// # struct Number(u32);
/// # impl rcu_routes::rcu::Reclaim for Number { type Context = rcu_routes::rcu::Softirq; }
///
/// struct State {
///     numbers: List<Number, State>,
/// }
///
/// let state = State { numbers: List::new() };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "numbers")), GFP_KERNEL)?;
/// for number in [1, 2, 3] {
///     let new = Entry::new(Number(number), GFP_KERNEL)?;
///     state.lock().select(|state| &state.numbers).push_back(new);
/// }
///
/// let mut all: Cleared<Number> = state.lock().select(|state| &state.numbers).clear();
/// // The lock is free. One grace period suffices for the remaining entries.
/// all.next().unwrap().call_rcu();
/// let rest = all.synchronize();
/// assert!(rest.map(|number| number.0).eq([2, 3]));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - `next` is null, or points to an object that came from `UniqueRcuBox::into_raw` and that this
///   value owns. Only readers of `domain` could reach it, and those that begin from now on cannot.
/// - The same holds for the link of that object, and so on.
#[must_use = "choose how the entries are reclaimed; its drop does call_rcu() or queue_work()"]
pub struct Cleared<T: Reclaim, D: Domain = Global> {
    next: Link<T>,
    domain: D,
    owned: PhantomData<Retired<Entry<T>, D>>,
}

impl<T: Reclaim> Chain<T> {
    /// Removes all entries with one store.
    ///
    /// # Safety
    ///
    /// The caller is the only updater of the chain. Only readers of `domain` could reach the entries.
    #[inline]
    pub(super) unsafe fn clear<D: Domain>(&self, domain: D) -> Cleared<T, D> {
        let all = self.first().get();
        self.first().publish(ptr::null_mut());
        // INVARIANT: The chain owned the objects and no longer does. Only its first link led to
        // them.
        let cleared = Cleared {
            next: Link::to(all),
            domain,
            owned: PhantomData,
        };
        cleared.tear_down();
        cleared
    }
}

impl<T: Reclaim, D: Domain> Cleared<T, D> {
    /// Tears all entries down.
    #[inline]
    fn tear_down(&self) {
        if T::TEARDOWN.is_none() {
            return;
        }
        let mut next = self.next.get();
        while let Some(object) = NonNull::new(next) {
            // SAFETY: By the type invariant this value owns the object, which readers only read.
            // Nothing moves it: `UniqueRcuBox` gives `&mut` only to `Unpin` types.
            let entry = unsafe { object::pinned_value(object) };
            next = entry.links[ONLY].get();
            tear_down(entry);
        }
    }

    /// Waits for one grace period and returns all entries: C's `synchronize_rcu()` or
    /// `synchronize_srcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn synchronize(self) -> impl Iterator<Item = UniqueRcuBox<Entry<T>>> {
        self.domain.synchronize();
        // SAFETY: By the type invariant all objects were unpublished before this grace period
        // began.
        Iterator::map(self, |retired| unsafe { retired.into_box() })
    }
}

impl<T: Reclaim, D: Domain> Iterator for Cleared<T, D> {
    type Item = Retired<Entry<T>, D>;

    fn next(&mut self) -> Option<Self::Item> {
        let object = NonNull::new(self.next.get())?;
        // SAFETY: By the type invariant this value owns the object, so it is live.
        let next = unsafe { &object::value(object).links[ONLY] };
        // INVARIANT: This value still owns the rest, but no longer the object.
        self.next = Link::to(next.get());
        // SAFETY: By the type invariant this value owned the object, which is unpublished.
        // `clear()` has torn it down.
        Some(unsafe { Retired::torn_down(object, self.domain) })
    }
}

impl<T: Reclaim, D: Domain> FusedIterator for Cleared<T, D> {}

impl<T: Reclaim, D: Domain> Drop for Cleared<T, D> {
    fn drop(&mut self) {
        // A module may add a function `for_each` to the type. It would come before the trait's.
        Iterator::for_each(self, drop);
    }
}
