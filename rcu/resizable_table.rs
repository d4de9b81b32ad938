// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected hash table that grows and shrinks.
//!
//! Each entry has two links. A bucket array uses one of them, its replacement the other. So readers
//! of the old array continue undisturbed while the updater links the entries into the new one:
//!
//! ```text
//!   old array ──► A ──link 0──► B ──link 0──► C
//!   new array ──► C ──link 1──► A
//!             ──► B
//! ```
//!
//! C header: [`include/linux/rhashtable.h`](srctree/include/linux/rhashtable.h)

#![expect(unsafe_code, reason = "owns entries through atomic links")]

use super::{
    chain,
    flexible::Flexible,
    hash_table::{hash, Keyed},
    len::{Counted, Len},
    object,
    published::{borrow, Published},
    reclaim::{tear_down, Context},
    updater::{UpdateSide, UpdatedUnder},
    Entry, Global, GracePeriod, ReadSide, Reclaim, Retired, UniqueRcuBox,
};
use core::{cell::UnsafeCell, marker::PhantomData, ptr::NonNull};
use kernel::alloc::{AllocError, Flags};

/// An entry of a [`ResizableTable`]: a value, and a link for each of two bucket arrays.
/// [`Entry::resizable`] allocates it.
pub type ResizableEntry<T> = Entry<T, 2>;

type Link<T> = chain::Link<T, 2>;

/// Which of its entries' links a bucket array uses: 0 or 1.
struct Side(usize);

/// The bucket array of a [`ResizableTable`].
type Buckets<T> = Flexible<Side, Link<T>>;

/// An allocated bucket array, for [`ResizableTable::new`] and [`UpdateSide::resize`].
///
/// # Examples
///
/// See [`ResizableTable`].
pub struct NewBuckets<T: Reclaim>(UniqueRcuBox<Buckets<T>>);

impl<T: Reclaim> NewBuckets<T> {
    /// Allocates `len` buckets, or one bucket if `len` is 0.
    ///
    /// Errors: [`AllocError`]. Context: as `flags` say; may sleep with `GFP_KERNEL`.
    pub fn new(len: usize, flags: Flags) -> Result<Self, AllocError> {
        let buckets = UniqueRcuBox::from_fn(Side(0), len.max(1), |_| Link::null(), flags)?;
        Ok(Self(buckets))
    }
}

/// A hash table whose number of buckets can change while readers search it: C's `rhashtable`.
///
/// It is a [`HashTable`](super::HashTable) otherwise. A lookup never waits for a resize, and visits
/// one bucket of one array. A resize takes time proportional to the number of entries, with the
/// updaters' lock held.
///
/// Its values are in a [`ResizableEntry`], which has a link more than other entries.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{
///     random_seed, read_lock, Entry, Keyed, NewBuckets, Reclaim, ResizableTable, Softirq,
///     UpdaterLock,
/// };
///
/// struct Session {
///     id: u64,
/// }
///
/// impl Keyed for Session {
///     type Key = u64;
///
///     fn key(&self) -> &u64 {
///         &self.id
///     }
/// }
///
/// impl Reclaim for Session {
///     type Context = Softirq;
/// }
///
/// struct State {
///     sessions: ResizableTable<Session, State>,
/// }
///
/// let sessions = ResizableTable::new(NewBuckets::new(4, GFP_KERNEL)?, random_seed());
/// let state = UpdaterLock::new(State { sessions }, new_mutex!((), "sessions"));
/// let state = Arc::pin_init(state, GFP_KERNEL)?;
///
/// for id in 0..8 {
///     let new = Entry::resizable(Session { id }, GFP_KERNEL)?;
///     assert!(state.lock().select(|state| &state.sessions).insert(new).is_none());
/// }
///
/// // Allocate before the lock is held.
/// let more = NewBuckets::new(16, GFP_KERNEL)?;
/// let mut updater = state.lock();
/// let mut sessions = updater.select(|state| &state.sessions);
/// assert_eq!((sessions.len(), sessions.buckets()), (8, 4));
/// assert!(sessions.resize(more).is_ok());
/// assert_eq!((sessions.len(), sessions.buckets()), (8, 16));
/// drop(updater);
///
/// assert!(state.sessions.get(&7, &read_lock()).is_some());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - `buckets` is not null. The links of its side, from a bucket on, are a chain of the entries
///   whose keys belong to that bucket, and end with null. Each entry came from `UniqueRcuBox::into_raw`,
///   and the table owns it. `len` is their number.
/// - Readers reach the entries only through a shared borrow of the table. The value of an entry is
///   not mutably borrowed while it is in the table.
/// - The links of the other side are in use only by readers of earlier bucket arrays. `resized`
///   completes after the last of these readers.
/// - A removed entry keeps its links. It is reclaimed only when a grace period has ended that began
///   after its removal, or when nobody can borrow the table any more.
pub struct ResizableTable<T: Reclaim + Keyed, S> {
    buckets: Published<Buckets<T>>,
    len: Len,
    /// Used by updaters only: the grace period of the replaced bucket array.
    resized: UnsafeCell<Option<GracePeriod>>,
    seed: [u64; 2],
    owned: PhantomData<UniqueRcuBox<ResizableEntry<T>>>,
    updaters: PhantomData<fn() -> S>,
}

