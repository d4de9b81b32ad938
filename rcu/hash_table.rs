// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected hash table.
//!
//! C header: [`include/linux/hashtable.h`](srctree/include/linux/hashtable.h)

#![expect(unsafe_code, reason = "changes chains as their only updater")]

use super::{
    chain::{Chain, Entry, ONLY},
    len::{Counted, Len},
    new_entry::NewEntry,
    reclaim::Context,
    srcu_state::SrcuView,
    updater::{UpdateSide, UpdatedUnder},
    Domain, Global, Iter, ReadSide, Reclaim, Retired, Srcu,
};
use core::{
    hash::{Hash, Hasher},
    marker::PhantomData,
    mem::MaybeUninit,
};
use kernel::prelude::*;

/// A value with a key.
///
/// The key must not change while the value is in a table. If it does, lookups do not find the
/// value; memory safety is not affected.
///
/// # Examples
///
/// See [`HashTable`].
#[diagnostic::on_unimplemented(
    message = "a hash table cannot hold a `{Self}`, because the type does not implement `Keyed`",
    label = "`{Self}` has no key",
    note = "add `impl Keyed for {Self} {{ type Key = u16; fn key(&self) -> &u16 {{ &self.number }} }}`"
)]
pub trait Keyed {
    /// The type of the key, which may be unsized: `str` or `[u8]`.
    type Key: Hash + Eq + ?Sized;

    /// Returns the key of this value.
    fn key(&self) -> &Self::Key;
}

/// A hash table that readers search under a [`Guard`](super::Guard) while one updater at a time
/// changes it: C's `DECLARE_HASHTABLE()` with `hash_…_rcu()`.
///
/// It is part of a state `S` and changes under the lock of the
/// [`UpdaterLock<S>`](super::UpdaterLock) that contains it, through the [`UpdateSide`] that
/// [`Updater::select`](super::Updater::select) returns. It holds one entry for each key.
///
/// The number of buckets is fixed. Choose about the expected number of entries, and a power of two,
/// which makes the modulo a mask.
///
/// SipHash with a seed maps keys to buckets. Without the seed, a user or another machine that
/// chooses keys cannot direct them to one bucket. [`random_seed`](super::random_seed) returns
/// a seed.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{
///     random_seed, read_lock, Entry, HashTable, Keyed, Reclaim, Softirq, UpdaterLock,
/// };
///
/// struct Session {
///     id: u64,
///     limit: u32,
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
/// #[pin_data]
/// struct State {
///     #[pin]
///     sessions: HashTable<Session, State, 64>,
/// }
///
/// let state = pin_init!(State { sessions <- HashTable::new(random_seed()) });
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "sessions")), GFP_KERNEL)?;
///
/// // An updater. Allocations, which may fail, come before the lock.
/// let first = Entry::new(Session { id: 7, limit: 1 }, GFP_KERNEL)?;
/// let second = Entry::new(Session { id: 7, limit: 2 }, GFP_KERNEL)?;
///
/// let mut updater = state.lock();
/// let mut sessions = updater.select(|state| &state.sessions);
/// assert!(sessions.insert(first).is_none());
/// if let Some(old) = sessions.insert(second) {
///     old.kvfree_rcu();
/// }
/// assert_eq!(sessions.len(), 1);
/// drop(updater);
///
/// // A reader.
/// let guard = read_lock();
/// assert_eq!(state.sessions.get(&7, &guard).map(|session| session.limit), Some(2));
/// assert!(state.sessions.get(&8, &guard).is_none());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - An entry is in the bucket of the key that it had when it was inserted.
/// - `len` is the number of entries.
#[pin_data]
pub struct HashTable<T: Reclaim + Keyed, S, const BUCKETS: usize, K = Global> {
    buckets: Buckets<T, BUCKETS>,
    len: Len,
    seed: [u64; 2],
    updaters: PhantomData<fn() -> (S, K)>,
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize, K> HashTable<T, S, BUCKETS, K> {
    const HAS_BUCKETS: () = core::assert!(BUCKETS > 0, "a hash table has at least one bucket");

    /// Returns an initialiser of an empty table. It creates the buckets in place, because they are
    /// too large for the kernel's stack. Users that choose keys must not know `seed`.
    pub fn new(seed: [u64; 2]) -> impl PinInit<Self> {
        let () = Self::HAS_BUCKETS;
        // INVARIANT: The table has no entries.
        let table = pin_init!(Self {
            // INVARIANT: The initialisation below follows, before anything can use the table or
            // drop it.
            // SAFETY: The initialisation below cannot fail.
            buckets: unsafe { Buckets::uninit() },
            len: Len::zero(),
            seed,
            updaters: PhantomData,
        });
        table.pin_chain(|table| {
            table.get_mut().buckets.init();
            Ok(())
        })
    }

    /// Returns the bucket of a key.
    #[inline]
    fn bucket(&self, key: &T::Key) -> &Chain<T> {
        let hash = hash(key, self.seed) as usize;
        &self.buckets.get()[hash % BUCKETS]
    }

    /// Finds the value with this key.
    ///
    /// # Safety
    ///
    /// A read-side critical section of the table's domain lasts while the result is borrowed, or the
    /// caller is the only updater of the table and removes no entry.
    #[inline]
    unsafe fn find(&self, key: &T::Key) -> Option<&T> {
        // SAFETY: The caller guarantees that no entry is reclaimed.
        let mut values = unsafe { self.bucket(key).iter() };
        values.find(|value| value.key() == key)
    }

    /// Iterates over the values in no particular order.
    ///
    /// # Safety
    ///
    /// As for [`Self::find`].
    #[inline]
    unsafe fn values(&self) -> impl Iterator<Item = &T> {
        let buckets = self.buckets.get().iter();
        buckets.flat_map(|bucket| -> Iter<'_, T> {
            // SAFETY: The caller guarantees that no entry is reclaimed.
            unsafe { bucket.iter() }
        })
    }
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize> HashTable<T, S, BUCKETS> {
    /// Finds the value with this key, and borrows it during the read-side critical section: C's
    /// `hash_for_each_possible_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get<'g>(&'g self, key: &T::Key, _section: &'g impl ReadSide) -> Option<&'g T> {
        // SAFETY: The result borrows `_section`, so the critical section lasts while it is used.
        unsafe { self.find(key) }
    }

