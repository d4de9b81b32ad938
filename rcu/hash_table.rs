// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected hash table.
//!
//! C header: [`include/linux/hashtable.h`](srctree/include/linux/hashtable.h)

#![expect(unsafe_code, reason = "changes chains as their only updater")]

use super::{
    chain::{Chain, Entry},
    updater::{UpdateSide, UpdatedUnder},
    RcuBox, ReadSide, Reclaim, Retired,
};
use core::{
    hash::{Hash, Hasher},
    marker::PhantomData,
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::prelude::*;

/// Values that have a key.
///
/// The key of a value must stay the same while the value is in a table. If it does not, the value is
/// not found, and nothing worse happens.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::Keyed;
///
/// struct Device {
///     name: &'static str,
/// }
///
/// impl Keyed for Device {
///     type Key = str;
///
///     fn key(&self) -> &str {
///         self.name
///     }
/// }
/// ```
pub trait Keyed {
    /// What values are told apart by. It may be unsized: `str`, or `[u8]`.
    type Key: Hash + Eq + ?Sized;

    /// The key of this value.
    fn key(&self) -> &Self::Key;
}

/// A hash table that readers search under a [`Guard`](super::Guard) while one updater at a time changes
/// it: C's `DECLARE_HASHTABLE()` with `hash_…_rcu()`.
///
/// It is part of a state `S` and changes under the lock of the
/// [`UpdaterLock<S>`](super::UpdaterLock) around it, through the [`UpdateSide`] that
/// [`Updater::select`](super::Updater::select) gives. It holds one entry a key.
///
/// The number of buckets is fixed; readers are never sent from one to another. Choose it near the number
/// of entries to expect, and a power of two, so that no division is needed.
///
/// Which bucket a key goes to depends on a seed, by SipHash, so that who chooses keys, such as another
/// machine or a user, cannot have them all in one bucket, provided that he does not know the seed. In
/// the kernel, `bindings::get_random_u64()` gives the two halves of one.
///
/// # Examples
///
/// ```
/// use kernel::{new_mutex, prelude::*, sync::Arc};
/// use rcu_routes::rcu::{read_lock, Entry, HashTable, Keyed, Reclaim, Softirq, UpdaterLock};
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
/// # let get_random_u64 = || 0x0123_4567_89ab_cdef;
/// let seed = [get_random_u64(), get_random_u64()];
/// let state = pin_init!(State { sessions <- HashTable::new(seed) });
/// let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "sessions")), GFP_KERNEL)?;
///
/// // An updater. What may fail comes before the lock.
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
/// An entry is in the bucket that its key went to when it was inserted. `len` is the number of entries.
#[pin_data]
pub struct HashTable<T: Reclaim + Keyed, S, const BUCKETS: usize> {
    buckets: Buckets<T, BUCKETS>,
    /// For updaters alone.
    len: AtomicUsize,
    seed: [u64; 2],
    updaters: PhantomData<fn() -> S>,
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize> HashTable<T, S, BUCKETS> {
    const HAS_BUCKETS: () = assert!(BUCKETS > 0, "a hash table has at least one bucket");

    /// An initialiser of an empty table, which makes the buckets where they will be: they are too much
    /// for the kernel's stack. Keep `seed` from who chooses the keys.
    pub fn new(seed: [u64; 2]) -> impl PinInit<Self> {
        let () = Self::HAS_BUCKETS;
        // INVARIANT: There are no entries.
        let table = pin_init!(Self {
            buckets: Buckets::uninit(),
            len: AtomicUsize::new(0),
            seed,
            updaters: PhantomData,
        });
        table.pin_chain(|table| {
            table.get_mut().buckets.init();
            Ok(())
        })
    }

    /// The bucket that a key goes to.
    #[inline]
    fn bucket(&self, key: &T::Key) -> &Chain<T> {
        let hash = hash(key, self.seed) as usize;
        &self.buckets.get()[hash % BUCKETS]
    }

    /// The value with this key, for as long as both the read-side critical section and the table last:
    /// C's `hash_for_each_possible_rcu()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn get<'g>(&'g self, key: &T::Key, _section: &'g impl ReadSide) -> Option<&'g T> {
        // SAFETY: The critical section lasts as long as `_section` is borrowed.
        let mut values = unsafe { self.bucket(key).iter() };
        values.find(|value| value.key() == key)
    }

    /// The values in no particular order, each for as long as both the read-side critical section and
    /// the table last: C's `hash_for_each_rcu()`.
    ///
    /// What is inserted or removed meanwhile is seen or not; everything else is seen once.
    ///
    /// Context: any; never waits.
    pub fn iter<'g>(&'g self, _section: &'g impl ReadSide) -> impl Iterator<Item = &'g T> + 'g {
        let buckets = self.buckets.get().iter();
        // SAFETY: The critical section lasts as long as `_section` is borrowed.
        buckets.flat_map(|bucket| unsafe { bucket.iter() })
    }

    /// Counts an entry more, or one less.
    #[inline]
    fn count(&self, change: isize) {
        // ORDERING: None needed: only who holds the lock reads or changes it.
        let len = self.len.load(Ordering::Relaxed);
        self.len
            .store(len.wrapping_add_signed(change), Ordering::Relaxed);
    }
}

