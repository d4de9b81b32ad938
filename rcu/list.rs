// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected list.
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

#![expect(unsafe_code, reason = "changes chains as their only updater")]

use super::{
    chain::{Chain, Entry, Iter, Link},
    updater::{UpdateSide, UpdatedUnder},
    Cleared, RcuBox, ReadSide, Reclaim, Retired,
};
use core::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A list that readers walk under a [`Guard`](super::Guard) while one updater at a time changes it: C's
/// `list_head` with `list_…_rcu()`.
///
/// It is part of a state `S` and changes under the lock of the
/// [`UpdaterLock<S>`](super::UpdaterLock) around it, through the [`UpdateSide`] that
/// [`Updater::select`](super::Updater::select) gives. Readers see each change either made or not yet
/// made; who stands on an entry that is taken out goes on to the rest.
///
/// An entry is linked one way, and where to change the list is said by a [`CursorMut`]. C's lists are
/// linked both ways, so that who holds a pointer to an entry can take it out without walking; in safe
/// Rust nothing tells that an entry that somebody points to is in this very list. Who has to find entries
/// fast takes a [`HashTable`](super::HashTable).
///
/// Dropping a list drops its entries at once: no reader can be there.
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
/// // An updater. What may fail comes before the lock.
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
/// // The end of all.
/// let all = state.lock().select(|state| &state.servers).clear();
/// all.for_each(Retired::kvfree_rcu);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `last` is null if the list is empty, and otherwise points to the link of the last entry.
pub struct List<T: Reclaim, S> {
    entries: Chain<T>,
    /// For updaters alone, so that appending needs no walk. C's lists have it in `head.prev`.
    last: AtomicPtr<Link<T>>,
    updaters: PhantomData<fn() -> S>,
}

impl<T: Reclaim, S> List<T, S> {
    /// An empty list.
    pub const fn new() -> Self {
        // INVARIANT: The list is empty.
        Self {
            entries: Chain::new(),
            last: AtomicPtr::new(ptr::null_mut()),
            updaters: PhantomData,
        }
    }

    /// The values in order, each for as long as both the read-side critical section and the list last:
    /// C's `list_for_each_entry_rcu()`.
    ///
    /// Whether the list is empty, or what is the first value, tells `iter().next()`. A reader who asks
    /// twice may get two answers.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn iter<'g>(&'g self, _section: &'g impl ReadSide) -> Iter<'g, T> {
        // SAFETY: The critical section lasts as long as `_section` is borrowed.
        unsafe { self.entries.iter() }
    }

    /// Notes that `link` belongs to the last entry, or to none.
    #[inline]
    fn set_last(&self, link: &Link<T>) {
        let last = if ptr::eq(link, self.entries.first()) {
            ptr::null_mut()
        } else {
            ptr::from_ref(link).cast_mut()
        };
        // ORDERING: None needed: only who holds the lock reads it.
        self.last.store(last, Ordering::Relaxed);
    }
}

impl<T: Reclaim, S> Default for List<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Reclaim, S> UpdateSide<'_, List<T, S>> {
    /// Whether there are no entries: C's `list_empty()`.
    ///
    /// Context: any.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.structure().entries.first().is_last()
    }

    /// The values in order, without a read-side critical section: C's `list_for_each_entry()`.
    ///
    /// Context: any.
    #[inline]
    pub fn iter(&self) -> Iter<'_, T> {
        // SAFETY: By the type invariant nobody else changes the list. This does not as long as it is borrowed.
        unsafe { self.structure().entries.iter() }
    }

    /// A cursor on the first entry.
    ///
    /// Context: any.
    #[inline]
    pub fn cursor(&mut self) -> CursorMut<'_, T, S> {
        let list = self.structure();
        // INVARIANT: The link is the list's, and `self` is borrowed by the cursor.
        CursorMut {
            list,
            link: list.entries.first(),
        }
    }

    /// A cursor behind the last entry.
    #[inline]
    fn cursor_at_end(&mut self) -> CursorMut<'_, T, S> {
        let mut cursor = self.cursor();
        // ORDERING: None needed: who stored it held the lock that this thread holds now.
        let last = cursor.list.last.load(Ordering::Relaxed);
        // SAFETY: By its invariant it is null or points to the link of an entry in the list, which stays there
        // until this cursor takes it out.
        if let Some(last) = unsafe { last.as_ref() } {
            // INVARIANT: The link is that of an entry in the list.
            cursor.link = last;
        }
        cursor
    }

    /// Puts `new` first: C's `list_add_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn push_front(&mut self, new: RcuBox<Entry<T>>) {
        self.cursor().insert_before(new);
    }

    /// Puts `new` last, without walking there: C's `list_add_tail_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn push_back(&mut self, new: RcuBox<Entry<T>>) {
        self.cursor_at_end().insert_before(new);
    }

    /// Takes out the first entry.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Retired<Entry<T>>> {
        self.cursor().remove_current()
    }

    /// Takes out the first entry whose value `matches`: C's `list_del_rcu()`.
    ///
    /// Context: that of `matches`.
    pub fn remove_first(&mut self, matches: impl FnMut(&T) -> bool) -> Option<Retired<Entry<T>>> {
        let mut cursor = self.cursor();
        cursor.find(matches);
        cursor.remove_current()
    }

    /// Takes out all entries with one store, so that readers who begin from now on find none.
    ///
    /// C's `list_splice_init_rcu()` waits for readers before it gives the entries away; here each goes its
    /// way as [`Retired`].
    ///
    /// Context: any; never waits.
    pub fn clear(&mut self) -> Cleared<T> {
        let list = self.structure();
        // INVARIANT: The list is empty from here on.
        list.set_last(list.entries.first());
        // SAFETY: By the type invariant nobody else updates the list.
        unsafe { list.entries.clear() }
    }
}

