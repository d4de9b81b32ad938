// SPDX-License-Identifier: GPL-2.0

//! Stands in for `kernel_ext/mutex.rs`. Each call counts as one that must wait.

use kernel::{
    error::{code::EINTR, Result},
    sync::{Mutex, MutexGuard},
    task::fatal_signal,
};

/// Acquires a mutex.
///
/// Errors: `EINTR` if a test has made a fatal signal arrive. Context: may sleep.
pub(crate) fn lock_killable<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    if fatal_signal::is_pending() {
        return Err(EINTR);
    }
    Ok(mutex.lock())
}
