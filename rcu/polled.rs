// SPDX-License-Identifier: GPL-2.0

//! Retired objects whose grace period is polled.

use super::{GracePeriod, RcuBox, Reclaim, Retired};

/// A [`Retired`] object with the cookie of the grace period that it waits for.
///
/// Dropped, it goes the way of a dropped [`Retired`].
///
/// # Examples
///
/// ```
/// use kernel::prelude::*;
/// use rcu_routes::rcu::{read_lock, Rcu, RcuBox};
/// # struct Config(u32);
/// # impl rcu_routes::rcu::Reclaim for Config { type Context = rcu_routes::rcu::Softirq; }
///
/// let config = Rcu::new(RcuBox::new(Config(1), GFP_KERNEL)?);
/// let reader = read_lock();
/// let old = config.replace(None).unwrap().start_poll();
/// let old = old.try_reclaim().err().expect("a reader is still there");
/// drop(reader);
/// assert_eq!(old.wait().0, 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `cookie` was taken after the object was unpublished.
#[must_use = "ask again later whether it can be reclaimed"]
pub struct Polled<T: Reclaim + ?Sized> {
    retired: Retired<T>,
    cookie: GracePeriod,
}

impl<T: Reclaim + ?Sized> Polled<T> {
    /// # Safety
    ///
    /// `cookie` was taken after the object was unpublished.
    pub(super) unsafe fn new(retired: Retired<T>, cookie: GracePeriod) -> Self {
        // INVARIANT: As the caller promises.
        Self { retired, cookie }
    }

    /// Whether the object can be had back.
    ///
    /// Context: any.
    pub fn is_complete(&self) -> bool {
        self.cookie.is_complete()
    }

    /// Gives the object back if its grace period has ended: C's `poll_state_synchronize_rcu()`.
    ///
    /// Errors: itself, to be asked again. Context: any.
    pub fn try_reclaim(self) -> Result<RcuBox<T>, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        // SAFETY: By the type invariant the grace period began after the object was unpublished; it has
        // ended.
        Ok(unsafe { self.retired.reclaimable() })
    }

    /// Waits for what is left of the grace period and gives the object back: C's
    /// `cond_synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(self) -> RcuBox<T> {
        self.cookie.wait();
        // SAFETY: By the type invariant the grace period began after the object was unpublished; it has
        // ended.
        unsafe { self.retired.reclaimable() }
    }
}