// SAFETY: Only the holder of the updaters' lock accesses `resized`; the other fields are `Sync`.
unsafe impl<T: Reclaim + Keyed, S> Sync for ResizableTable<T, S> {}

/// A bucket array in use, and the index of the links that it uses.
struct View<'a, T: Reclaim> {
    links: &'a [Link<T>],
    side: usize,
}

impl<'a, T: Reclaim + Keyed> View<'a, T> {
    #[inline]
    fn of(buckets: &'a Buckets<T>) -> Self {
        Self {
            links: &buckets.elements,
            side: buckets.header.0 & 1,
        }
    }

    /// Returns the bucket of a key.
    #[inline]
    fn bucket(&self, key: &T::Key, seed: [u64; 2]) -> Option<&'a Link<T>> {
        let index = (hash(key, seed) as usize).checked_rem(self.links.len())?;
        self.links.get(index)
    }

    /// Finds the link that points to the entry with a key, or the last link of its bucket.
    ///
    /// # Safety
    ///
    /// The caller is the only updater, of a table that uses this array. It removes no entry while
    /// the result is borrowed.
    #[inline]
    unsafe fn find(&self, key: &T::Key, seed: [u64; 2]) -> Option<&'a Link<T>> {
        let first = self.bucket(key, seed)?;
        // SAFETY: The caller is the only updater and removes no entry.
        Some(unsafe { first.find(self.side, |value| value.key() == key) })
    }
}

impl<T: Reclaim + Keyed, S> ResizableTable<T, S> {
    /// Creates an empty table. Users that choose keys must not know `seed`; see
    /// [`random_seed`](super::random_seed).
    pub fn new(buckets: NewBuckets<T>, seed: [u64; 2]) -> Self {
        // INVARIANT: The table has no entries, and there are no readers of earlier arrays.
        Self {
            buckets: Published::new(Some(buckets.0)),
            len: Len::zero(),
            resized: UnsafeCell::new(None),
            seed,
            owned: PhantomData,
            updaters: PhantomData,
        }
    }

    /// Finds the value with this key, and borrows it during the read-side critical section: C's
    /// `rhashtable_lookup()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get<'g>(&'g self, key: &T::Key, _section: &'g impl ReadSide) -> Option<&'g T> {
        // SAFETY: A replaced array is reclaimed after a grace period, which the section delays.
        let buckets: &'g Buckets<T> = unsafe { self.buckets.dereference()? };
        let view = View::of(buckets);
        let mut link = view.bucket(key, self.seed)?;
        loop {
            let object = NonNull::new(link.load())?;
            // SAFETY: The links of this array led to the object after the section began. So the
            // object is in the table, or it was removed after that time, or after the array was
            // replaced, which happened after that time too. In each case the section delays the
            // grace period of the object. The borrow of the table keeps the table from being
            // dropped.
            let entry: &'g ResizableEntry<T> = unsafe { object::value(object) };
            if entry.key() == key {
                return Some(entry);
            }
            link = &entry.links[view.side];
        }
    }

    /// Returns the bucket array, for updaters.
    ///
    /// # Safety
    ///
    /// The caller is the only updater and does not resize the table during `'a`.
    #[inline]
    unsafe fn view<'a>(&self) -> Option<View<'a, T>> {
        // SAFETY: Only a resize unpublishes the array.
        Some(View::of(unsafe { borrow(self.buckets.address())? }))
    }
}

impl<T: Reclaim + Keyed, S> Drop for ResizableTable<T, S> {
    fn drop(&mut self) {
        let Some(buckets) = self.buckets.take() else {
            return;
        };
        let view = View::of(&buckets);
        for bucket in view.links {
            let mut next = bucket.get();
            while let Some(object) = NonNull::new(next) {
                // SAFETY: By the type invariant the table owned the object, and readers reach it
                // only through a shared borrow of the table, which `&mut self` excludes.
                let mut entry = unsafe { UniqueRcuBox::from_raw(object) };
                next = entry.links[view.side].get();
                tear_down(entry.as_pin_mut().as_ref());
            }
        }
    }
}

