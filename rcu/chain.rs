// SPDX-License-Identifier: GPL-2.0

//! Chains of RCU-protected entries: what a [`List`](super::List) and each bucket of a
//! [`HashTable`](super::HashTable) is.
//!
//! An entry that is taken out keeps its link, so that readers who stand on it go on:
//!
//! ```text
//!               ┌──────────────┐
//!   first ──────┘   A ─────────┴──► B ──► C ──► null
//!                   ▲ taken out; its readers
//!                     get to B and C
//! ```
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

use super::{boxed::Object, grace_period, RcuBox, Reclaim, Retired};
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

/// What a [`List`](super::List) or a [`HashTable`](super::HashTable) holds: a value with room for the
/// link to the next.
///
/// It is reclaimed where [`Reclaim::Context`] of its value says, by being dropped: the value's own
/// [`Reclaim::reclaim`] is not called, as it asks for a value without a link.
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
pub struct Entry<T: Reclaim> {
    /// In an entry that is in no chain it means nothing, and nobody follows it.
    pub(super) link: Link<T>,
    #[pin]
    value: T,
}

impl<T: Reclaim> Entry<T> {
    /// Moves `value` into memory that RCU can reclaim. All that may fail is done then: putting the entry
    /// into a list or a table needs no memory.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(value: T, flags: Flags) -> Result<RcuBox<Self>, AllocError> {
        let link = Link::null();
        RcuBox::new(Self { link, value }, flags)
    }

    /// Initialises a value in memory that RCU can reclaim, where it will stay: one with a lock, say.
    ///
    /// Errors: `ENOMEM`, or as `init` says. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<RcuBox<Self>>
    where
        Error: From<E>,
    {
        let entry = try_pin_init!(Self { link: Link::null(), value <- init }? Error);
        RcuBox::pin_init::<Error>(entry, flags)
    }

    /// Changes a value that must not move, of an entry from [`RcuBox::as_pin_mut`].
    ///
    /// Context: any.
    pub fn value_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        // SAFETY: The value is pinned with the entry: nothing moves it out, `&mut` to it is given for
        // `Unpin` entries alone, and they are so only if the value is.
        unsafe { self.map_unchecked_mut(|entry| &mut entry.value) }
    }
}

impl<T: Reclaim> Deref for Entry<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Reclaim> DerefMut for Entry<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Reclaim> Reclaim for Entry<T> {
    type Context = T::Context;
}

/// The entry of an object, without the head that `call_rcu()` writes.
///
/// # Safety
///
/// For `'a`, the object is live and its value is not changed.
#[inline]
unsafe fn entry<'a, T: Reclaim>(object: NonNull<Object<Entry<T>>>) -> &'a Entry<T> {
    // SAFETY: As the caller promises; of the entry, only the link changes, which is atomic.
    unsafe { &*ptr::addr_of!((*object.as_ptr()).value) }
}

/// What leads to an entry, or nowhere: the first link of a [`Chain`], or that of one of its entries.
/// It is invariant in `T`, as a pointer that can be stored through `&self` must be.
///
/// # Invariants
///
/// If it belongs to a chain:
///
/// - It is null or the address of an object that came from `RcuBox::into_raw`, that is in the chain
///   and that the chain owns. No two links of a chain lead to the same object.
/// - Only the chain's updater changes it.
///
/// Once its entry was taken out of the chain it does not change until a grace period has ended.
pub(super) struct Link<T: Reclaim>(AtomicPtr<Object<Entry<T>>>);

