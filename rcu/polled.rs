// SPDX-License-Identifier: GPL-2.0

//! Retired objects whose grace period is polled.

#![expect(
    unsafe_code,
    reason = "returns objects when their grace period has ended"
)]

use super::{Domain, Global, GracePeriod, Reclaim, Retired, UniqueRcuBox};

/// A [`Retired`] object with the cookie of the grace period that it waits for.
///
/// Dropping it drops the [`Retired`] object, which is then reclaimed after a grace period.
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, Rcu, UniqueRcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(UniqueRcuBox::new(Config(1), GFP_KERNEL)?);
/// let reader = read_lock();
/// let old = config.replace(None).unwrap().start_poll();
/// let old = old.try_reclaim().err().expect("the reader has not ended");
/// drop(reader);
/// assert_eq!(old.wait().0, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `cookie` belongs to the domain of `retired`, and was created after the object was unpublished.
#[must_use = "poll again later, or wait"]
pub struct Polled<T: Reclaim + ?Sized, D: Domain = Global> {
    retired: Retired<T, D>,
    cookie: D::Cookie,
}

impl<T: Reclaim + ?Sized, D: Domain> Retired<T, D> {
    /// Starts a grace period if necessary. The object can be polled for its end: C's
    /// `start_poll_synchronize_rcu()` or `start_poll_synchronize_srcu()`.
    ///
    /// Context: any but NMI.
    pub fn start_poll(self) -> Polled<T, D> {
        let cookie = self.domain().start();
        // INVARIANT: By the invariant of `Retired` the object was unpublished before.
        Polled {
            retired: self,
            cookie,
        }
    }

    /// Starts no grace period. The object can be polled for the end of one that other code starts:
    /// C's `get_state_synchronize_rcu()` or `get_state_synchronize_srcu()`.
    ///
    /// Context: any.
    pub fn snapshot(self) -> Polled<T, D> {
        let cookie = self.domain().snapshot();
        // INVARIANT: By the invariant of `Retired` the object was unpublished before.
        Polled {
            retired: self,
            cookie,
        }
    }
}

impl<T: Reclaim + ?Sized> Retired<T> {
    /// Starts an expedited grace period if necessary. The object can be polled for its end: C's
    /// `start_poll_synchronize_rcu_expedited()`.
    ///
    /// Context: any.
    pub fn start_poll_expedited(self) -> Polled<T> {
        // INVARIANT: By the invariant of `Retired` the object was unpublished before.
        Polled {
            cookie: GracePeriod::start_expedited(),
            retired: self,
        }
    }
}

impl<T: Reclaim + ?Sized, D: Domain> Polled<T, D> {
    /// Returns whether the grace period has ended.
    ///
    /// Context: any.
    pub fn is_complete(&self) -> bool {
        D::is_complete(self.cookie)
    }

    /// Returns the object if its grace period has ended: C's `poll_state_synchronize_rcu()` or
    /// `poll_state_synchronize_srcu()`.
    ///
    /// Errors: `self`, if the grace period has not ended. Context: any.
    pub fn try_reclaim(self) -> Result<UniqueRcuBox<T>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        // SAFETY: By the type invariant the grace period began after the object was unpublished,
        // and it has ended.
        Ok(unsafe { self.retired.into_box() })
    }
}

impl<T: Reclaim + ?Sized> Polled<T> {
    /// Waits until the grace period has ended and returns the object: C's `cond_synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(self) -> UniqueRcuBox<T> {
        self.cookie.wait();
        // SAFETY: By the type invariant the grace period began after the object was unpublished,
        // and it has ended.
        unsafe { self.retired.into_box() }
    }
}
