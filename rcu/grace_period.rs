// SPDX-License-Identifier: GPL-2.0

//! Waiting for grace periods and for callbacks.

#![expect(unsafe_code, reason = "calls C")]

use super::{
    compat::{self, rcu_gp_oldstate},
    context::assert_may_wait,
};
use core::mem::MaybeUninit;
use kernel::{bindings, prelude::*};

/// Waits until every read-side critical section that runs now has ended: C's `synchronize_rcu()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu;
///
/// rcu::synchronize();
/// ```
#[track_caller]
pub fn synchronize() {
    assert_may_wait("rcu::synchronize()");
    compat::synchronize_rcu();
}

/// The same sooner, at the price of disturbing all CPUs: C's `synchronize_rcu_expedited()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
#[track_caller]
pub fn synchronize_expedited() {
    assert_may_wait("rcu::synchronize_expedited()");
    // SAFETY: No memory safety requirement; the context is the caller's, as documented and checked above.
    unsafe { bindings::synchronize_rcu_expedited() };
}

/// Waits until every callback that was queued before has run: C's `rcu_barrier()`.
///
/// Context: may sleep; must not be called inside a read-side critical section nor from a callback.
#[track_caller]
pub fn barrier() {
    assert_may_wait("rcu::barrier()");
    compat::rcu_barrier();
}

/// A cookie for a grace period: taken now, it tells later whether every read-side critical section of
/// now has ended.
///
/// It may tell late, in particular of expedited grace periods, but never early. See
/// [`FullGracePeriod`] for one that is larger and tells sooner.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::{read_lock, GracePeriod};
///
/// let reader = read_lock();
/// let cookie = GracePeriod::start();
/// assert!(!cookie.is_complete());
/// drop(reader);
/// cookie.wait();
/// assert!(cookie.is_complete());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracePeriod(c_ulong);

impl GracePeriod {
    /// A cookie alone; somebody else has to start the grace period: C's `get_state_synchronize_rcu()`.
    ///
    /// Context: any.
    pub fn snapshot() -> Self {
        // SAFETY: No requirement.
        Self(unsafe { bindings::get_state_synchronize_rcu() })
    }

    /// Starts a grace period if it has to: C's `start_poll_synchronize_rcu()`.
    ///
    /// Context: any in which interrupts are on or the scheduler's locks are not held.
    pub fn start() -> Self {
        // SAFETY: No memory safety requirement.
        Self(unsafe { bindings::start_poll_synchronize_rcu() })
    }

    /// Starts an expedited grace period if it has to: C's `start_poll_synchronize_rcu_expedited()`.
    ///
    /// Context: as for [`Self::start`].
    pub fn start_expedited() -> Self {
        // SAFETY: No memory safety requirement.
        Self(unsafe { bindings::start_poll_synchronize_rcu_expedited() })
    }

    /// The cookie of a grace period that has ended: C's `get_completed_synchronize_rcu()`.
    ///
    /// Context: any.
    pub fn completed() -> Self {
        // SAFETY: No requirement.
        Self(unsafe { bindings::get_completed_synchronize_rcu() })
    }

    /// Whether a grace period has passed since the cookie was taken: C's
    /// `poll_state_synchronize_rcu()`.
    ///
    /// If so, whatever readers did before is over, in the sense of memory ordering too.
    ///
    /// Context: any.
    pub fn is_complete(self) -> bool {
        // SAFETY: Every cookie comes from one of the functions above.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }

    /// Waits for what is left of the grace period, and not at all if it has passed: C's
    /// `cond_synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(self) {
        assert_may_wait("GracePeriod::wait()");
        // SAFETY: Every cookie comes from one of the functions above.
        unsafe { bindings::cond_synchronize_rcu(self.0) };
    }

    /// The same with an expedited grace period, if there is one to wait for: C's
    /// `cond_synchronize_rcu_expedited()`.
    ///
    /// Context: as for [`Self::wait`].
    #[track_caller]
    pub fn wait_expedited(self) {
        assert_may_wait("GracePeriod::wait_expedited()");
        // SAFETY: Every cookie comes from one of the functions above.
        unsafe { bindings::cond_synchronize_rcu_expedited(self.0) };
    }
}

/// A cookie as [`GracePeriod`], which notices normal and expedited grace periods alike: C's
/// `struct rcu_gp_oldstate`.
///
/// # Examples
///
/// ```
/// use rcu_routes::rcu::FullGracePeriod;
///
/// let cookie = FullGracePeriod::start_expedited();
/// cookie.wait();
/// assert!(cookie.is_complete());
/// ```
///
/// # Invariants
///
/// Initialised by one of C's `…_synchronize_rcu_full()`.
#[derive(Clone, Copy)]
pub struct FullGracePeriod(rcu_gp_oldstate);

impl FullGracePeriod {
    /// # Safety
    ///
    /// `take` initialises what it is given.
    unsafe fn new(take: unsafe extern "C" fn(*mut rcu_gp_oldstate)) -> Self {
        let mut cookie = MaybeUninit::uninit();
        // SAFETY: C writes the cookie and asks for nothing else.
        unsafe { take(cookie.as_mut_ptr()) };
        // INVARIANT: Just initialised.
        // SAFETY: As the caller promises.
        Self(unsafe { cookie.assume_init() })
    }

    /// As [`GracePeriod::snapshot`]: C's `get_state_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn snapshot() -> Self {
        // SAFETY: It initialises the cookie.
        unsafe { Self::new(bindings::get_state_synchronize_rcu_full) }
    }

    /// As [`GracePeriod::start`]: C's `start_poll_synchronize_rcu_full()`.
    ///
    /// Context: as for [`GracePeriod::start`].
    pub fn start() -> Self {
        // SAFETY: It initialises the cookie.
        unsafe { Self::new(bindings::start_poll_synchronize_rcu_full) }
    }

    /// As [`GracePeriod::start_expedited`]: C's `start_poll_synchronize_rcu_expedited_full()`.
    ///
    /// Context: as for [`GracePeriod::start`].
    pub fn start_expedited() -> Self {
        // SAFETY: It initialises the cookie.
        unsafe { Self::new(bindings::start_poll_synchronize_rcu_expedited_full) }
    }

    /// As [`GracePeriod::completed`]: C's `get_completed_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn completed() -> Self {
        // SAFETY: It initialises the cookie.
        unsafe { Self::new(bindings::get_completed_synchronize_rcu_full) }
    }

    /// As [`GracePeriod::is_complete`]: C's `poll_state_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn is_complete(mut self) -> bool {
        // SAFETY: The cookie is initialised, by the type invariant, and only read.
        unsafe { bindings::poll_state_synchronize_rcu_full(&mut self.0) }
    }

    /// As [`GracePeriod::wait`]: C's `cond_synchronize_rcu_full()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(mut self) {
        assert_may_wait("FullGracePeriod::wait()");
        // SAFETY: The cookie is initialised, by the type invariant, and only read.
        unsafe { bindings::cond_synchronize_rcu_full(&mut self.0) };
    }
}
