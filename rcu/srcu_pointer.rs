// SPDX-License-Identifier: GPL-2.0

//! The RCU-protected pointer whose readers may sleep.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

#![expect(unsafe_code, reason = "owns objects through an atomic pointer")]

use super::{published::Published, Reclaim, Retired, Srcu, SrcuGuard, UniqueRcuBox};
use kernel::prelude::*;

/// A pointer whose readers may sleep. It may be null. It owns the object it points to.
///
/// It has an [`Srcu`] domain of its own. So its grace periods wait for its own readers alone, and
/// its readers cannot be readers of another domain by mistake.
///
/// # Drop
///
/// A pointer that is dropped has no reader and no [`Retired`], because both borrow it.
///
/// 1. The domain is dropped, which waits for the callbacks of objects that were replaced before.
/// 2. The published object is dropped.
///
/// So after the drop every object of the pointer has been reclaimed and no callback runs. The
/// exception is [`Retired::queue_work`], whose work the module's unload waits for.
///
/// - The drop may sleep, so an object that owns such a pointer has the context
///   [`Workqueue`](super::Workqueue).
/// - An object that owns the last reference to the pointer that it was published by waits for
///   itself, for ever.
/// - See [`Srcu`] for leaked readers and leaked pointers.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc, task::might_sleep};
/// use rcu_routes::rcu::{new_srcu, UniqueRcuBox, Reclaim, Softirq, SrcuPointer};
///
/// struct Config {
///     timeout_ms: u32,
/// }
///
/// impl Reclaim for Config {
///     type Context = Softirq;
/// }
///
/// let first = UniqueRcuBox::new(Config { timeout_ms: 10 }, GFP_KERNEL)?;
/// let config = Arc::pin_init(SrcuPointer::new(Some(first), new_srcu!("config")), GFP_KERNEL)?;
///
/// // A reader.
/// let reader = config.read_lock();
/// let timeout = reader.dereference().map(|config| config.timeout_ms);
/// might_sleep(); // Allowed here.
/// drop(reader);
///
/// // An updater.
/// let old = config.replace(Some(UniqueRcuBox::new(Config { timeout_ms: 20 }, GFP_KERNEL)?));
/// if let Some(old) = old {
///     assert_eq!(timeout, Some(old.synchronize().timeout_ms));
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// After it is unpublished, an object is reclaimed only
///
/// - when a grace period of `domain` has ended that began after it was unpublished, or
/// - when no reader can borrow this pointer any more.
#[pin_data]
pub struct SrcuPointer<T: Reclaim + ?Sized> {
    #[pin]
    domain: Srcu,
    published: Published<T>,
}

impl<T: Reclaim + ?Sized> SrcuPointer<T> {
    /// Returns an initialiser for a pointer to `new`, or a null pointer.
    /// [`new_srcu!`](super::new_srcu) returns the initialiser of its domain.
    ///
    /// Errors: those of `domain`; then `new` is dropped. Context: may sleep.
    pub fn new(
        new: Option<UniqueRcuBox<T>>,
        domain: impl PinInit<Srcu, Error>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            domain <- domain,
            published: Published::new(new),
        })
    }

    /// Returns the domain, for waiting for its grace periods and callbacks.
    pub fn domain(&self) -> &Srcu {
        &self.domain
    }

    /// Begins a read-side critical section, which may sleep: C's `srcu_read_lock()`.
    ///
    /// Context: any but NMI; never waits.
    #[inline]
    pub fn read_lock(&self) -> SrcuReader<'_, T> {
        // INVARIANT: The section is one of this pointer's domain.
        SrcuReader {
            pointer: self,
            _section: self.domain.read_lock(),
        }
    }

    /// Publishes `new`, or null, by an exchange and returns the previous object.
    ///
    /// Readers see either the old or the new object, complete.
    ///
    /// Context: any; never waits.
    #[inline]
    pub fn replace(&self, new: Option<UniqueRcuBox<T>>) -> Option<Retired<T, &Srcu>> {
        let old = self.published.replace(new)?;
        // SAFETY: The exchange unpublished the object and gave up its ownership. Only readers of
        // this domain could reach it.
        Some(unsafe { Retired::new(old, &self.domain) })
    }

    /// Retires an object, which is then reclaimed after a grace period of this domain, as if it had
    /// been published. See [`UniqueRcuBox::retire`].
    ///
    /// Context: any.
    pub fn retire(&self, object: UniqueRcuBox<T>) -> Retired<T, &Srcu> {
        // SAFETY: A `UniqueRcuBox` owns its object, which is not published.
        unsafe { Retired::new(object.into_raw(), &self.domain) }
    }
}

/// A read-side critical section of an [`SrcuPointer`], which may sleep. It ends when this is
/// dropped, in the thread in which it began.
///
/// # Examples
///
/// See [`SrcuPointer`].
///
/// # Invariants
///
/// `_section` is a section of the domain of `pointer`.
#[must_use = "the read-side critical section ends when this is dropped"]
pub struct SrcuReader<'a, T: Reclaim + ?Sized> {
    pointer: &'a SrcuPointer<T>,
    _section: SrcuGuard<'a>,
}

impl<T: Reclaim + ?Sized> SrcuReader<'_, T> {
    /// Borrows the published object during the read-side critical section: C's
    /// `srcu_dereference()`.
    ///
    /// Context: that of [`SrcuPointer::read_lock`]; never waits.
    #[inline]
    pub fn dereference(&self) -> Option<&T> {
        // SAFETY: The section lasts while `self` is borrowed, so no grace period of the domain that
        // begins later ends in that time. By the invariant of `SrcuPointer` the object is reclaimed
        // only after such a grace period, or when nobody borrows the pointer, as `self` does.
        unsafe { self.pointer.published.dereference() }
    }
}