impl<T: Reclaim> Link<T> {
    const fn null() -> Self {
        // INVARIANT: Null is allowed.
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Where it leads to, for updaters and owners.
    #[inline]
    fn get(&self) -> *mut Object<Entry<T>> {
        // ORDERING: None needed: who stored it held the lock that this thread holds now.
        self.0.load(Ordering::Relaxed)
    }

    /// Makes it lead to `object`, for readers too.
    #[inline]
    fn publish(&self, object: *mut Object<Entry<T>>) {
        // ORDERING: Release publishes the contents of the entry: `rcu_assign_pointer()`. C has a plain
        // store where an entry is taken out, as the one behind it is published already, by the link of
        // the one that goes. But a reader who comes this way never looks at that link, so in Rust's
        // model it is this store that has to order the contents; on x86 it is the same store.
        self.0.store(object, Ordering::Release);
    }

    /// Whether it leads nowhere, so that its entry is the last, or there is none.
    #[inline]
    pub(super) fn is_last(&self) -> bool {
        self.get().is_null()
    }

    /// The entry that it leads to.
    ///
    /// # Safety
    ///
    /// It belongs to a chain whose only updater is the caller, who takes no entry out for `'a`.
    #[inline]
    pub(super) unsafe fn entry<'a>(&self) -> Option<&'a Entry<T>> {
        // SAFETY: By the type invariant it is an object of the chain, which is not freed as long as nobody
        // takes it out.
        NonNull::new(self.get()).map(|object| unsafe { entry(object) })
    }

    /// The link, from this one on, to the first value that `matches`; else the last.
    ///
    /// # Safety
    ///
    /// As for [`Self::entry`], as long as the result is borrowed.
    #[inline]
    pub(super) unsafe fn find(&self, mut matches: impl FnMut(&T) -> bool) -> &Self {
        let mut link = self;
        // SAFETY: As the caller promises.
        while let Some(entry) = unsafe { link.entry() } {
            if matches(entry) {
                break;
            }
            link = &entry.link;
        }
        link
    }

    /// Puts `new` where it leads to, before what was there, and returns the link of `new`: C's
    /// `list_add_rcu()`.
    ///
    /// # Safety
    ///
    /// It belongs to a chain whose only updater is the caller, who does not take `new` out for `'a`.
    #[inline]
    pub(super) unsafe fn insert<'a>(&self, new: RcuBox<Entry<T>>) -> &'a Link<T> {
        let object = Self::prepare(new, self.get());
        // INVARIANT: The chain owns the object now, and its link leads to the rest.
        self.publish(object.as_ptr());
        // SAFETY: The object is in the chain, and the caller does not take it out.
        unsafe { &entry(object).link }
    }

    /// Puts `new` in the place of what it leads to, with one store, and returns the latter: C's
    /// `list_replace_rcu()`.
    ///
    /// Errors: `new` again, if it leads nowhere.
    ///
    /// # Safety
    ///
    /// It belongs to a chain whose only updater is the caller.
    #[inline]
    pub(super) unsafe fn replace(
        &self,
        new: RcuBox<Entry<T>>,
    ) -> Result<Retired<Entry<T>>, RcuBox<Entry<T>>> {
        let Some(old) = NonNull::new(self.get()) else {
            return Err(new);
        };
        // SAFETY: By the type invariant it is an object of the chain, so live.
        let next = unsafe { &entry(old).link };
        // INVARIANT: The chain owns the new object now and the old one no more. The link of the latter
        // stays as it is.
        self.publish(Self::prepare(new, next.get()).as_ptr());
        // SAFETY: The chain owned the object and led to it by this link alone.
        Ok(unsafe { Retired::new(old) })
    }

    /// Takes out what it leads to: C's `list_del_rcu()`.
    ///
    /// # Safety
    ///
    /// It belongs to a chain whose only updater is the caller.
    #[inline]
    pub(super) unsafe fn remove(&self) -> Option<Retired<Entry<T>>> {
        let old = NonNull::new(self.get())?;
        // SAFETY: By the type invariant it is an object of the chain, so live.
        let next = unsafe { &entry(old).link };
        // INVARIANT: The chain owns the old object no more, whose link stays as it is.
        self.publish(next.get());
        // SAFETY: The chain owned the object and led to it by this link alone.
        Some(unsafe { Retired::new(old) })
    }

    /// Gives up ownership of an entry that will lead to `next`.
    #[inline]
    fn prepare(new: RcuBox<Entry<T>>, next: *mut Object<Entry<T>>) -> NonNull<Object<Entry<T>>> {
        // ORDERING: None needed: no reader is there before `publish()`, which orders this too. What the link
        // held from an earlier life is overwritten.
        new.link.0.store(next, Ordering::Relaxed);
        new.into_raw()
    }
}

/// Entries in a row; it owns them.
///
/// # Invariants
///
/// - The links from the first one on belong to this chain, as [`Link`] says; the last is null.
/// - The objects in it are reachable for readers through a shared borrow of the chain alone. The
///   value of one does not change while it is in the chain; it is freed only after a grace period
///   that began after it was taken out, or when the chain itself is gone.
pub(super) struct Chain<T: Reclaim> {
    first: Link<T>,
    owned: PhantomData<RcuBox<Entry<T>>>,
}

impl<T: Reclaim> Chain<T> {
    pub(super) const fn new() -> Self {
        // INVARIANT: There are no entries.
        Self {
            first: Link::null(),
            owned: PhantomData,
        }
    }

    #[inline]
    pub(super) fn first(&self) -> &Link<T> {
        &self.first
    }

    /// The values for readers, or for the updater.
    ///
    /// # Safety
    ///
    /// As long as the result is borrowed, a read-side critical section lasts, or the caller is the only
    /// updater of the chain and takes no entry out.
    #[inline]
    pub(super) unsafe fn iter(&self) -> Iter<'_, T> {
        // INVARIANT: The link is the chain's, and for the rest the caller vouches.
        Iter {
            link: Some(&self.first),
        }
    }

    /// Takes out all entries with one store.
    ///
    /// # Safety
    ///
    /// The caller is the only updater of the chain.
    #[inline]
    pub(super) unsafe fn clear(&self) -> Cleared<T> {
        let all = self.first.get();
        self.first.publish(ptr::null_mut());
        // INVARIANT: The chain owned the objects and owns them no more; its first link was the way to all.
        Cleared {
            next: Link(AtomicPtr::new(all)),
            owned: PhantomData,
        }
    }
}

