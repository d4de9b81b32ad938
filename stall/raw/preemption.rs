// SPDX-License-Identifier: GPL-2.0

//! A lock whose holder keeps preemption off.
//!
//! A spin lock is one, except with `PREEMPT_RT`: there it is a mutex whose holder can be preempted.
//! `raw_spinlock_t` spins on every kernel, but the kernel crate lacks it. Without preemption, C
//! inlines its functions. So this uses a spin lock where that suffices.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

#[cfg(CONFIG_PREEMPT_RT)]
pub(in crate::stall) use raw::PreemptionLock;
#[cfg(not(CONFIG_PREEMPT_RT))]
pub(in crate::stall) use spin::PreemptionLock;

#[cfg(not(CONFIG_PREEMPT_RT))]
mod spin {
    use kernel::{new_spinlock, prelude::*, sync::SpinLock};

    pub(in crate::stall) struct PreemptionLock(Pin<KBox<SpinLock<()>>>);

    impl PreemptionLock {
        /// Errors: `ENOMEM`. Context: may sleep.
        pub(in crate::stall) fn new() -> Result<Self> {
            let lock = KBox::pin_init(new_spinlock!((), "stall"), GFP_KERNEL)?;
            Ok(Self(lock))
        }

        /// Runs `body` with preemption off.
        pub(in crate::stall) fn hold(&self, body: impl FnOnce()) {
            let _preemption_is_off = self.0.lock();
            body();
        }
    }
}

#[cfg(CONFIG_PREEMPT_RT)]
mod raw {
    use kernel::{bindings, prelude::*, static_lock_class, sync::LockClassKey, types::Opaque};

    /// # Invariants
    ///
    /// The lock is initialised and does not move.
    pub(in crate::stall) struct PreemptionLock(Pin<KBox<Opaque<bindings::raw_spinlock_t>>>);

    // SAFETY: Any thread may lock it, and the thread that has locked it unlocks it.
    unsafe impl Send for PreemptionLock {}

    impl PreemptionLock {
        /// Errors: `ENOMEM`. Context: may sleep.
        pub(in crate::stall) fn new() -> Result<Self> {
            let key = static_lock_class!();
            let lock = Opaque::ffi_init(|lock: *mut bindings::raw_spinlock_t| {
                // SAFETY: `lock` is valid for writes. An unlocked lock is all zeroes.
                unsafe { lock.write_bytes(0, 1) };
                // SAFETY: `lock` is valid for writes and pinned.
                unsafe { init_debug(lock, key) };
            });
            // INVARIANT: Initialises the lock in a box.
            Ok(Self(KBox::pin_init(lock, GFP_KERNEL)?))
        }

        /// Runs `body` with preemption off.
        pub(in crate::stall) fn hold(&self, body: impl FnOnce()) {
            // SAFETY: By the type invariant the lock is initialised.
            unsafe { bindings::_raw_spin_lock(self.0.get()) };
            body();
            // SAFETY: This thread has locked it above.
            unsafe { bindings::_raw_spin_unlock(self.0.get()) };
        }
    }

    /// Initialises the lock's fields for the kernel's checks.
    ///
    /// # Safety
    ///
    /// `lock` is valid for writes and does not move.
    #[cfg(CONFIG_DEBUG_SPINLOCK)]
    unsafe fn init_debug(lock: *mut bindings::raw_spinlock_t, key: Pin<&'static LockClassKey>) {
        let name = c"stall".as_ptr().cast();
        let wait_type = bindings::lockdep_wait_type_LD_WAIT_SPIN as c_short;
        // SAFETY: The caller promises a valid `lock`. The name and the key are static.
        unsafe { bindings::__raw_spin_lock_init(lock, name, key.as_ptr(), wait_type) };
    }

    /// # Safety
    ///
    /// None.
    #[cfg(not(CONFIG_DEBUG_SPINLOCK))]
    unsafe fn init_debug(_lock: *mut bindings::raw_spinlock_t, _key: Pin<&'static LockClassKey>) {}
}
