// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU: readers may sleep, and each domain has its own grace periods.
//!
//! Most code needs [`SrcuPointer`](super::SrcuPointer), which has a domain of its own.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

#![expect(unsafe_code, reason = "calls C")]

use super::{
    compat,
    context::{assert_may_sleep, assert_may_wait},
};
use core::marker::PhantomData;
use kernel::{bindings, error::to_result, prelude::*, sync::LockClassKey, types::Opaque};

// The exported name is in the root of the crate, where it must not collide with an import of
// `new_srcu`.
#[doc(hidden)]
#[macro_export]
macro_rules! __rcu_new_srcu {
    ($($name:literal)? $(,)?) => {
        $crate::rcu::Srcu::new(
            ::kernel::optional_name!($($name)?),
            ::kernel::static_lock_class!(),
        )
    };
}

/// Creates an initialiser for an [`Srcu`] with a lock class of its own and a name for lockdep: C's
/// `init_srcu_struct()`.
///
/// # Examples
///
/// See [`Srcu`].
#[doc(inline)]
pub use __rcu_new_srcu as new_srcu;

/// A domain of sleepable RCU. Its grace periods wait for its own readers and for no others.
///
/// Its readers may sleep and so delay its own updaters for long, but not those of other domains. An
/// object must be unpublished before a grace period of *the same* domain;
/// [`SrcuPointer`](super::SrcuPointer) ensures that.
///
/// The drop may sleep: it waits for all readers, grace periods and callbacks of the domain. If the
/// guard of a reader was leaked (`mem::forget`), it never returns.
///
/// A domain may also be leaked, or belong to a `static`. The module's unload waits for its callbacks.
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
///
/// # Invariants
///
/// `domain` is initialised. It does not move, and only the drop cleans it up.
#[pin_data(PinnedDrop)]
pub struct Srcu {
    #[pin]
    domain: Opaque<bindings::srcu_struct>,
}

// SAFETY: A domain belongs to no thread.
unsafe impl Send for Srcu {}
// SAFETY: SRCU's functions synchronise their accesses to the domain.
unsafe impl Sync for Srcu {}

impl Srcu {
    /// Returns an initialiser for a domain. Use [`new_srcu!`].
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: C initialises it, or this fails.
            domain <- Opaque::try_ffi_init(move |domain| {
                assert_may_sleep("Srcu::new()");
                // SAFETY: The place is valid for writes, and its content is pinned.
                to_result(unsafe { compat::srcu_initialise(domain, name, key) })
            }),
        })
    }

    /// Begins a read-side critical section of this domain, which may sleep: C's `srcu_read_lock()`.
    ///
    /// Context: any but NMI; never waits.
    #[inline]
    pub fn read_lock(&self) -> SrcuGuard<'_> {
        // INVARIANT: C returns the index to this thread.
        SrcuGuard {
            domain: self,
            // SAFETY: By the type invariant the domain is initialised. The drop of the guard
            // unlocks in this thread. If the guard is leaked, the drop of the domain never returns.
            index: unsafe { compat::srcu_read_lock(self.as_raw()) },
            thread: PhantomData,
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
        // SAFETY: By the type invariant the domain is initialised.
        unsafe { bindings::synchronize_srcu(self.as_raw()) };
    }

    /// Waits as [`Self::synchronize`] does, but spins before it sleeps: C's
    /// `synchronize_srcu_expedited()`.
    ///
    /// Context: as for [`Self::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(&self) {
        assert_may_wait("Srcu::synchronize_expedited()");
        // SAFETY: By the type invariant the domain is initialised.
        unsafe { bindings::synchronize_srcu_expedited(self.as_raw()) };
    }

    /// Waits until all callbacks that were queued in this domain before have run: C's
    /// `srcu_barrier()`.
    ///
    /// Context: as for [`Self::synchronize`]; must not be called from a callback.
    #[track_caller]
    pub fn barrier(&self) {
        assert_may_wait("Srcu::barrier()");
        // SAFETY: By the type invariant the domain is initialised.
        unsafe { bindings::srcu_barrier(self.as_raw()) };
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::srcu_struct {
        self.domain.get()
    }
}

#[pinned_drop]
impl PinnedDrop for Srcu {
    fn drop(self: Pin<&mut Self>) {
        assert_may_wait("drop() of an Srcu");
        // If `cleanup_srcu_struct()` finds a reader or a grace period, it returns early, and SRCU
        // later uses freed memory. No reader or cookie can begin any more. This grace period ends
        // after those that cookies have started. If a reader's guard was leaked, it never ends,
        // which is better than a use after free.
        // SAFETY: By the type invariant the domain is initialised.
        unsafe { bindings::synchronize_srcu(self.as_raw()) };
        // SAFETY: By the type invariant the domain is initialised.
        unsafe { bindings::srcu_barrier(self.as_raw()) };
        // SAFETY: By the type invariant the domain is initialised. Readers, grace periods and
        // callbacks have ended, and nobody borrows a domain that is being dropped.
        unsafe { bindings::cleanup_srcu_struct(self.as_raw()) };
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
///
/// # Invariants
///
/// C's `srcu_read_lock()` of `domain` returned `index` to this thread, which has not unlocked it
/// yet.
#[must_use = "the read-side critical section ends when this is dropped"]
pub struct SrcuGuard<'a> {
    domain: &'a Srcu,
    index: c_int,
    /// Keeps the guard in its thread, where the section must end.
    thread: PhantomData<*mut ()>,
}

impl SrcuGuard<'_> {
    #[inline]
    pub(super) fn domain(&self) -> &Srcu {
        self.domain
    }
}

impl Drop for SrcuGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this thread holds the index of this domain.
        unsafe { compat::srcu_read_unlock(self.domain.as_raw(), self.index) };
    }
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
        // SAFETY: By the invariant of `Srcu` the domain is initialised.
        let cookie = unsafe { bindings::get_state_synchronize_srcu(domain.as_raw()) };
        // INVARIANT: C created the cookie for this domain.
        Self { domain, cookie }
    }

    /// Creates a cookie, and starts its grace period if necessary: C's
    /// `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start(domain: &'a Srcu) -> Self {
        // SAFETY: By the invariant of `Srcu` the domain is initialised.
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
        // SAFETY: By the invariant of `Srcu` the domain is initialised. By the type invariant the
        // cookie belongs to it.
        unsafe { bindings::poll_state_synchronize_srcu(self.domain.as_raw(), self.cookie) }
    }
}