impl<T: Reclaim> Drop for Chain<T> {
    fn drop(&mut self) {
        let mut next = self.first.get();
        while let Some(object) = NonNull::new(next) {
            // SAFETY: By the type invariant the chain owns the object, and readers reach it through a shared
            // borrow of the chain only, of which there is none.
            let entry = unsafe { RcuBox::from_raw(object) };
            next = entry.link.get();
        }
    }
}

/// The values of a [`List`](super::List), or of one bucket of a [`HashTable`](super::HashTable), in
/// order: C's `list_for_each_entry_rcu()`.
///
/// It loads a link when it is asked for the next value, so of what is changed meanwhile it may see
/// the old or the new. What stays all the while it sees once.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Entry, Iter, List, Reclaim, Softirq, UpdaterLock};
///
/// struct Number(u32);
///
/// impl Reclaim for Number {
///     type Context = Softirq;
/// }
///
/// struct State {
///     numbers: List<Number, State>,
/// }
///
/// fn total(numbers: Iter<'_, Number>) -> u32 {
///     numbers.map(|number| number.0).sum()
/// }
///
/// let state = State { numbers: List::new() };
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "numbers")), GFP_KERNEL)?;
/// let [first, second] = [Entry::new(Number(1), GFP_KERNEL)?, Entry::new(Number(2), GFP_KERNEL)?];
///
/// // For an updater, whose lock is enough.
/// let mut updater = state.lock();
/// let mut numbers = updater.select(|state| &state.numbers);
/// numbers.push_back(first);
/// numbers.push_back(second);
/// assert_eq!(total(numbers.iter()), 3);
/// drop(updater);
///
/// // For a reader.
/// let guard = read_lock();
/// assert_eq!(total(state.numbers.iter(&guard)), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `link` belongs to a chain, or to an entry that was in it at some time since the read-side critical
/// section began that lasts for `'g`; or instead of such a section, no entry is taken out for `'g`.
pub struct Iter<'g, T: Reclaim> {
    link: Option<&'g Link<T>>,
}

impl<'g, T: Reclaim> Iterator for Iter<'g, T> {
    type Item = &'g T;

    #[inline]
    fn next(&mut self) -> Option<&'g T> {
        // ORDERING: Pairs with the release in `publish()`, as in `Rcu::dereference()`: what the updater wrote
        // before publishing is seen. C's `rcu_dereference()`.
        let object = self.link.take()?.0.load(Ordering::Acquire);
        // SAFETY: By the type invariant, the link's entry was in the chain since the section began, if only
        // for a while. If it is still, or if the link is the chain's own, the object is in the chain now. If
        // it was taken out, its link has not changed since, so the object was in the chain then. Either way
        // the object was not taken out before the section began: its grace period does not end before
        // the section, and the borrow of the chain keeps that from being dropped.
        let entry = unsafe { entry(NonNull::new(object)?) };
        // INVARIANT: As was just said, the entry was in the chain at some time since the section began.
        self.link = Some(&entry.link);
        Some(&entry.value)
    }
}

impl<T: Reclaim> FusedIterator for Iter<'_, T> {}

/// What was in a [`List`](super::List) when it was cleared, in order, on its way to being reclaimed.
///
/// It borrows nothing, so each entry can be given its ending after the updater's lock is released. What
/// is not taken from it goes the way of a dropped [`Retired`].
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
/// // The lock is free, and one grace period does for all that are left.
/// all.next().unwrap().call_rcu();
/// let back = all.synchronize();
/// assert!(back.map(|number| number.0).eq([2, 3]));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `next` leads to an object that came from `RcuBox::into_raw`, is owned by this value and cannot be
/// reached by readers that begin from now on. The same goes for the link of that object, and so on
/// until null.
#[must_use = "say how the entries are to be reclaimed; dropping them means call_rcu() or queue_work()"]
pub struct Cleared<T: Reclaim> {
    next: Link<T>,
    owned: PhantomData<Retired<Entry<T>>>,
}

impl<T: Reclaim> Cleared<T> {
    /// Waits for one grace period, and gives all the entries back: C's `synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn synchronize(self) -> impl Iterator<Item = RcuBox<Entry<T>>> {
        grace_period::synchronize();
        // SAFETY: By the type invariant all the objects were unpublished before this grace period began.
        self.map(|retired| unsafe { retired.reclaimable() })
    }
}

impl<T: Reclaim> Iterator for Cleared<T> {
    type Item = Retired<Entry<T>>;

    fn next(&mut self) -> Option<Retired<Entry<T>>> {
        let object = NonNull::new(self.next.get())?;
        // SAFETY: By the type invariant the object is owned, so live.
        let next = unsafe { &entry(object).link };
        // INVARIANT: The object is given away, and what follows it is owned as it was.
        self.next = Link(AtomicPtr::new(next.get()));
        // SAFETY: By the type invariant it was owned by this value and is unpublished.
        Some(unsafe { Retired::new(object) })
    }
}

impl<T: Reclaim> FusedIterator for Cleared<T> {}

impl<T: Reclaim> Drop for Cleared<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
