// SPDX-License-Identifier: GPL-2.0

//! Chains of RCU-protected entries: a [`List`](super::List) is one, and so is each bucket of a
//! [`HashTable`](super::HashTable) or [`ResizableTable`](super::ResizableTable).
//!
//! A removed entry keeps its link, so that a reader at that entry reaches the rest:
//!
//! ```text
//!               ┌──────────────┐
//!   first ──────┘   A ─────────┴──► B ──► C ──► null
//!                   ▲ removed; its readers
//!                     still reach B and C
//! ```
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

#![expect(unsafe_code, reason = "owns entries through atomic links")]

use super::{
    object::{self, Object},
    reclaim::{drops, tear_down},
    Domain, Reclaim, Retired, UniqueRcuBox,
};
use core::{
    iter::FusedIterator,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{
    alloc::{AllocError, Flags},
    prelude::*,
};

/// An entry of a [`List`](super::List) or a [`HashTable`](super::HashTable): a value and the link
/// to the next entry. An entry of a [`ResizableTable`](super::ResizableTable) has two links.
///
/// Reclaiming an entry drops it, in the context that [`Reclaim::Context`] of its value names. A
/// value with [`Reclaim::RECLAIM`], which needs a value without a link, does not compile.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::Entry;
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// // Still owned, so it may be changed.
/// let mut entry = Entry::new(Config(1), GFP_KERNEL)?;
/// entry.0 += 1;
/// assert_eq!(entry.0, 2);
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct Entry<T: Reclaim, const LINKS: usize = 1> {
    /// Meaningless while the entry is in no chain.
    pub(super) links: [Link<T, LINKS>; LINKS],
    #[pin]
    value: T,
}

/// The index of an entry's only link.
pub(super) const ONLY: usize = 0;

impl<T: Reclaim> Entry<T> {
    /// Moves `value` into memory that RCU can reclaim. Inserting the entry into a list or a table
    /// cannot fail.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(value: T, flags: Flags) -> Result<UniqueRcuBox<Self>, AllocError> {
        let links = [Link::null()];
        UniqueRcuBox::new(Self { links, value }, flags)
    }

    /// Initialises a value in place, such as one that contains a lock, in memory that RCU can
    /// reclaim.
    ///
    /// Errors: `ENOMEM`, or an error of `init`. Context: as `flags` say; may sleep with
    /// `GFP_KERNEL`.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<UniqueRcuBox<Self>>
    where
        Error: From<E>,
    {
        let entry = try_pin_init!(Self { links: [Link::null()], value <- init }? Error);
        UniqueRcuBox::pin_init::<Error>(entry, flags)
    }

    /// Borrows the value of a pinned entry for changes that do not move it.
    /// [`UniqueRcuBox::as_pin_mut`] pins the entry.
    ///
    /// Context: any.
    pub fn value_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        // SAFETY: The value is pinned with the entry. Nothing moves it out: an entry is `Unpin`,
        // and so gives `&mut`, only if its value is `Unpin`.
        unsafe { self.map_unchecked_mut(|entry| &mut entry.value) }
    }
}

impl<T: Reclaim> Entry<T, 2> {
    /// Moves `value` into memory that RCU can reclaim, with the links of an entry of a
    /// [`ResizableTable`](super::ResizableTable). Inserting the entry cannot fail.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn resizable(value: T, flags: Flags) -> Result<UniqueRcuBox<Self>, AllocError> {
        let links = [Link::null(), Link::null()];
        UniqueRcuBox::new(Self { links, value }, flags)
    }
}

impl<T: Reclaim, const LINKS: usize> Deref for Entry<T, LINKS> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Reclaim, const LINKS: usize> DerefMut for Entry<T, LINKS> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Reclaim, const LINKS: usize> Reclaim for Entry<T, LINKS> {
    type Context = T::Context;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = drops!(T);
    const TEARDOWN: Option<fn(Pin<&Self>)> = match T::TEARDOWN {
        // SAFETY: The value is pinned with the entry.
        Some(_) => Some(|entry| tear_down(unsafe { entry.map_unchecked(|entry| &entry.value) })),
        None => None,
    };
}

/// The first link of a [`Chain`] or of a bucket, or a link of an entry: a pointer to the next
/// entry. The type is invariant in `T`, because `&self` is enough to store a pointer.
///
/// The links of an entry with the same index belong to the same chain. `side` is that index.
///
/// # Invariants
///
/// A link that belongs to a chain
///
/// - is null, or the address of an object that came from `UniqueRcuBox::into_raw` and that the
///   chain owns; no two links of a chain point to the same object;
/// - changes only by the chain's updater.
///
/// A link whose entry was removed from its chain does not change until a grace period has ended.
pub(super) struct Link<T: Reclaim, const LINKS: usize = 1>(AtomicPtr<Object<Entry<T, LINKS>>>);

impl<T: Reclaim, const LINKS: usize> Link<T, LINKS> {
    pub(super) const fn null() -> Self {
        Self::to(ptr::null_mut())
    }

