// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected pointer.

#![expect(unsafe_code, reason = "owns objects through an atomic pointer")]

use super::{
    published::{borrow, Published},
    reclaim::Context,
    srcu_state::SrcuView,
    updater::{Locked, UpdateSide, UpdatedUnder},
    Domain, Global, ReadSide, Reclaim, Retired, Srcu, UniqueRcuBox,
};
use core::{ffi::c_void, marker::PhantomData, pin::Pin, ptr};

/// A pointer that readers follow under a [`Guard`](super::Guard) while updaters replace the object
/// it points to: C's `T __rcu *`. It may be null. It owns the object.
///
/// `U` determines who may update it:
///
/// - [`Exchange`]: anyone, with [`Self::replace`]. The exchange is atomic, so no object is lost. An
///   updater that derives the new object from the old one needs a lock instead.
/// - [`Locked<S>`]: only the holder of the lock of the [`UpdaterLock<S>`](super::UpdaterLock) that
///   contains this pointer.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, Rcu, UniqueRcuBox, Reclaim, Softirq};
///
/// struct Config {
///     timeout_ms: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config { timeout_ms: 10 }, GFP_KERNEL)?);
///
/// // A reader.
/// let guard = read_lock();
/// let timeout = config.dereference(&guard).map(|config| config.timeout_ms);
/// drop(guard);
///
/// // An updater.
/// let old = config.replace(Some(UniqueRcuBox::new(Config { timeout_ms: 20 }, GFP_KERNEL)?));
/// if let Some(old) = old {
///     assert_eq!(timeout, Some(old.synchronize().timeout_ms));
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Layout
///
/// It has the layout of a pointer, so a `#[repr(C)]` struct that C code shares can contain it.
/// [`Self::from_raw`] borrows a pointer of a C struct. A null pointer is valid.
///
/// An object begins with its `struct rcu_head`, unless its context is
/// [`Headless`](super::Headless): then the object is its value alone, C's `T`.
///
/// # Invariants
///
/// After it is unpublished, an object is reclaimed only
///
/// - when a grace period has ended that began after it was unpublished, or
/// - when no reader can borrow this pointer any more.
#[repr(transparent)]
pub struct Rcu<T: Reclaim + ?Sized, U = Exchange, K = Global> {
    published: Published<T>,
    updaters: PhantomData<fn() -> (U, K)>,
}

/// Marks an [`Rcu`] that anyone may update, by an atomic exchange.
///
/// # Examples
///
/// See [`Rcu`].
pub struct Exchange(());

impl<T: Reclaim + ?Sized> Rcu<T> {
    /// Creates a null pointer.
    pub const fn null() -> Self {
        Self {
            published: Published::null(),
            updaters: PhantomData,
        }
    }

    /// Creates a pointer to `new`.
    pub fn new(new: UniqueRcuBox<T>) -> Self {
        Self {
            published: Published::new(Some(new)),
            updaters: PhantomData,
        }
    }
}

impl<T: Reclaim + ?Sized, S, K> Rcu<T, Locked<S>, K> {
    /// Creates a pointer to `new`, or a null pointer. Updates require the lock of its state `S`.
    pub fn locked(new: Option<UniqueRcuBox<T>>) -> Self {
        Self {
            published: Published::new(new),
            updaters: PhantomData,
        }
    }
}

impl<T: Reclaim + ?Sized, U> Rcu<T, U> {
    /// Borrows the published object during the read-side critical section: C's
    /// `rcu_dereference()`. The borrow cannot outlive this pointer either.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn dereference<'g>(&'g self, _section: &'g impl ReadSide) -> Option<&'g T> {
        // SAFETY: `_section` is borrowed during `'g`, so no grace period that begins later ends in
        // that time. By the type invariant the object is reclaimed only after such a grace period,
        // or when nobody borrows `self`, which is borrowed during `'g`.
        unsafe { self.published.dereference() }
    }

    /// Borrows the published object as [`Self::dereference`] does, pinned: it never moves.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn dereference_pinned<'g>(&'g self, section: &'g impl ReadSide) -> Option<Pin<&'g T>> {
        let value = self.dereference(section)?;
        // SAFETY: The object does not move until it is dropped: neither this pointer nor
        // `UniqueRcuBox` moves it, and they give `&mut` only to `Unpin` types.
        Some(unsafe { Pin::new_unchecked(value) })
    }
}

impl<'g, T: Reclaim + ?Sized, U> SrcuView<'g, Rcu<T, U, Srcu>> {
    /// Borrows the published object during the read-side critical section: C's
    /// `srcu_dereference()`.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn dereference(&self) -> Option<&'g T> {
        // SAFETY: By the type invariant a critical section of the pointer's domain lasts during
        // `'g`. By that of `Rcu` the object is reclaimed only after a grace period of the domain, or
        // when nobody borrows the pointer, which is borrowed during `'g`.
        unsafe { self.structure().published.dereference() }
    }
}

