// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected list.
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

#![expect(unsafe_code, reason = "changes chains as their only updater")]

use super::{
    chain::{Chain, Entry, Iter, Link, ONLY},
    new_entry::NewEntry,
    not_copy::NotCopy,
    reclaim::Context,
    srcu_state::SrcuView,
    updater::{UpdateSide, UpdatedUnder},
    Cleared, Domain, Global, ReadSide, Reclaim, Retired, Srcu, UniqueRcuBox,
};
use core::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A list that readers walk under a [`Guard`](super::Guard) while one updater at a time changes it:
/// C's `list_head` with `list_…_rcu()`.
///
/// It is part of a state `S` and changes under the lock of the
/// [`UpdaterLock<S>`](super::UpdaterLock) that contains it, through the [`UpdateSide`] that
/// [`Updater::select`](super::Updater::select) returns. Readers see each change either complete or
/// not at all. A reader at a removed entry still reaches the rest of the list.
///
/// The list is singly linked, and a [`CursorMut`] determines where to change it. C's lists are
/// doubly linked, so that code with a pointer to an entry can remove it without a walk. Safe Rust
/// cannot prove that such an entry is in this list. To find entries fast, use a
/// [`HashTable`](super::HashTable).
///
/// Dropping a list drops its entries at once, because no reader can borrow it any more.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Entry, List, Reclaim, Retired, Softirq, UpdaterLock};
///
/// struct Server {
///     port: u16,
///     weight: u32,
/// }
///
/// impl Reclaim for Server {
///     type Context = Softirq;
/// }
///
/// struct State {
///     servers: List<Server, State>,
/// }
///
/// let state = State { servers: List::new() };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "servers")), GFP_KERNEL)?;
///
/// // An updater. Allocations, which may fail, come before the lock.
/// let first = Entry::new(Server { port: 80, weight: 1 }, GFP_KERNEL)?;
/// let second = Entry::new(Server { port: 443, weight: 2 }, GFP_KERNEL)?;
/// let better = Entry::new(Server { port: 443, weight: 9 }, GFP_KERNEL)?;
///
/// let mut updater = state.lock();
/// let mut servers = updater.select(|state| &state.servers);
/// servers.push_back(first);
/// servers.push_back(second);
///
/// let mut cursor = servers.cursor();
/// if cursor.find(|server| server.port == 443) {
///     if let Ok(old) = cursor.replace_current(better) {
///         old.kvfree_rcu();
///     }
/// }
/// if let Some(old) = servers.remove_first(|server| server.port == 80) {
///     old.call_rcu();
/// }
/// drop(updater);
///
/// // A reader.
/// let guard = read_lock();
/// let total: u32 = state.servers.iter(&guard).map(|server| server.weight).sum();
/// assert_eq!(total, 9);
/// drop(guard);
///
/// // Remove all entries.
/// let all = state.lock().select(|state| &state.servers).clear();
/// all.for_each(Retired::kvfree_rcu);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `last` is null if the list is empty, and otherwise points to the link of the last entry.
pub struct List<T: Reclaim, S, K = Global> {
    entries: Chain<T>,
    /// Used by updaters only, to append without a walk. C's lists have it in `head.prev`.
    last: AtomicPtr<Link<T>>,
    updaters: PhantomData<fn() -> (S, K)>,
}

impl<T: Reclaim, S, K> List<T, S, K> {
    /// Creates an empty list.
    pub const fn new() -> Self {
        // INVARIANT: The list is empty.
        Self {
            entries: Chain::new(),
            last: AtomicPtr::new(ptr::null_mut()),
            updaters: PhantomData,
        }
    }

    /// Sets `last` to `link`, the link of the last entry, or to null if it is the first link.
    #[inline]
    fn set_last(&self, link: &Link<T>) {
        let last = if ptr::eq(link, self.entries.first()) {
            ptr::null_mut()
        } else {
            ptr::from_ref(link).cast_mut()
        };
        // ORDERING: Relaxed suffices: only updaters access it, and their lock orders the accesses.
        self.last.store(last, Ordering::Relaxed);
    }
}

impl<T: Reclaim, S> List<T, S> {
    /// Iterates over the values in order, and borrows them during the read-side critical section:
    /// C's `list_for_each_entry_rcu()`.
    ///
    /// `iter().next()` returns the first value, or `None` if the list is empty. Two calls may
    /// return different values.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn iter<'g>(&'g self, _section: &'g impl ReadSide) -> Iter<'g, T> {
        // SAFETY: The critical section lasts while `_section` is borrowed.
        unsafe { self.entries.iter() }
    }
}

