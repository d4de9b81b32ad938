// SPDX-License-Identifier: GPL-2.0

//! The lookup of an object by a reader, followed by the object's own lock.

#![expect(unsafe_code, reason = "names a context that is a reader")]

use super::{lock::SpinningLock, not_copy::NotCopy, read_lock, Guard, ReadSide};
use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// The read-side critical section in which [`find_and_lock`] looks for an object. It lasts while
/// the found object is locked.
///
/// # Examples
///
/// See [`find_and_lock`].
///
/// # Invariants
///
/// The RCU read-side lock is held while it is borrowed for a lifetime that [`find_and_lock`] has
/// chosen. `'p` limits these lifetimes.
pub struct Search<'p>(PhantomData<(&'p (), *mut ())>, NotCopy);

// SAFETY: By the type invariant the RCU read-side lock is held while it is borrowed.
unsafe impl ReadSide for Search<'_> {}

/// Finds an object as a reader, and acquires the object's own spin lock.
///
/// It is C's
///
/// ```c
/// rcu_read_lock();
/// p = find(key);
/// if (p)
///     spin_lock(&p->lock);
/// rcu_read_unlock();
/// ```
///
/// except that the reader ends after the lock was released. C's reader may end before, because the
/// holder of a spin lock is a reader too. On `PREEMPT_RT`, however, `spin_unlock()` accesses the
/// lock after that reader has ended.
///
/// The object may have been removed meanwhile. If that matters, its remover must note it in the
/// object's data under the object's lock.
///
/// Context: that of the lock.
///
/// # Examples
///
/// ```
/// use kernel::{new_spinlock, prelude::*, sync::SpinLock};
/// use rcu_routes::rcu::{find_and_lock, Rcu, Reclaim, Softirq, UniqueRcuBox};
///
/// #[pin_data]
/// struct Session {
///     id: u64,
///     #[pin]
///     packets: SpinLock<u64>,
/// }
///
/// impl Reclaim for Session {
///     type Context = Softirq;
/// }
///
/// let session = pin_init!(Session { id: 7, packets <- new_spinlock!(0, "packets") });
/// let current = Rcu::new(UniqueRcuBox::pin_init(session, GFP_KERNEL)?);
///
/// let found = find_and_lock(
///     |search| current.dereference(search),
///     |session| &session.packets,
/// );
/// let mut found = found.unwrap();
/// drop(current.replace(None));
/// *found += 1;
/// assert_eq!((found.object().id, *found), (7, 1));
/// # Ok::<(), Error>(())
/// ```
#[inline]
pub fn find_and_lock<'p, T, L: SpinningLock + 'p>(
    find: impl for<'g> FnOnce(&'g Search<'p>) -> Option<&'g T>,
    lock_of: impl for<'o> FnOnce(&'o T) -> &'o L,
) -> Option<LockedObject<'p, T, L>> {
    let guard = read_lock();
    // INVARIANT: `find` is the same for all lifetimes up to `'p`. The borrow that it returns lives
    // in `LockedObject` beside the guard, and ends before the guard.
    let object: &'p T = find(&Search(PhantomData, NotCopy))?;
    // INVARIANT: The section of `guard` has lasted since the object was found.
    Some(LockedObject {
        held: lock_of(object).acquire(),
        object,
        _guard: guard,
    })
}

/// An object whose own lock is held: the result of [`find_and_lock`].
///
/// It dereferences to the data that the lock protects.
///
/// # Examples
///
/// See [`find_and_lock`].
///
/// # Invariants
///
/// `object` was found in the critical section of `_guard`.
#[must_use = "the lock is released when this is dropped"]
pub struct LockedObject<'p, T, L: SpinningLock + 'p> {
    // Fields are dropped in this order: the critical section lasts until the lock was released.
    held: L::Held<'p>,
    object: &'p T,
    _guard: Guard,
}

impl<T, L: SpinningLock> LockedObject<'_, T, L> {
    /// Borrows the object.
    ///
    /// Context: any.
    #[inline]
    pub fn object(&self) -> &T {
        self.object
    }
}

impl<T, L: SpinningLock> Deref for LockedObject<'_, T, L> {
    type Target = L::Data;

    #[inline]
    fn deref(&self) -> &L::Data {
        &self.held
    }
}

impl<T, L: SpinningLock> DerefMut for LockedObject<'_, T, L>
where
    L::Data: Unpin,
{
    #[inline]
    fn deref_mut(&mut self) -> &mut L::Data {
        L::data(&mut self.held)
    }
}
