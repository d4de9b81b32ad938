// SPDX-License-Identifier: GPL-2.0

//! Waits for a mutex that a fatal signal ends.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

#![expect(unsafe_code, reason = "calls a C function")]

use core::ptr;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::{Mutex, MutexGuard},
};

/// Acquires a mutex: C's `mutex_lock_killable()`. Lockdep sees the lock class of the mutex, as with
/// [`Mutex::lock`].
///
/// Errors: `EINTR` if the caller must wait and a fatal signal is pending or arrives; the mutex is
/// not held then. Context: may sleep.
pub(crate) fn lock_killable<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    // The kernel crate's lock is `repr(C)` and begins with C's mutex, in an `Opaque`.
    let c_mutex = ptr::from_ref(mutex).cast::<bindings::mutex>().cast_mut();
    // SAFETY: `c_mutex` points to C's mutex, as said above. The lock's constructor has initialised
    // it, and the shared reference keeps it valid and pinned during the call.
    to_result(unsafe { c_lock_killable(c_mutex) })?;
    // SAFETY: C's function returned 0, so this thread holds the mutex. Nobody else unlocks it: only
    // the new guard does.
    Ok(unsafe { MutexGuard::new(mutex, ()) })
}

/// C's `mutex_lock_killable()`, which is a macro with `CONFIG_DEBUG_LOCK_ALLOC`.
///
/// # Safety
///
/// `mutex` is initialised, and valid during the call.
unsafe fn c_lock_killable(mutex: *mut bindings::mutex) -> c_int {
    // SAFETY: The caller guarantees a valid mutex. Without an outer lock C passes null, as here.
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    let status = unsafe { bindings::_mutex_lock_killable(mutex, 0, ptr::null_mut()) };
    // SAFETY: The caller guarantees a valid mutex.
    #[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
    let status = unsafe { bindings::mutex_lock_killable(mutex) };
    status
}