impl<'g, T: Reclaim, S> SrcuView<'g, List<T, S, Srcu>> {
    /// Iterates over the values in order, and borrows them during the read-side critical section:
    /// C's `list_for_each_entry_srcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn iter(&self) -> Iter<'g, T> {
        // SAFETY: By the type invariant a critical section of the list's domain lasts during `'g`.
        unsafe { self.structure().entries.iter() }
    }
}

impl<T: Reclaim, S, K> Default for List<T, S, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Reclaim, S, D: Domain> UpdateSide<'_, List<T, S, D::Kind>, D> {
    /// Returns whether the list has no entries: C's `list_empty()`.
    ///
    /// Context: any.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.structure().entries.first().is_last()
    }

    /// Iterates over the values in order, without a read-side critical section: C's
    /// `list_for_each_entry()`.
    ///
    /// Context: any.
    #[inline]
    pub fn iter(&self) -> Iter<'_, T> {
        // SAFETY: By the type invariant only `self` updates the list, and it does not while
        // borrowed.
        unsafe { self.structure().entries.iter() }
    }

    /// Returns a cursor at the first entry.
    ///
    /// Context: any.
    #[inline]
    pub fn cursor(&mut self) -> CursorMut<'_, T, S, D> {
        let list = self.structure();
        // INVARIANT: The link is the list's first, and the cursor borrows `self`.
        CursorMut {
            list,
            link: list.entries.first(),
            domain: self.domain(),
            _proof: NotCopy,
        }
    }

    /// Returns a cursor after the last entry.
    #[inline]
    fn cursor_at_end(&mut self) -> CursorMut<'_, T, S, D> {
        let mut cursor = self.cursor();
        // ORDERING: Relaxed suffices: the updaters' lock orders this load after the last store.
        let last = cursor.list.last.load(Ordering::Relaxed);
        // SAFETY: By the invariant of `List` it is null or points to the link of an entry in the
        // list. Only this cursor can remove that entry.
        if let Some(last) = unsafe { last.as_ref() } {
            // INVARIANT: The link is the link of an entry in the list.
            cursor.link = last;
        }
        cursor
    }

    /// Inserts `new` as the first entry: C's `list_add_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn push_front(&mut self, new: impl NewEntry<T>) {
        self.cursor().insert_before(new);
    }

    /// Appends `new` as the last entry, without a walk: C's `list_add_tail_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn push_back(&mut self, new: impl NewEntry<T>) {
        self.cursor_at_end().insert_before(new);
    }

    /// Removes the first entry.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Retired<Entry<T>, D>> {
        self.cursor().remove_current()
    }

    /// Removes the first entry whose value `matches`: C's `list_del_rcu()`.
    ///
    /// Context: that of `matches`.
    pub fn remove_first(
        &mut self,
        matches: impl FnMut(&T) -> bool,
    ) -> Option<Retired<Entry<T>, D>> {
        let mut cursor = self.cursor();
        cursor.find(matches);
        cursor.remove_current()
    }

    /// Removes all entries with one store, so that readers that begin from now on find none.
    ///
    /// C's `list_splice_init_rcu()` waits for readers before it moves the entries. Here each entry
    /// is a [`Retired`] of its own.
    ///
    /// Context: any; never waits.
    pub fn clear(&mut self) -> Cleared<T, D> {
        let list = self.structure();
        // INVARIANT: The list is empty from here on.
        list.set_last(list.entries.first());
        // SAFETY: By the type invariant only `self` updates the list, and the domain is the list's.
        unsafe { list.entries.clear(self.domain()) }
    }
}

/// A position in a [`List`] that is being updated: at an entry, or after the last entry.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{Entry, List, UpdaterLock};
/// # struct Number(u32);
/// # impl rcu_routes::rcu::Reclaim for Number { type Context = rcu_routes::rcu::Softirq; }
///
/// struct State {
///     sorted: List<Number, State>,
/// }
///
/// let state = State { sorted: List::new() };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "sorted")), GFP_KERNEL)?;
/// for number in [3, 1, 2] {
///     let new = Entry::new(Number(number), GFP_KERNEL)?;
///     let mut updater = state.lock();
///     let mut sorted = updater.select(|state| &state.sorted);
///     let mut cursor = sorted.cursor();
///     cursor.find(|other| other.0 > number);
///     cursor.insert_before(new);
/// }
///
/// let mut updater = state.lock();
/// let mut sorted = updater.select(|state| &state.sorted);
/// assert!(sorted.iter().map(|number| number.0).eq([1, 2, 3]));
///
/// // Remove the odd numbers.
/// let mut cursor = sorted.cursor();
/// while cursor.find(|number| number.0 % 2 == 1) {
///     if let Some(odd) = cursor.remove_current() {
///         odd.call_rcu();
///     }
/// }
/// assert!(sorted.iter().map(|number| number.0).eq([2]));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - While this exists, it borrows the `UpdateSide` of `list`, so nothing else updates the list.
/// - `domain` is the domain of the list's readers.
/// - `link` belongs to `list`: it is its first link, or the link of an entry in it.
pub struct CursorMut<'u, T: Reclaim, S, D: Domain = Global> {
    list: &'u List<T, S, D::Kind>,
    domain: D,
    /// The link that points to the current entry. It is part of the previous entry, which the
    /// cursor therefore never removes.
    link: &'u Link<T>,
    _proof: NotCopy,
}

