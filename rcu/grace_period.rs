// SPDX-License-Identifier: GPL-2.0

//! Waits for grace periods and for callbacks, and polls grace periods.

#![expect(unsafe_code, reason = "calls C")]

use super::{
    compat::{self, rcu_gp_oldstate},
    context::assert_may_wait,
};
use core::mem::MaybeUninit;
use kernel::{bindings, prelude::*};

/// Waits until all current read-side critical sections have ended: C's `synchronize_rcu()`.
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

/// Waits for a grace period that ends sooner but disturbs all CPUs: C's
/// `synchronize_rcu_expedited()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
#[track_caller]
pub fn synchronize_expedited() {
    assert_may_wait("rcu::synchronize_expedited()");
    // SAFETY: The function has no memory safety requirement.
    unsafe { bindings::synchronize_rcu_expedited() };
}

/// Waits until all callbacks that were queued before have run: C's `rcu_barrier()`.
///
/// Context: may sleep; must not be called inside a read-side critical section nor from a callback.
#[track_caller]
pub fn barrier() {
    assert_may_wait("rcu::barrier()");
    compat::rcu_barrier();
}

/// A cookie for a grace period. Polling it tells whether the read-side critical sections that were
/// running at its creation have ended.
///
/// It never reports the end early. It may report it late, especially if the grace period was
/// expedited.
/// [`FullGracePeriod`] is larger and reports the end sooner.
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
/// // The readers from before the cookie have ended.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracePeriod(c_ulong);

impl GracePeriod {
    /// Creates a cookie without starting a grace period: C's `get_state_synchronize_rcu()`. The
    /// cookie completes only if other code starts one.
    ///
    /// Context: any.
    pub fn snapshot() -> Self {
        // SAFETY: The function has no safety requirement.
        Self(unsafe { bindings::get_state_synchronize_rcu() })
    }

    /// Creates a cookie, and starts its grace period if necessary: C's
    /// `start_poll_synchronize_rcu()`.
    ///
    /// Context: any, except with interrupts off and a lock of the scheduler held.
    pub fn start() -> Self {
        // SAFETY: The function has no memory safety requirement.
        Self(unsafe { bindings::start_poll_synchronize_rcu() })
    }

    /// Creates a cookie, and starts its grace period, expedited, if necessary: C's
    /// `start_poll_synchronize_rcu_expedited()`.
    ///
    /// Context: as for [`Self::start`].
    pub fn start_expedited() -> Self {
        // SAFETY: The function has no memory safety requirement.
        Self(unsafe { bindings::start_poll_synchronize_rcu_expedited() })
    }

    /// Creates the cookie of a grace period that has ended: C's `get_completed_synchronize_rcu()`.
    ///
    /// Context: any.
    pub fn completed() -> Self {
        // SAFETY: The function has no safety requirement.
        Self(unsafe { bindings::get_completed_synchronize_rcu() })
    }

    /// Returns whether a grace period has passed since the cookie was created: C's
    /// `poll_state_synchronize_rcu()`.
    ///
    /// If it has, memory accesses after this call are ordered after those of the readers.
    ///
    /// Context: any.
    pub fn is_complete(self) -> bool {
        // SAFETY: C's functions accept any cookie, and this one came from one of them.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }

    /// Waits until a grace period has passed since the cookie was created: C's
    /// `cond_synchronize_rcu()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(self) {
        assert_may_wait("GracePeriod::wait()");
        // SAFETY: C's functions accept any cookie, and this one came from one of them.
        unsafe { bindings::cond_synchronize_rcu(self.0) };
    }

    /// Waits as [`Self::wait`] does, but for an expedited grace period: C's
    /// `cond_synchronize_rcu_expedited()`.
    ///
    /// Context: as for [`Self::wait`].
    #[track_caller]
    pub fn wait_expedited(self) {
        assert_may_wait("GracePeriod::wait_expedited()");
        // SAFETY: C's functions accept any cookie, and this one came from one of them.
        unsafe { bindings::cond_synchronize_rcu_expedited(self.0) };
    }
}

/// A [`GracePeriod`] cookie that tracks normal and expedited grace periods alike: C's
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
/// One of C's `…_synchronize_rcu_full()` functions has initialised it.
#[derive(Clone, Copy)]
pub struct FullGracePeriod(rcu_gp_oldstate);

impl FullGracePeriod {
    /// # Safety
    ///
    /// `init` initialises the cookie and has no other requirement.
    unsafe fn new(init: unsafe extern "C" fn(*mut rcu_gp_oldstate)) -> Self {
        let mut cookie = MaybeUninit::uninit();
        // SAFETY: The pointer is valid for writes.
        unsafe { init(cookie.as_mut_ptr()) };
        // INVARIANT: `init` is one of the functions that initialise cookies.
        // SAFETY: `init` has initialised the cookie.
        Self(unsafe { cookie.assume_init() })
    }

    /// Like [`GracePeriod::snapshot`]: C's `get_state_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn snapshot() -> Self {
        // SAFETY: The function initialises the cookie and has no other requirement.
        unsafe { Self::new(bindings::get_state_synchronize_rcu_full) }
    }

    /// Like [`GracePeriod::start`]: C's `start_poll_synchronize_rcu_full()`.
    ///
    /// Context: as for [`GracePeriod::start`].
    pub fn start() -> Self {
        // SAFETY: The function initialises the cookie and has no other requirement.
        unsafe { Self::new(bindings::start_poll_synchronize_rcu_full) }
    }

    /// Like [`GracePeriod::start_expedited`]: C's `start_poll_synchronize_rcu_expedited_full()`.
    ///
    /// Context: as for [`GracePeriod::start`].
    pub fn start_expedited() -> Self {
        // SAFETY: The function initialises the cookie and has no other requirement.
        unsafe { Self::new(bindings::start_poll_synchronize_rcu_expedited_full) }
    }

    /// Like [`GracePeriod::completed`]: C's `get_completed_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn completed() -> Self {
        // SAFETY: The function initialises the cookie and has no other requirement.
        unsafe { Self::new(bindings::get_completed_synchronize_rcu_full) }
    }

    /// Like [`GracePeriod::is_complete`]: C's `poll_state_synchronize_rcu_full()`.
    ///
    /// Context: any.
    pub fn is_complete(mut self) -> bool {
        // SAFETY: By the type invariant the cookie is initialised. C only reads it.
        unsafe { bindings::poll_state_synchronize_rcu_full(&mut self.0) }
    }

    /// Like [`GracePeriod::wait`]: C's `cond_synchronize_rcu_full()`.
    ///
    /// Context: may sleep; must not be called inside a read-side critical section.
    #[track_caller]
    pub fn wait(mut self) {
        assert_may_wait("FullGracePeriod::wait()");
        // SAFETY: By the type invariant the cookie is initialised. C only reads it.
        unsafe { bindings::cond_synchronize_rcu_full(&mut self.0) };
    }
}