    /// Iterates over the values in no particular order, and borrows them during the read-side
    /// critical section: C's `hash_for_each_rcu()`.
    ///
    /// It may or may not see entries that are inserted or removed meanwhile. It sees every other
    /// entry once.
    ///
    /// Context: any; never waits.
    pub fn iter<'g>(&'g self, _section: &'g impl ReadSide) -> impl Iterator<Item = &'g T> + 'g {
        // SAFETY: The result borrows `_section`, so the critical section lasts while it is used.
        unsafe { self.values() }
    }
}

impl<'g, T: Reclaim + Keyed, S, const BUCKETS: usize> SrcuView<'g, HashTable<T, S, BUCKETS, Srcu>> {
    /// Finds the value with this key, and borrows it during the read-side critical section.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get(&self, key: &T::Key) -> Option<&'g T> {
        // SAFETY: By the type invariant a critical section of the table's domain lasts during `'g`.
        unsafe { self.structure().find(key) }
    }

    /// Iterates over the values in no particular order, and borrows them during the read-side
    /// critical section.
    ///
    /// Context: any; never waits.
    pub fn iter(&self) -> impl Iterator<Item = &'g T> {
        // SAFETY: By the type invariant a critical section of the table's domain lasts during `'g`.
        unsafe { self.structure().values() }
    }
}

/// The buckets of a table.
///
/// # Invariants
///
/// The buckets are initialised, except between [`Buckets::uninit`] and [`Buckets::init`].
struct Buckets<T: Reclaim, const N: usize>(MaybeUninit<[Chain<T>; N]>);

impl<T: Reclaim, const N: usize> Buckets<T, N> {
    /// # Safety
    ///
    /// The caller calls [`Self::init`] before it uses or drops the buckets.
    const unsafe fn uninit() -> Self {
        Self(MaybeUninit::uninit())
    }

    fn init(&mut self) {
        let first = self.0.as_mut_ptr().cast::<Chain<T>>();
        for bucket in 0..N {
            // SAFETY: The memory has room for `N` buckets.
            unsafe { first.add(bucket).write(Chain::new()) };
        }
    }

    #[inline]
    fn get(&self) -> &[Chain<T>; N] {
        // SAFETY: By the type invariant the buckets are initialised.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T: Reclaim, const N: usize> Drop for Buckets<T, N> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the buckets are initialised.
        unsafe { self.0.assume_init_drop() };
    }
}