impl<'u, T: Reclaim, S, D: Domain> CursorMut<'u, T, S, D> {
    /// Borrows the current entry, until the cursor removes it.
    #[inline]
    fn entry(&self) -> Option<&'u Entry<T>> {
        // SAFETY: By the type invariant this is the only updater. The methods that remove the entry
        // do not use this borrow afterwards, and `current()` shortens it to the borrow of `self`.
        unsafe { self.link.entry() }
    }

    /// Borrows the current value. Returns `None` after the last entry.
    ///
    /// Context: any.
    #[inline]
    pub fn current(&self) -> Option<&T> {
        self.entry().map(|entry| &**entry)
    }

    /// Moves to the next entry, or after the last one.
    ///
    /// Context: any.
    #[inline]
    pub fn move_next(&mut self) {
        if let Some(entry) = self.entry() {
            // INVARIANT: The entry is in the list. It is before the cursor, which does not remove
            // it.
            self.link = &entry.links[ONLY];
        }
    }

    /// Moves to the first entry, from the current one on, whose value `matches`, or after the last
    /// entry. Returns whether an entry matches.
    ///
    /// Context: that of `matches`.
    pub fn find(&mut self, matches: impl FnMut(&T) -> bool) -> bool {
        // INVARIANT: The link stays the same, or is the link of an entry before the cursor.
        // SAFETY: By the type invariant this is the only updater, and it does not remove entries
        // before the cursor.
        self.link = unsafe { self.link.find(ONLY, matches) };
        !self.link.is_last()
    }

    /// Inserts `new` before the current entry, or as the last one. The cursor stays at its entry.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn insert_before(&mut self, new: impl NewEntry<T>) {
        // INVARIANT: The new entry is in the list, before the cursor.
        // SAFETY: By the type invariant this is the only updater, and it does not remove entries
        // before the cursor.
        self.link = unsafe { self.link.insert(ONLY, new.into_entry()) };
        self.update_last(self.link);
    }

    /// Inserts `new` after the current entry, or as the last one. The cursor stays at its entry.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn insert_after(&mut self, new: impl NewEntry<T>) {
        let Some(entry) = self.entry() else {
            return self.insert_before(new);
        };
        // SAFETY: By the type invariant this is the only updater. The result is used before
        // anything is removed.
        let link = unsafe { entry.links[ONLY].insert(ONLY, new.into_entry()) };
        self.update_last(link);
    }

    /// Removes the current entry and moves to the next: C's `list_del_rcu()`.
    ///
    /// Readers at that entry still reach the rest of the list.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn remove_current(&mut self) -> Option<Retired<Entry<T>, D>> {
        // SAFETY: By the type invariant this is the only updater.
        let old = unsafe { self.link.remove(ONLY) }?;
        self.update_last(self.link);
        // SAFETY: By the type invariant it is the domain of the list's readers.
        Some(unsafe { old.retire(self.domain) })
    }

    /// Replaces the current entry by `new`: C's `list_replace_rcu()`.
    ///
    /// Readers see either the old or the new entry, never both and never neither.
    ///
    /// Errors: `new`, if the cursor is after the last entry. Context: any; never waits.
    #[inline]
    pub fn replace_current(
        &mut self,
        new: impl NewEntry<T>,
    ) -> Result<Retired<Entry<T>, D>, UniqueRcuBox<Entry<T>>> {
        // SAFETY: By the type invariant this is the only updater.
        let old = unsafe { self.link.replace(ONLY, new.into_entry()) }?;
        if let Some(new) = self.entry() {
            self.update_last(&new.links[ONLY]);
        }
        // SAFETY: By the type invariant it is the domain of the list's readers.
        Ok(unsafe { old.retire(self.domain) })
    }

    /// Updates `List::last` if the list ends with `link`.
    #[inline]
    fn update_last(&self, link: &Link<T>) {
        if link.is_last() {
            self.list.set_last(link);
        }
    }
}

// SAFETY: A shared reference to a list changes it only through the methods of `UpdateSide`, and of
// the cursor that borrows it. Its type names one `S` and one `K`.
unsafe impl<T: Reclaim, S, K> UpdatedUnder<S, K> for List<T, S, K> {
    const HAS_HEADS: bool = T::Context::HAS_HEAD;
}