    pub(super) const fn to(object: *mut Object<Entry<T, LINKS>>) -> Self {
        Self(AtomicPtr::new(object))
    }

    /// Returns the object that this points to, for readers.
    #[inline]
    pub(super) fn load(&self) -> *mut Object<Entry<T, LINKS>> {
        // ORDERING: Pairs with the release in `publish()`, so that the reader sees the entry
        // initialised: C's `rcu_dereference()`. See `Published::dereference()`.
        self.0.load(Ordering::Acquire)
    }

    /// Returns the object that this points to, for updaters and owners.
    #[inline]
    pub(super) fn get(&self) -> *mut Object<Entry<T, LINKS>> {
        // ORDERING: Relaxed suffices: the updaters' mutual exclusion orders this load after the
        // store that it reads.
        self.0.load(Ordering::Relaxed)
    }

    /// Makes this point to `object`, before readers can reach this link.
    #[inline]
    pub(super) fn set(&self, object: *mut Object<Entry<T, LINKS>>) {
        // ORDERING: Relaxed suffices: the release that publishes this link orders this store too.
        self.0.store(object, Ordering::Relaxed);
    }

    /// Makes this point to `object`, and publishes the object to readers.
    #[inline]
    pub(super) fn publish(&self, object: *mut Object<Entry<T, LINKS>>) {
        // ORDERING: Release publishes the contents of the entry: `rcu_assign_pointer()`. C removes
        // an entry by a plain store, because the removed entry's link has already published the
        // next entry. In Rust's memory model that does not suffice: a reader that loads this link
        // never loads the removed entry's link. On x86 both stores are the same instruction.
        self.0.store(object, Ordering::Release);
    }

    /// Returns whether no entry follows.
    #[inline]
    pub(super) fn is_last(&self) -> bool {
        self.get().is_null()
    }

    /// Borrows the entry that this points to.
    ///
    /// # Safety
    ///
    /// The link belongs to a chain. The caller is its only updater and does not remove the entry
    /// during `'a`.
    #[inline]
    pub(super) unsafe fn entry<'a>(&self) -> Option<&'a Entry<T, LINKS>> {
        // SAFETY: By the type invariant it is an object of the chain, which nobody removes during
        // `'a`. The values of a chain are not mutably borrowed.
        NonNull::new(self.get()).map(|object| unsafe { object::value(object) })
    }

    /// Finds the first entry whose value `matches`, from this link on, along the links with the
    /// index `side`. Returns the link that points to it, or the last link.
    ///
    /// # Safety
    ///
    /// The link belongs to a chain. The caller is its only updater and removes no entry while the
    /// result is borrowed.
    #[inline]
    pub(super) unsafe fn find(&self, side: usize, mut matches: impl FnMut(&T) -> bool) -> &Self {
        let mut link = self;
        // SAFETY: The caller is the only updater and removes no entry.
        while let Some(entry) = unsafe { link.entry() } {
            if matches(entry) {
                break;
            }
            link = &entry.links[side];
        }
        link
    }

    /// Inserts `new` here, before the entry that this points to, and returns the link of `new`: C's
    /// `list_add_rcu()`.
    ///
    /// # Safety
    ///
    /// The link belongs to a chain. The caller is its only updater and does not remove `new` during
    /// `'a`.
    #[inline]
    pub(super) unsafe fn insert<'a>(
        &self,
        side: usize,
        new: UniqueRcuBox<Entry<T, LINKS>>,
    ) -> &'a Self {
        new.links[side].set(self.get());
        let object = new.into_raw();
        // INVARIANT: The chain owns the object now, and its link points to the rest.
        self.publish(object.as_ptr());
        // SAFETY: The object is in the chain, and the caller does not remove it.
        unsafe { &object::value(object).links[side] }
    }

    /// Replaces the entry that this points to by `new`, with one store, and returns the old entry:
    /// C's `list_replace_rcu()`.
    ///
    /// Errors: `new`, if this points to no entry.
    ///
    /// # Safety
    ///
    /// The link belongs to a chain. The caller is its only updater.
    #[inline]
    pub(super) unsafe fn replace(
        &self,
        side: usize,
        new: UniqueRcuBox<Entry<T, LINKS>>,
    ) -> Result<Unlinked<T, LINKS>, UniqueRcuBox<Entry<T, LINKS>>> {
        let Some(old) = NonNull::new(self.get()) else {
            return Err(new);
        };
        // SAFETY: By the type invariant it is an object of the chain, which is live.
        let next = unsafe { &object::value(old).links[side] };
        new.links[side].set(next.get());
        // INVARIANT: The chain owns the new object now and no longer owns the old one, whose link
        // does not change.
        self.publish(new.into_raw().as_ptr());
        // INVARIANT: The chain owned the object, and no other link pointed to it.
        Ok(Unlinked(old))
    }

    /// Removes the entry that this points to: C's `list_del_rcu()`.
    ///
    /// # Safety
    ///
    /// The link belongs to a chain. The caller is its only updater.
    #[inline]
    pub(super) unsafe fn remove(&self, side: usize) -> Option<Unlinked<T, LINKS>> {
        let old = NonNull::new(self.get())?;
        // SAFETY: By the type invariant it is an object of the chain, which is live.
        let next = unsafe { &object::value(old).links[side] };
        // INVARIANT: The chain no longer owns the old object, whose link does not change.
        self.publish(next.get());
        // INVARIANT: The chain owned the object, and no other link pointed to it.
        Some(Unlinked(old))
    }
}

