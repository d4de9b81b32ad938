// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU: readers that may sleep, in domains that do not wait for each other.
//!
//! [`SrcuPointer`](super::SrcuPointer) has a domain of its own and is what most code wants.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

#![expect(unsafe_code, reason = "calls C")]

use super::{compat, context::assert_may_wait};
use core::{mem::size_of, ptr};
use kernel::{bindings, prelude::*, sync::LockClassKey};

/// Makes an initialiser for an [`Srcu`] with a lock class of its own, and the name that lockdep shows:
/// C's `init_srcu_struct()`.
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

/// A domain of sleepable RCU: grace periods wait for the readers of this domain, and for no others.
///
/// Its readers may sleep, and so may hold up its updaters for long, but nobody else. What readers find
/// must be unpublished before a grace period of *the same* domain: [`SrcuPointer`](super::SrcuPointer)
/// sees to that.
///
/// The drop waits until no reader, grace period or callback of the domain is left, so it may sleep, and
/// the callbacks' code may go after it. Two things nothing can stop:
///
/// - With the guard of a reader that was leaked (`mem::forget`) the drop never returns.
/// - A domain that is leaked itself never waits for its callbacks. They must not outlive the module.
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
/// might_sleep(); // Nobody complains.
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
    /// An initialiser for a domain. Use [`new_srcu!`].
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

    /// Waits until every read-side critical section of this domain that runs now has ended: C's
    /// `synchronize_srcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section of this domain, nor
    /// of RCU.
    #[track_caller]
    pub fn synchronize(&self) {
        assert_may_wait("Srcu::synchronize()");
        self.domain.synchronize();
    }

    /// The same, spinning for a while before it sleeps: C's `synchronize_srcu_expedited()`.
    ///
    /// Context: as for [`Self::synchronize`].
    #[track_caller]
    pub fn synchronize_expedited(&self) {
        assert_may_wait("Srcu::synchronize_expedited()");
        self.domain.synchronize_expedited();
    }

    /// Waits until every callback that was queued in this domain before has run: C's `srcu_barrier()`.
    ///
    /// Context: as for [`Self::synchronize`]; neither from a callback.
    #[track_caller]
    pub fn barrier(&self) {
        assert_may_wait("Srcu::barrier()");
        // SAFETY: The domain is initialised.
        unsafe { bindings::srcu_barrier(self.as_raw()) };
    }

    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::srcu_struct {
        // Every kernel's `compat::Srcu` is `repr(transparent)` around an `Opaque` of it.
        const _: () = assert!(size_of::<compat::Srcu>() == size_of::<bindings::srcu_struct>());
        ptr::from_ref(&self.domain).cast_mut().cast()
    }
}

#[pinned_drop]
impl PinnedDrop for Srcu {
    fn drop(self: Pin<&mut Self>) {
        assert_may_wait("drop() of an Srcu");
        // The domain's own drop waits for callbacks. But `cleanup_srcu_struct()` gives up half-way if it
        // finds a reader or a grace period, and leaves SRCU at work in memory that is then freed. Nobody
        // begins either any more. This waits for what there is: for each grace period that a cookie has
        // started, as the one asked for here ends no sooner; and for a reader whose guard was leaked, for
        // ever, which is better than a use after free.
        self.domain.synchronize();
    }
}

/// A read-side critical section of an [`Srcu`], which ends when this is dropped. It ends in the thread
/// in which it began.
///
/// It is no [`ReadSide`](super::ReadSide): grace periods of RCU do not wait for it.
///
/// # Examples
///
/// See [`Srcu`].
#[must_use = "the read-side critical section ends when this is dropped"]
pub struct SrcuGuard<'a> {
    _section: compat::SrcuGuard<'a>,
}

/// A cookie for a grace period of one domain: taken now, it tells later whether every read-side
/// critical section of now has ended. It may tell late, but never early.
///
/// There is no waiting for it alone, as there is no `cond_synchronize_srcu()`; after
/// [`Srcu::synchronize`] it is complete.
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
/// `cookie` is one of `domain`.
#[derive(Clone, Copy)]
pub struct SrcuGracePeriod<'a> {
    domain: &'a Srcu,
    cookie: c_ulong,
}

impl<'a> SrcuGracePeriod<'a> {
    /// A cookie alone; somebody else has to start the grace period: C's
    /// `get_state_synchronize_srcu()`.
    ///
    /// Context: any.
    pub fn snapshot(domain: &'a Srcu) -> Self {
        // SAFETY: The domain is initialised.
        let cookie = unsafe { bindings::get_state_synchronize_srcu(domain.as_raw()) };
        // INVARIANT: It came from there.
        Self { domain, cookie }
    }

    /// Starts a grace period if it has to: C's `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start(domain: &'a Srcu) -> Self {
        // SAFETY: The domain is initialised.
        let cookie = unsafe { bindings::start_poll_synchronize_srcu(domain.as_raw()) };
        // INVARIANT: It came from there.
        Self { domain, cookie }
    }

    /// Whether a grace period has passed since the cookie was taken: C's
    /// `poll_state_synchronize_srcu()`.
    ///
    /// If so, whatever the domain's readers did before is over, in the sense of memory ordering too.
    ///
    /// Context: any.
    pub fn is_complete(self) -> bool {
        // SAFETY: The domain is initialised, and by the type invariant the cookie is one of it.
        unsafe { bindings::poll_state_synchronize_srcu(self.domain.as_raw(), self.cookie) }
    }
}