/// A place in a [`List`] that is being updated: on an entry, or behind the last.
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
///     cursor.find(|there| there.0 > number);
///     cursor.insert_before(new);
/// }
///
/// let mut updater = state.lock();
/// let mut sorted = updater.select(|state| &state.sorted);
/// assert!(sorted.iter().map(|number| number.0).eq([1, 2, 3]));
///
/// // Take out all the odd ones.
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
/// - The `UpdateSide` of `list` is borrowed for as long as this exists, so nothing else changes it.
/// - `link` belongs to `list`: it is its first, or that of an entry in it.
pub struct CursorMut<'u, T: Reclaim, S> {
    list: &'u List<T, S>,
    /// What leads to the current entry. It belongs to the entry before, so that is never taken out.
    link: &'u Link<T>,
}

impl<'u, T: Reclaim, S> CursorMut<'u, T, S> {
    /// The current entry with its link, for as long as nobody takes it out.
    #[inline]
    fn entry(&self) -> Option<&'u Entry<T>> {
        // SAFETY: By the type invariant this is the only updater. Where the entry is taken out it is not used
        // afterwards; outside this type it is borrowed with `self`.
        unsafe { self.link.entry() }
    }

    /// The current value; none behind the last entry.
    ///
    /// Context: any.
    #[inline]
    pub fn current(&self) -> Option<&T> {
        self.entry().map(|entry| &**entry)
    }

    /// Goes to the next entry, or behind the last.
    ///
    /// Context: any.
    #[inline]
    pub fn move_next(&mut self) {
        if let Some(entry) = self.entry() {
            // INVARIANT: The entry is in the list, and the cursor stands behind it, so will not take it out.
            self.link = &entry.link;
        }
    }

    /// Goes to the first entry, from the current one on, whose value `matches`; says whether there is
    /// one, and otherwise goes behind the last.
    ///
    /// Context: that of `matches`.
    pub fn find(&mut self, matches: impl FnMut(&T) -> bool) -> bool {
        // INVARIANT: The link is that of an entry in the list, or stays the same.
        // SAFETY: By the type invariant this is the only updater.
        self.link = unsafe { self.link.find(matches) };
        !self.link.is_last()
    }

    /// Puts `new` before the current entry, or last if there is none; the current entry stays so.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn insert_before(&mut self, new: RcuBox<Entry<T>>) {
        // INVARIANT: The new entry is in the list, before the current one.
        // SAFETY: By the type invariant this is the only updater, and the cursor stands behind the entry.
        self.link = unsafe { self.link.insert(new) };
        self.note_if_last(self.link);
    }

    /// Puts `new` behind the current entry, or last if there is none; the current entry stays so.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn insert_after(&mut self, new: RcuBox<Entry<T>>) {
        let Some(entry) = self.entry() else {
            return self.insert_before(new);
        };
        // SAFETY: By the type invariant this is the only updater. The new link is not kept.
        let link = unsafe { entry.link.insert(new) };
        self.note_if_last(link);
    }

    /// Takes out the current entry and goes to the next: C's `list_del_rcu()`.
    ///
    /// Readers who stand on it go on to the rest.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn remove_current(&mut self) -> Option<Retired<Entry<T>>> {
        // SAFETY: By the type invariant this is the only updater.
        let old = unsafe { self.link.remove() }?;
        self.note_if_last(self.link);
        Some(old)
    }

    /// Puts `new` in the place of the current entry: C's `list_replace_rcu()`.
    ///
    /// Readers see either the old or the new entry, never both and never neither.
    ///
    /// Errors: `new` again, behind the last entry. Context: any; never waits.
    #[inline]
    pub fn replace_current(
        &mut self,
        new: RcuBox<Entry<T>>,
    ) -> Result<Retired<Entry<T>>, RcuBox<Entry<T>>> {
        // SAFETY: By the type invariant this is the only updater.
        let old = unsafe { self.link.replace(new) }?;
        if let Some(new) = self.entry() {
            self.note_if_last(&new.link);
        }
        Ok(old)
    }

    /// Keeps the invariant of `List::last` where the list ends with `link`.
    #[inline]
    fn note_if_last(&self, link: &Link<T>) {
        if link.is_last() {
            self.list.set_last(link);
        }
    }
}

// SAFETY: The methods of `UpdateSide` and of the cursor that borrows it are all that change the list through
// a shared reference. It names one `S`.
unsafe impl<T: Reclaim, S> UpdatedUnder<S> for List<T, S> {}
