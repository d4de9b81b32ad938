// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU: readers may sleep, and each domain has its own grace periods.
//!
//! Most code needs [`SrcuPointer`](super::SrcuPointer), which has a domain of its own.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

#![expect(unsafe_code, reason = "calls C")]

use super::{compat, context::assert_may_wait};
use core::{mem::size_of, ptr};
use kernel::{bindings, prelude::*, sync::LockClassKey};

/// Creates an initialiser for an [`Srcu`] with a lock class of its own and a name for lockdep: C's
/// `init_srcu_struct()`.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::new_srcu;
///
/// let domain = Arc::pin_init(new_srcu!("my_domain"), GFP_KERNEL)?;
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! new_srcu {
    ($($name:literal)? $(,)?) => {
        $crate::rcu::Srcu::new(
            ::kernel::optional_name!($($name)?),
            ::kernel::static_lock_class!(),
        )
    };
}
pub use new_srcu;

/// A domain of sleepable RCU. Its grace periods wait for its own readers and for no others.
///
/// Its readers may sleep and so delay its own updaters for long, but not those of other domains. An
/// object must be unpublished before a grace period of *the same* domain;
/// [`SrcuPointer`](super::SrcuPointer) ensures that.
///
/// The drop may sleep: it waits for all readers, grace periods and callbacks of the domain. Then
/// the callbacks' code can be unloaded. No type prevents two exceptions:
///
/// - If the guard of a reader was leaked (`mem::forget`), the drop never returns.
/// - If the domain itself was leaked, nothing waits for its callbacks, which must not outlive the
///   module.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc, task::might_sleep};
/// use rcu_routes::rcu::{new_srcu, SrcuGracePeriod};
///
/// let domain = Arc::pin_init(new_srcu!("my_domain"), GFP_KERNEL)?;
///
/// let reader = domain.read_lock();
/// let cookie = SrcuGracePeriod::start(&domain);
/// might_sleep(); // Allowed here.
/// assert!(!cookie.is_complete());
/// drop(reader);
///
/// domain.synchronize();
/// assert!(cookie.is_complete());
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct Srcu {
    #[pin]
    domain: compat::Srcu,
}

impl Srcu {
    /// Returns an initialiser for a domain. Use [`new_srcu!`].
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            domain <- compat::Srcu::new(name, key),
        })
    }

    /// Begins a read-side critical section of this domain, which may sleep: C's `srcu_read_lock()`.
    ///
    /// Context: any but NMI; never waits.
    #[inline]
    pub fn read_lock(&self) -> SrcuGuard<'_> {
        SrcuGuard {
            _section: self.domain.read_lock(),
        }
    }

    /// Waits until all current read-side critical sections of this domain have ended: C's
    /// `synchronize_srcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section of this domain,
    /// nor of RCU.
    #[track_caller]
    pub fn synchronize(&self) {
        assert_may_wait("Srcu::synchronize()");
        self.domain.synchronize();
    }

    /// Waits as [`Self::synchronize`] does, but spins before it sleeps: C's
    /// `synchronize_srcu_expedited()`.
    ///
    /// Context: as for [`Self::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(&self) {
        assert_may_wait("Srcu::synchronize_expedited()");
        self.domain.synchronize_expedited();
    }

    /// Waits until all callbacks that were queued in this domain before have run: C's
    /// `srcu_barrier()`.
    ///
    /// Context: as for [`Self::synchronize`]; must not be called from a callback.
    #[track_caller]
    pub fn barrier(&self) {
        assert_may_wait("Srcu::barrier()");
        // SAFETY: The domain is initialised.
        unsafe { bindings::srcu_barrier(self.as_raw()) };
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::srcu_struct {
        // In every kernel `compat::Srcu` is `repr(transparent)` around an `Opaque` of C's struct.
        const _: () = assert!(size_of::<compat::Srcu>() == size_of::<bindings::srcu_struct>());
        ptr::from_ref(&self.domain).cast_mut().cast()
    }
}

#[pinned_drop]
impl PinnedDrop for Srcu {
    fn drop(self: Pin<&mut Self>) {
        assert_may_wait("drop() of an Srcu");
        // The drop of `domain` waits only for callbacks. If it finds a reader or a grace period,
        // `cleanup_srcu_struct()` returns early, and SRCU later uses freed memory. No reader or
        // cookie can begin any more. This grace period ends after those that cookies have started.
        // If a reader's guard was leaked, it never ends, which is better than a use after free.
        self.domain.synchronize();
    }
}

/// A read-side critical section of an [`Srcu`]. It ends when this is dropped, in the thread in
/// which it began.
///
/// It is not a [`ReadSide`](super::ReadSide), because RCU's grace periods do not wait for it.
///
/// # Examples
///
/// See [`Srcu`].
#[must_use = "the read-side critical section ends when this is dropped"]
pub struct SrcuGuard<'a> {
    _section: compat::SrcuGuard<'a>,
}

/// A cookie for a grace period of one domain. Polling it tells whether the read-side critical
/// sections that were running at its creation have ended. It may report the end late, never early.
///
/// C has no `cond_synchronize_srcu()` to wait for a cookie. After [`Srcu::synchronize`] it is
/// complete.
///
/// # Examples
///
/// ```
/// use kernel::{prelude::*, sync::Arc};
/// use rcu_routes::rcu::{new_srcu, SrcuGracePeriod};
///
/// let domain = Arc::pin_init(new_srcu!("my_domain"), GFP_KERNEL)?;
/// let cookie = SrcuGracePeriod::snapshot(&domain);
/// assert!(!cookie.is_complete());
/// domain.synchronize();
/// assert!(cookie.is_complete());
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `cookie` belongs to `domain`.
#[derive(Clone, Copy)]
pub struct SrcuGracePeriod<'a> {
    domain: &'a Srcu,
    cookie: c_ulong,
}

impl<'a> SrcuGracePeriod<'a> {
    /// Creates a cookie without starting a grace period: C's `get_state_synchronize_srcu()`. The
    /// cookie completes only if other code starts one.
    ///
    /// Context: any.
    pub fn snapshot(domain: &'a Srcu) -> Self {
        // SAFETY: The domain is initialised.
        let cookie = unsafe { bindings::get_state_synchronize_srcu(domain.as_raw()) };
        // INVARIANT: C created the cookie for this domain.
        Self { domain, cookie }
    }

    /// Creates a cookie, and starts its grace period if necessary: C's
    /// `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start(domain: &'a Srcu) -> Self {
        // SAFETY: The domain is initialised.
        let cookie = unsafe { bindings::start_poll_synchronize_srcu(domain.as_raw()) };
        // INVARIANT: C created the cookie for this domain.
        Self { domain, cookie }
    }

    /// Returns whether a grace period has passed since the cookie was created: C's
    /// `poll_state_synchronize_srcu()`.
    ///
    /// If it has, memory accesses after this call are ordered after those of the readers.
    ///
    /// Context: any.
    pub fn is_complete(self) -> bool {
        // SAFETY: The domain is initialised, and by the type invariant the cookie belongs to it.
        unsafe { bindings::poll_state_synchronize_srcu(self.domain.as_raw(), self.cookie) }
    }
}
