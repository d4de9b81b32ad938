// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected pointer.

use super::{
    boxed::{Head, Object},
    updater::{Locked, UpdateSide},
    RcuBox, ReadSide, Reclaim, Retired,
};
use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

/// A pointer that readers follow under a [`Guard`](super::Guard) while updaters change what it points
/// to: C's `T __rcu *`. It may be null, and owns what it points to.
///
/// `U` says who may update it:
///
/// - [`Exchange`]: anybody, at any time, by [`Self::replace`]. The exchange is atomic, so no object
///   is lost; whoever derives the new object from the old one needs more than that.
/// - [`Locked<S>`]: only who holds the lock of the [`UpdaterLock<S>`](super::UpdaterLock) that this
///   pointer is part of; see there.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, Rcu, RcuBox, Reclaim, Softirq};
///
/// struct Config {
///     timeout_ms: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// let config = Rcu::new(RcuBox::new(Config { timeout_ms: 10 }, GFP_KERNEL)?);
///
/// // A reader.
/// let guard = read_lock();
/// let timeout = config.dereference(&guard).map(|config| config.timeout_ms);
/// drop(guard);
///
/// // An updater.
/// let old = config.replace(Some(RcuBox::new(Config { timeout_ms: 20 }, GFP_KERNEL)?));
/// if let Some(old) = old {
///     assert_eq!(timeout, Some(old.synchronize().timeout_ms));
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - `object` is null, or the address of an object that came from `RcuBox::into_raw` and that this
///   pointer owns.
/// - That object is reachable for readers through this pointer alone, is not changed while it is
///   published, and is freed only after a grace period that began after it was unpublished, or when
///   the pointer itself is gone, and with it every reader's borrow of it.
pub struct Rcu<T: Reclaim + ?Sized, U = Exchange> {
    object: AtomicPtr<Head>,
    owned: PhantomData<RcuBox<T>>,
    /// What can be stored through `&self` must be neither a subtype nor a supertype of `T`.
    invariant: PhantomData<fn(*const T) -> *const T>,
    updaters: PhantomData<fn() -> U>,
}

/// Whoever has the [`Rcu`] may update it, with an atomic exchange.
///
/// # Examples
///
/// See [`Rcu`].
pub struct Exchange(());

impl<T: Reclaim + ?Sized> Rcu<T> {
    /// A pointer to nothing.
    pub const fn null() -> Self {
        // INVARIANT: Null is allowed.
        Self::from_address(ptr::null_mut())
    }

    /// A pointer to `new`, for structures that are themselves still unpublished.
    pub fn new(new: RcuBox<T>) -> Self {
        // INVARIANT: The object comes from `into_raw()`, and nobody else has it.
        Self::from_address(address(Some(new)))
    }
}

impl<T: Reclaim + ?Sized, S> Rcu<T, Locked<S>> {
    /// A pointer to `new`, or to nothing, that is updated under the lock of the state it becomes part of.
    pub fn locked(new: Option<RcuBox<T>>) -> Self {
        // INVARIANT: The object comes from `into_raw()`, and nobody else has it.
        Self::from_address(address(new))
    }
}

impl<T: Reclaim + ?Sized, U> Rcu<T, U> {
    const fn from_address(object: *mut Head) -> Self {
        Self {
            object: AtomicPtr::new(object),
            owned: PhantomData,
            invariant: PhantomData,
            updaters: PhantomData,
        }
    }

    /// What the pointer points to now, for as long as both the read-side critical section and the
    /// pointer last: C's `rcu_dereference()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn dereference<'g>(&'g self, _section: &'g impl ReadSide) -> Option<&'g T> {
        // ORDERING: Pairs with the release in `replace()` and `publish()`: what the updater wrote before
        // publishing is seen. The kernel gets by with an address dependency, which Rust's memory model
        // lacks; acquire is the next stronger, and on x86 the same plain load.
        let object = self.object.load(Ordering::Acquire);
        // SAFETY: By the type invariant the object lives until a grace period after it was unpublished has
        // ended, which cannot be before the read-side critical section that `_section` stands for ends,
        // or until `self` is gone, which its borrow rules out.
        unsafe { value(object) }
    }

    /// What the pointer points to, for who keeps others from changing it by means of its own: C's
    /// `rcu_dereference_protected()`.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// Nobody changes the pointer for as long as what is returned is used.
    #[inline]
    pub unsafe fn protected(&self) -> Option<&T> {
        // ORDERING: None needed: who stored it came before, in the order that the caller vouches for.
        let object = self.object.load(Ordering::Relaxed);
        // SAFETY: By the type invariant the object lives while it is published, which it stays by the
        // caller's promise.
        unsafe { value(object) }
    }

    /// What the pointer points to, when no reader can be there: `&mut` proves it.
    ///
    /// Context: any.
    pub fn take(&mut self) -> Option<RcuBox<T>> {
        // ORDERING: None needed: `&mut` comes with its own.
        let object = self.object.load(Ordering::Relaxed);
        // INVARIANT: Null is allowed.
        self.object.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: By the type invariant the object is owned by this pointer, which points to it no more.
        let object = unsafe { whole(object)? };
        // SAFETY: Readers reach it through a shared borrow of the pointer only, and there is none.
        Some(unsafe { RcuBox::from_raw(object) })
    }
}

