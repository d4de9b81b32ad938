// SPDX-License-Identifier: GPL-2.0

//! All differences between the kernels that the library supports, 6.18 to 7.3.
//!
//! `kbuild.mk` sets `--cfg kernel_7_3` for kernels from 7.3 on.

#![expect(unsafe_code, reason = "calls C")]

#[cfg(all(not(kernel_7_3), CONFIG_DEBUG_LOCK_ALLOC))]
use core::ptr;
use kernel::{bindings, prelude::*, sync::LockClassKey};

#[cfg(kernel_7_3)]
pub(super) use kernel::{
    bindings::rcu_gp_seq as rcu_gp_oldstate,
    sync::rcu::{rcu_barrier, synchronize_rcu},
};

#[cfg(not(kernel_7_3))]
pub(super) use bindings::rcu_gp_oldstate;

/// C's `call_rcu_hurry()`, which is `call_rcu()` unless callbacks can be lazy.
#[cfg(not(CONFIG_RCU_LAZY))]
pub(super) use bindings::call_rcu as call_rcu_hurry;
#[cfg(CONFIG_RCU_LAZY)]
pub(super) use bindings::call_rcu_hurry;

/// C's `synchronize_rcu()`.
///
/// Context: may sleep; must not be called inside a read-side critical section.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn synchronize_rcu() {
    // SAFETY: The function has no memory safety requirement.
    unsafe { bindings::synchronize_rcu() };
}

/// C's `rcu_barrier()`.
///
/// Context: may sleep; must not be called inside a read-side critical section nor from a callback.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn rcu_barrier() {
    // SAFETY: The function has no memory safety requirement.
    unsafe { bindings::rcu_barrier() };
}

/// C's `init_srcu_struct()`. Returns an errno.
///
/// # Safety
///
/// `domain` is valid for writes, and its content does not move until it is cleaned up.
pub(super) unsafe fn srcu_initialise(
    domain: *mut bindings::srcu_struct,
    name: &'static CStr,
    key: Pin<&'static LockClassKey>,
) -> c_int {
    #[cfg(kernel_7_3)]
    {
        // SAFETY: The caller guarantees that the domain is valid for writes. Name and key are
        // static.
        unsafe { bindings::init_srcu_struct_with_key(domain, name.as_char_ptr(), key.as_ptr()) }
    }
    #[cfg(all(not(kernel_7_3), CONFIG_DEBUG_LOCK_ALLOC))]
    {
        // `as_ptr()` of a key is private in these kernels, whose keys are `repr(transparent)`
        // around C's. Lockdep uses only the address.
        let key = ptr::from_ref(key.get_ref()).cast_mut().cast();
        // SAFETY: The caller guarantees that the domain is valid for writes. Name and key are
        // static.
        unsafe { bindings::__init_srcu_struct(domain, name.as_char_ptr(), key) }
    }
    #[cfg(all(not(kernel_7_3), not(CONFIG_DEBUG_LOCK_ALLOC)))]
    {
        let _ = (name, key);
        // SAFETY: The caller guarantees that the domain is valid for writes and its content pinned.
        unsafe { bindings::init_srcu_struct(domain) }
    }
}

#[cfg(kernel_7_3)]
pub(super) use bindings::{srcu_read_lock, srcu_read_unlock};

/// C's `srcu_read_lock()`. Returns an index for [`srcu_read_unlock`].
///
/// # Safety
///
/// `domain` is initialised. The same thread calls [`srcu_read_unlock`] later, or the domain is never
/// cleaned up.
#[cfg(not(kernel_7_3))]
#[inline]
pub(super) unsafe fn srcu_read_lock(domain: *mut bindings::srcu_struct) -> c_int {
    // SAFETY: The caller guarantees an initialised domain.
    let index = unsafe { bindings::__srcu_read_lock(domain) };
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    // SAFETY: The caller guarantees an initialised domain.
    unsafe {
        lockdep_acquire(domain)
    };
    index
}

/// C's `srcu_read_unlock()`.
///
/// # Safety
///
/// [`srcu_read_lock`] of this domain returned `index` to this thread, which has not unlocked it yet.
#[cfg(not(kernel_7_3))]
#[inline]
pub(super) unsafe fn srcu_read_unlock(domain: *mut bindings::srcu_struct, index: c_int) {
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    {
        let place = srcu_read_unlock as *const () as c_ulong;
        // SAFETY: `srcu_read_lock()` of this domain has acquired its map, in this thread.
        unsafe { bindings::lock_release(ptr::addr_of_mut!((*domain).dep_map), place) };
    }
    // SAFETY: The caller guarantees that this thread holds the index.
    unsafe { bindings::__srcu_read_unlock(domain, index) };
}

/// Reports a reader to lockdep, as C's inline `srcu_read_lock()` does.
///
/// # Safety
///
/// `domain` is initialised.
#[cfg(all(not(kernel_7_3), CONFIG_DEBUG_LOCK_ALLOC))]
unsafe fn lockdep_acquire(domain: *mut bindings::srcu_struct) {
    const IS_TRYLOCK: c_int = 0;
    const RECURSIVE_READER: c_int = 2;
    const CHECK_ALL: c_int = 1;
    // SAFETY: The caller guarantees an initialised domain, which includes its lockdep map.
    unsafe {
        bindings::lock_acquire(
            ptr::addr_of_mut!((*domain).dep_map),
            0,
            IS_TRYLOCK,
            RECURSIVE_READER,
            CHECK_ALL,
            ptr::null_mut(),
            lockdep_acquire as *const () as c_ulong,
        )
    };
}