impl<T: Reclaim + ?Sized, U, K> Rcu<T, U, K> {
    /// Borrows a C struct's `T __rcu *`.
    ///
    /// **Ownership.** The pointer owns its object. The side that unpublishes the object becomes its
    /// owner: Rust by [`Self::replace`], C by the ways below. C must remove the last object, because no
    /// drop of the borrowed pointer does that.
    ///
    /// **Lockdep.** C's readers use `rcu_dereference()`, whose rule is `rcu_read_lock_held()`; with
    /// an SRCU domain `srcu_dereference(p, domain)`. C's updaters depend on `U`:
    ///
    /// - [`Exchange`]: `unrcu_pointer(xchg(&p, …))`, which has no rule;
    /// - [`Locked<S>`]: `rcu_replace_pointer(p, new, lockdep_is_held(&lock))`, with the lock of the
    ///   [`UpdaterLock<S>`](super::UpdaterLock) that contains the C struct.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// During `'a`
    ///
    /// - `pointer` is valid, and C accesses it only by the functions above;
    /// - it is null or the address of an initialised object that it owns, as [`UniqueRcuBox`]
    ///   allocates it, or C's `kvmalloc()` for a [`Headless`](super::Headless) `T`;
    /// - an object that C unpublishes is changed or freed only after a grace period.
    #[inline]
    pub unsafe fn from_raw<'a>(pointer: *mut *mut c_void) -> &'a Self {
        // INVARIANT: C reclaims its objects only after a grace period, as the caller guarantees.
        // SAFETY: An `Rcu` has the layout of a pointer. The caller guarantees a valid one, whose
        // object meets the invariants of `Published`.
        unsafe { &*pointer.cast() }
    }

    /// Returns the address of the pointer as C's `T __rcu **`. C uses it as [`Self::from_raw`]
    /// requires.
    ///
    /// Context: any.
    #[inline]
    pub fn as_raw(&self) -> *mut *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Borrows the published object for an updater that excludes others by its own means: C's
    /// `rcu_dereference_protected()`.
    ///
    /// Context: any.
    ///
    /// # Safety
    ///
    /// Nobody updates the pointer while the result is in use.
    #[inline]
    pub unsafe fn protected(&self) -> Option<&T> {
        // SAFETY: The caller guarantees that nobody unpublishes the object, so it stays live.
        unsafe { borrow(self.published.address()) }
    }

    /// Returns whether the pointer is null, for code that does not access the object: C's
    /// `rcu_access_pointer()`. Another updater may change the pointer at any time.
    ///
    /// Context: any.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.published.is_null()
    }

    /// Unpublishes the object and returns it. No reader has it, because `&mut self` excludes their
    /// borrows.
    ///
    /// Context: that of [`Reclaim::TEARDOWN`], if any.
    pub fn take(&mut self) -> Option<UniqueRcuBox<T>> {
        self.published.take()
    }
}

impl<T: Reclaim + ?Sized> Rcu<T> {
    /// Publishes `new`, or null, by an exchange and returns the previous object: C's
    /// `unrcu_pointer(xchg(&pointer, RCU_INITIALIZER(new)))`.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&self, new: Option<UniqueRcuBox<T>>) -> Option<Retired<T>> {
        let old = self.published.replace(new)?;
        // SAFETY: The exchange unpublished the object and gave up its ownership. Its readers are
        // those of RCU.
        Some(unsafe { Retired::new(old, Global) })
    }
}

impl<T: Reclaim + ?Sized, S, D: Domain> UpdateSide<'_, Rcu<T, Locked<S>, D::Kind>, D> {
    /// Borrows the published object: C's `rcu_dereference_protected()`.
    ///
    /// Context: any.
    #[inline]
    pub fn current(&self) -> Option<&T> {
        // SAFETY: Only `self` can unpublish the object, by a mutable borrow, so it stays live.
        unsafe { borrow(self.structure().published.address()) }
    }

    /// Publishes `new`, or null, by one store and returns the previous object: C's
    /// `rcu_replace_pointer()`.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&mut self, new: Option<UniqueRcuBox<T>>) -> Option<Retired<T, D>> {
        let published = &self.structure().published;
        // SAFETY: By the invariant of `UpdateSide` no other thread stores.
        let old = unsafe { published.publish(new, published.address())? };
        // SAFETY: The store unpublished the object and gave up its ownership. By the type invariant
        // it is the domain of the pointer's readers.
        Some(unsafe { Retired::new(old, self.domain()) })
    }

    /// Publishes the object that `update` derives from the published one, and returns the previous
    /// object: read, copy, update. If `update` fails, nothing changes.
    ///
    /// Errors: those of `update`. Context: that of `update`, which may sleep.
    #[inline]
    pub fn copy_update<E>(
        &mut self,
        update: impl FnOnce(Option<&T>) -> Result<UniqueRcuBox<T>, E>,
    ) -> Result<Option<Retired<T, D>>, E> {
        let published = &self.structure().published;
        let old = published.address();
        // SAFETY: Only `self` can unpublish the object, and `update` cannot keep the borrow.
        let new = update(unsafe { borrow(old) })?;
        // SAFETY: By the invariant of `UpdateSide` no other thread stores, and `update` cannot
        // reach `self`, so the pointer still holds `old`.
        let old = unsafe { published.publish(Some(new), old) };
        // SAFETY: The store unpublished the object and gave up its ownership. By the type invariant
        // it is the domain of the pointer's readers.
        Ok(old.map(|old| unsafe { Retired::new(old, self.domain()) }))
    }
}

// SAFETY: A shared reference to an `Rcu<T, Locked<S>>` changes it only through the methods of
// `UpdateSide`, and its type names one `S` and one `K`.
unsafe impl<T: Reclaim + ?Sized, S, K> UpdatedUnder<S, K> for Rcu<T, Locked<S>, K> {
    const HAS_HEADS: bool = T::Context::HAS_HEAD;
}