/// An entry that was removed from its chain. Updaters make their structure consistent before they
/// retire it, because that calls [`Reclaim::TEARDOWN`].
///
/// # Invariants
///
/// The object came from `UniqueRcuBox::into_raw`, and this value owns it. Readers that begin from
/// now on cannot reach it.
#[must_use]
pub(super) struct Unlinked<T: Reclaim, const LINKS: usize>(NonNull<Object<Entry<T, LINKS>>>);

impl<T: Reclaim, const LINKS: usize> Unlinked<T, LINKS> {
    /// Tears the entry down, and retires it.
    ///
    /// # Safety
    ///
    /// Only readers of `domain` could reach the entry.
    #[inline]
    pub(super) unsafe fn retire<D: Domain>(self, domain: D) -> Retired<Entry<T, LINKS>, D> {
        // SAFETY: By the type invariant this owned the object, which is unpublished. The caller
        // guarantees the domain.
        unsafe { Retired::new(self.0, domain) }
    }
}

/// A sequence of linked entries. It owns them.
///
/// # Invariants
///
/// - The links from the first one on belong to this chain, as [`Link`] defines. The last is null.
/// - Readers reach the objects only through a shared borrow of the chain.
/// - The value of an object is not mutably borrowed while it is in the chain.
/// - A removed object is reclaimed only when a grace period has ended that began after its removal,
///   or when nobody can borrow the chain any more.
pub(super) struct Chain<T: Reclaim> {
    first: Link<T>,
    owned: PhantomData<UniqueRcuBox<Entry<T>>>,
}

impl<T: Reclaim> Chain<T> {
    pub(super) const fn new() -> Self {
        // INVARIANT: The chain has no entries.
        Self {
            first: Link::null(),
            owned: PhantomData,
        }
    }

    #[inline]
    pub(super) fn first(&self) -> &Link<T> {
        &self.first
    }

    /// Iterates over the values.
    ///
    /// # Safety
    ///
    /// While the result is borrowed, a read-side critical section lasts, or the caller is the only
    /// updater of the chain and removes no entry.
    #[inline]
    pub(super) unsafe fn iter(&self) -> Iter<'_, T> {
        // INVARIANT: The link belongs to the chain. The caller guarantees the rest.
        Iter {
            link: Some(&self.first),
        }
    }
}

impl<T: Reclaim> Drop for Chain<T> {
    fn drop(&mut self) {
        let mut next = self.first.get();
        while let Some(object) = NonNull::new(next) {
            // SAFETY: By the type invariant the chain owns the object, and readers reach it only
            // through a shared borrow of the chain, which `&mut self` excludes.
            let mut entry = unsafe { UniqueRcuBox::from_raw(object) };
            next = entry.links[ONLY].get();
            tear_down(entry.as_pin_mut().as_ref());
        }
    }
}

/// Iterates over the values of a [`List`](super::List), or of one bucket of a
/// [`HashTable`](super::HashTable), in order: C's `list_for_each_entry_rcu()`.
///
/// It loads a link when it needs the next value. So it may or may not see entries that an updater
/// inserts or removes meanwhile. It sees every other entry once.
///
/// # Examples
///
/// See [`List`](super::List).
///
/// # Invariants
///
/// - `link` belongs to a chain that is borrowed during `'g`, or to an entry of such a chain, or to
///   an entry that was removed from it during the read-side critical section that lasts for `'g`.
/// - If no such section lasts for `'g`, no updater removes an entry during `'g`.
pub struct Iter<'g, T: Reclaim> {
    link: Option<&'g Link<T>>,
}

impl<'g, T: Reclaim> Iterator for Iter<'g, T> {
    type Item = &'g T;

    #[inline]
    fn next(&mut self) -> Option<&'g T> {
        let object = NonNull::new(self.link.take()?.load())?;
        // SAFETY: If `link` belongs to the chain, the object is in the chain now. If the entry of
        // `link` was removed, that happened during the section. Its link has not changed since, so
        // the object was in the chain at that time. In both cases the object was not removed before
        // the section began, so the section delays its grace period. The borrow of the chain
        // keeps the chain from being dropped.
        let entry = unsafe { object::value(object) };
        // INVARIANT: The entry is in the chain, or was removed during the section.
        self.link = Some(&entry.links[ONLY]);
        Some(&entry.value)
    }
}

impl<T: Reclaim> FusedIterator for Iter<'_, T> {}