/// Computes a hash that is unpredictable without the seed.
#[expect(
    deprecated,
    reason = "its replacement, std's DefaultHasher, has no seed and is not in core"
)]
#[inline]
pub(super) fn hash<K: Hash + ?Sized>(key: &K, seed: [u64; 2]) -> u64 {
    let mut hasher = core::hash::SipHasher::new_with_keys(seed[0], seed[1]);
    key.hash(&mut hasher);
    hasher.finish()
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize, D: Domain>
    UpdateSide<'_, HashTable<T, S, BUCKETS, D::Kind>, D>
{
    /// Finds the value with this key, without a read-side critical section: C's
    /// `hash_for_each_possible()`.
    ///
    /// Context: any.
    #[inline]
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        // SAFETY: By the type invariant only `self` updates the table, and it does not while
        // borrowed.
        unsafe { self.structure().find(key) }
    }

    /// Iterates over the values in no particular order, without a read-side critical section: C's
    /// `hash_for_each()`.
    ///
    /// Context: any.
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        // SAFETY: By the type invariant only `self` updates the table, and it does not while
        // borrowed.
        unsafe { self.structure().values() }
    }

    /// Inserts `new`, replacing the entry with the same key: C's `hlist_replace_rcu()`, or
    /// `hash_add_rcu()` if there is none.
    ///
    /// Readers see either the old or the new entry, never both and never neither.
    ///
    /// Context: any; never waits.
    pub fn insert(&mut self, new: impl NewEntry<T>) -> Option<Retired<Entry<T>, D>> {
        let new = new.into_entry();
        let table = self.structure();
        let first = table.bucket(new.key()).first();
        // SAFETY: By the type invariant only `self` updates the table.
        let link = unsafe { first.find(ONLY, |value| value.key() == new.key()) };
        // INVARIANT: The entry is in the bucket of its key.
        // SAFETY: By the type invariant only `self` updates the table.
        let new = match unsafe { link.replace(ONLY, new) } {
            // SAFETY: By the type invariant it is the domain of the table's readers.
            Ok(old) => return Some(unsafe { old.retire(self.domain()) }),
            Err(new) => new,
        };
        // SAFETY: By the type invariant only `self` updates the table. The result is not used.
        unsafe { first.insert(ONLY, new) };
        // INVARIANT: One entry was inserted.
        table.len.add(1);
        None
    }

    /// Removes the entry with this key: C's `hash_del_rcu()`.
    ///
    /// Context: any; never waits.
    pub fn remove(&mut self, key: &T::Key) -> Option<Retired<Entry<T>, D>> {
        let table = self.structure();
        // SAFETY: By the type invariant only `self` updates the table.
        let link = unsafe {
            table
                .bucket(key)
                .first()
                .find(ONLY, |value| value.key() == key)
        };
        // SAFETY: By the type invariant only `self` updates the table.
        let old = unsafe { link.remove(ONLY) }?;
        // INVARIANT: One entry was removed.
        table.len.add(-1);
        // SAFETY: By the type invariant it is the domain of the table's readers.
        Some(unsafe { old.retire(self.domain()) })
    }

    /// Removes all entries, one by one, and passes each to `retire`, for example
    /// [`Retired::call_rcu`]. If `retire` panics, the entries that it has not received remain.
    ///
    /// Context: that of `retire`.
    pub fn clear(&mut self, mut retire: impl FnMut(Retired<Entry<T>, D>)) {
        let table = self.structure();
        for bucket in table.buckets.get() {
            // SAFETY: By the type invariant only `self` updates the table.
            while let Some(old) = unsafe { bucket.first().remove(ONLY) } {
                // INVARIANT: One entry was removed.
                table.len.add(-1);
                // SAFETY: By the type invariant it is the domain of the table's readers.
                retire(unsafe { old.retire(self.domain()) });
            }
        }
    }
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize, K> Counted for HashTable<T, S, BUCKETS, K> {
    fn counter(&self) -> &Len {
        &self.len
    }
}

// SAFETY: A shared reference to a table changes it only through the methods of `UpdateSide`, and
// its type names one `S` and one `K`.
unsafe impl<T: Reclaim + Keyed, S, const BUCKETS: usize, K> UpdatedUnder<S, K>
    for HashTable<T, S, BUCKETS, K>
{
    const HAS_HEADS: bool = T::Context::HAS_HEAD;
}