/// The buckets of a table.
///
/// # Invariants
///
/// They are initialised, except while `HashTable::new()` makes them.
struct Buckets<T: Reclaim, const N: usize>(MaybeUninit<[Chain<T>; N]>);

impl<T: Reclaim, const N: usize> Buckets<T, N> {
    const fn uninit() -> Self {
        Self(MaybeUninit::uninit())
    }

    fn init(&mut self) {
        let first = self.0.as_mut_ptr().cast::<Chain<T>>();
        for bucket in 0..N {
            // SAFETY: There is room for `N` of them.
            unsafe { first.add(bucket).write(Chain::new()) };
        }
    }

    #[inline]
    fn get(&self) -> &[Chain<T>; N] {
        // SAFETY: By the type invariant they are initialised.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T: Reclaim, const N: usize> Drop for Buckets<T, N> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant they are initialised.
        unsafe { self.0.assume_init_drop() };
    }
}

/// A hash that nobody predicts who does not know the seed.
#[expect(
    deprecated,
    reason = "what takes its place, std's DefaultHasher, has no seed and is not in core"
)]
#[inline]
fn hash<K: Hash + ?Sized>(key: &K, seed: [u64; 2]) -> u64 {
    let mut hasher = core::hash::SipHasher::new_with_keys(seed[0], seed[1]);
    key.hash(&mut hasher);
    hasher.finish()
}

impl<T: Reclaim + Keyed, S, const BUCKETS: usize> UpdateSide<'_, HashTable<T, S, BUCKETS>> {
    /// The value with this key, without a read-side critical section: C's `hash_for_each_possible()`.
    ///
    /// Context: any.
    #[inline]
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        // SAFETY: By the type invariant nobody else changes the table. This does not as long as it is borrowed.
        let mut values = unsafe { self.structure().bucket(key).iter() };
        values.find(|value| value.key() == key)
    }

    /// The values in no particular order, without a read-side critical section: C's `hash_for_each()`.
    ///
    /// Context: any.
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        let buckets = self.structure().buckets.get().iter();
        // SAFETY: By the type invariant nobody else changes the table. This does not as long as it is borrowed.
        buckets.flat_map(|bucket| unsafe { bucket.iter() })
    }

    /// Puts `new` into the table, in the place of the entry with the same key if there is one: C's
    /// `hlist_replace_rcu()`, or `hash_add_rcu()`.
    ///
    /// Readers see either the old or the new entry, never both and never neither.
    ///
    /// Context: any; never waits.
    pub fn insert(&mut self, new: RcuBox<Entry<T>>) -> Option<Retired<Entry<T>>> {
        let table = self.structure();
        let first = table.bucket(new.key()).first();
        // SAFETY: By the type invariant nobody else updates the table.
        let link = unsafe { first.find(|value| value.key() == new.key()) };
        // INVARIANT: The entry is in the bucket that its key goes to.
        // SAFETY: As above.
        let new = match unsafe { link.replace(new) } {
            Ok(old) => return Some(old),
            Err(new) => new,
        };
        // SAFETY: As above. The new link is not kept.
        unsafe { first.insert(new) };
        // INVARIANT: There is an entry more.
        table.count(1);
        None
    }

    /// Takes out the entry with this key: C's `hash_del_rcu()`.
    ///
    /// Context: any; never waits.
    pub fn remove(&mut self, key: &T::Key) -> Option<Retired<Entry<T>>> {
        let table = self.structure();
        // SAFETY: By the type invariant nobody else updates the table.
        let link = unsafe { table.bucket(key).first().find(|value| value.key() == key) };
        // SAFETY: As above.
        let old = unsafe { link.remove() }?;
        // INVARIANT: There is an entry less.
        table.count(-1);
        Some(old)
    }

    /// Takes out all entries, bucket by bucket, and has each go the way that `retire` says: such as
    /// [`Retired::call_rcu`].
    ///
    /// Context: that of `retire`.
    pub fn clear(&mut self, mut retire: impl FnMut(Retired<Entry<T>>)) {
        let table = self.structure();
        for bucket in table.buckets.get() {
            // SAFETY: By the type invariant nobody else updates the table.
            for old in unsafe { bucket.clear() } {
                // INVARIANT: There is an entry less.
                table.count(-1);
                retire(old);
            }
        }
    }

    /// How many entries there are.
    ///
    /// Context: any.
    #[inline]
    pub fn len(&self) -> usize {
        // ORDERING: None needed: who stored it held the lock that this thread holds now.
        self.structure().len.load(Ordering::Relaxed)
    }

    /// Whether there are no entries: C's `hash_empty()`.
    ///
    /// Context: any.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// SAFETY: The methods of `UpdateSide` are all that change the table through a shared reference. It names
// one `S`.
unsafe impl<T: Reclaim + Keyed, S, const BUCKETS: usize> UpdatedUnder<S>
    for HashTable<T, S, BUCKETS>
{
}