impl<T: Reclaim + Keyed, S> UpdateSide<'_, ResizableTable<T, S>> {
    /// Finds the value with this key, without a read-side critical section.
    ///
    /// Context: any.
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        let table = self.structure();
        // SAFETY: By the type invariant only `self` updates the table, and it does not while
        // borrowed.
        let link = unsafe { table.view()?.find(key, table.seed)? };
        // SAFETY: By the type invariant only `self` updates the table, and it does not while
        // borrowed.
        unsafe { link.entry() }.map(|entry| &**entry)
    }

    /// Inserts `new`, replacing the entry with the same key.
    ///
    /// Readers see either the old or the new entry, never both and never neither.
    ///
    /// Context: any; never waits.
    pub fn insert(
        &mut self,
        new: UniqueRcuBox<ResizableEntry<T>>,
    ) -> Option<Retired<ResizableEntry<T>>> {
        let table = self.structure();
        // SAFETY: By the type invariant only `self` updates the table. The view is used before the
        // next resize.
        let view = unsafe { table.view()? };
        // SAFETY: By the type invariant only `self` updates the table.
        let link = unsafe { view.find(new.key(), table.seed)? };
        // SAFETY: By the type invariant only `self` updates the table.
        let new = match unsafe { link.replace(view.side, new) } {
            // SAFETY: The readers of a resizable table are those of RCU.
            Ok(old) => return Some(unsafe { old.retire(Global) }),
            Err(new) => new,
        };
        // SAFETY: By the type invariant only `self` updates the table. The result is not used.
        unsafe { link.insert(view.side, new) };
        // INVARIANT: One entry was inserted.
        table.len.add(1);
        None
    }

    /// Removes the entry with this key: C's `rhashtable_remove_fast()`.
    ///
    /// Context: any; never waits.
    pub fn remove(&mut self, key: &T::Key) -> Option<Retired<ResizableEntry<T>>> {
        let table = self.structure();
        // SAFETY: By the type invariant only `self` updates the table. The view is used before the
        // next resize.
        let view = unsafe { table.view()? };
        // SAFETY: By the type invariant only `self` updates the table.
        let link = unsafe { view.find(key, table.seed)? };
        // SAFETY: By the type invariant only `self` updates the table.
        let old = unsafe { link.remove(view.side) }?;
        // INVARIANT: One entry was removed.
        table.len.add(-1);
        // SAFETY: The readers of a resizable table are those of RCU.
        Some(unsafe { old.retire(Global) })
    }

    /// Moves all entries into other buckets. Readers continue in the old ones.
    ///
    /// Errors: `new`, if the grace period of the previous resize has not ended: its readers still
    /// use the links that this resize would change. Context: any; never waits.
    pub fn resize(&mut self, new: NewBuckets<T>) -> Result<(), NewBuckets<T>> {
        let table = self.structure();
        // SAFETY: By the type invariant only `self` updates the table, so nothing else accesses it.
        let resized = unsafe { &mut *table.resized.get() };
        if resized.is_some_and(|previous| !previous.is_complete()) {
            return Err(new);
        }
        // SAFETY: By the type invariant only `self` updates the table. The view is used before the
        // array is replaced.
        let Some(old) = (unsafe { table.view() }) else {
            return Err(new);
        };
        let mut new = new.0;
        new.header = Side(old.side ^ 1);
        // INVARIANT: The readers of earlier arrays have ended, so the links of the other side are
        // free. They lead to the same entries as those of the old array.
        link_all(&old, &View::of(&new), table.seed);
        let address = table.buckets.address();
        // SAFETY: By the type invariant no other thread stores meanwhile.
        let replaced = unsafe { table.buckets.publish(Some(new), address) };
        // INVARIANT: The cookie is created after the old array was unpublished.
        *resized = Some(GracePeriod::start());
        // SAFETY: The store unpublished the array and gave up its ownership.
        drop(replaced.map(|old| unsafe { Retired::new(old, Global) }));
        Ok(())
    }

    /// Returns the number of buckets. Lookups are fast while it is about the number of entries.
    ///
    /// Context: any.
    pub fn buckets(&self) -> usize {
        // SAFETY: By the type invariant only `self` updates the table.
        unsafe { self.structure().view() }.map_or(0, |view| view.links.len())
    }
}

/// Links the entries of the array `old` into the array `new`, which readers cannot reach yet.
fn link_all<T: Reclaim + Keyed>(old: &View<'_, T>, new: &View<'_, T>, seed: [u64; 2]) {
    for bucket in old.links {
        let mut next = bucket.get();
        while let Some(object) = NonNull::new(next) {
            // SAFETY: By the invariant of the table the object is live, and only the caller, the
            // only updater, removes it.
            let entry: &ResizableEntry<T> = unsafe { object::value(object) };
            next = entry.links[old.side].get();
            if let Some(bucket) = new.bucket(entry.key(), seed) {
                entry.links[new.side].set(bucket.get());
                bucket.set(object.as_ptr());
            }
        }
    }
}

impl<T: Reclaim + Keyed, S> Counted for ResizableTable<T, S> {
    fn counter(&self) -> &Len {
        &self.len
    }
}

// SAFETY: A shared reference to a table changes it only through the methods of `UpdateSide`, and
// its type names one `S`.
unsafe impl<T: Reclaim + Keyed, S> UpdatedUnder<S> for ResizableTable<T, S> {
    const HAS_HEADS: bool = T::Context::HAS_HEAD;
}