impl<T: Reclaim + ?Sized> Rcu<T> {
    /// Publishes `new`, or nothing, with one store and returns what was published before: C's
    /// `unrcu_pointer(xchg(&pointer, RCU_INITIALIZER(new)))`.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&self, new: Option<RcuBox<T>>) -> Option<Retired<T>> {
        // ORDERING: Release publishes the new object's contents, as `rcu_assign_pointer()` does.
        // Acquire makes this thread, which may come to free the old object, see its contents.
        // INVARIANT: The new object is owned by this pointer from here on, and the old one no more.
        let old = self.object.swap(address(new), Ordering::AcqRel);
        // SAFETY: By the type invariant this pointer owned it, and it is unpublished now.
        unsafe { retire(old) }
    }
}

impl<T: Reclaim + ?Sized, S> UpdateSide<'_, Rcu<T, Locked<S>>> {
    /// What is published now: C's `rcu_dereference_protected()`.
    ///
    /// Context: any.
    #[inline]
    pub fn current(&self) -> Option<&T> {
        // SAFETY: Only who holds the lock can unpublish the object. That is this thread, and it would have
        // to borrow `self` mutably.
        unsafe { value(self.address()) }
    }

    /// Publishes `new`, or nothing, with one store and returns what was published before: C's
    /// `rcu_replace_pointer()`.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&mut self, new: Option<RcuBox<T>>) -> Option<Retired<T>> {
        let old = self.address();
        // SAFETY: Just loaded.
        unsafe { self.publish(new, old) }
    }

    /// Publishes what `update` makes of what is published now, and returns the latter: read, copy,
    /// update. If `update` fails, nothing changes.
    ///
    /// Errors: those of `update`. Context: that of `update`, which may sleep.
    #[inline]
    pub fn copy_update<E>(
        &mut self,
        update: impl FnOnce(Option<&T>) -> Result<RcuBox<T>, E>,
    ) -> Result<Option<Retired<T>>, E> {
        let old = self.address();
        // SAFETY: As for `current()`. `update` cannot keep the reference.
        let new = update(unsafe { value(old) })?;
        // SAFETY: Nobody has stored since it was loaded, as `update` has no way to `self`.
        Ok(unsafe { self.publish(Some(new), old) })
    }

    #[inline]
    fn address(&self) -> *mut Head {
        // ORDERING: None needed: who stored it held the lock that this thread holds now.
        self.structure().object.load(Ordering::Relaxed)
    }

    /// # Safety
    ///
    /// `old` is what the pointer holds.
    #[inline]
    unsafe fn publish(&mut self, new: Option<RcuBox<T>>, old: *mut Head) -> Option<Retired<T>> {
        // ORDERING: Release publishes the new object's contents: `rcu_assign_pointer()`.
        // INVARIANT: The new object is owned by the pointer from here on, and the old one no more: nobody
        // else stores, as that takes the lock.
        self.structure()
            .object
            .store(address(new), Ordering::Release);
        // SAFETY: By the type invariant the pointer owned it, and it is unpublished now.
        unsafe { retire(old) }
    }
}

impl<T: Reclaim + ?Sized, U> Drop for Rcu<T, U> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Makes an owned object an address to publish.
#[inline]
pub(super) fn address<T: Reclaim + ?Sized>(object: Option<RcuBox<T>>) -> *mut Head {
    object.map_or(ptr::null_mut(), |object| {
        object.into_raw().as_ptr().cast::<Head>()
    })
}

/// The whole object at an address.
///
/// # Safety
///
/// `object` is null or came from [`address`] and is live.
#[inline]
pub(super) unsafe fn whole<T: Reclaim + ?Sized>(object: *mut Head) -> Option<NonNull<Object<T>>> {
    // SAFETY: The caller promises a live object of this type.
    NonNull::new(object).map(|object| unsafe { T::from_head(object) })
}

/// The value at an address, without the head that `call_rcu()` writes.
///
/// # Safety
///
/// As for [`whole`]; for `'a`, the object stays live and nobody changes the value.
#[inline]
pub(super) unsafe fn value<'a, T: Reclaim + ?Sized>(object: *mut Head) -> Option<&'a T> {
    // SAFETY: As the caller promises.
    let object = unsafe { whole::<T>(object)? };
    // SAFETY: The object is live for `'a` and its value is not changed, by the caller's promise.
    Some(unsafe { &*ptr::addr_of!((*object.as_ptr()).value) })
}

/// Hands over what was published at an address.
///
/// # Safety
///
/// As for [`whole`]; the object is owned by the caller, who has unpublished it.
#[inline]
unsafe fn retire<T: Reclaim + ?Sized>(object: *mut Head) -> Option<Retired<T>> {
    // SAFETY: As the caller promises.
    let object = unsafe { whole(object)? };
    // SAFETY: As the caller promises.
    Some(unsafe { Retired::new(object) })
}

// SAFETY: `replace()` and what uses it are all that change the pointer through `&self`; for `Locked` they
// are methods of `UpdateSide`.
unsafe impl<T: Reclaim + ?Sized, S> super::updater::UpdatedUnder<S> for Rcu<T, Locked<S>> {}
