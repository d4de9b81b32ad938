// SPDX-License-Identifier: GPL-2.0

//! Allocated memory without retired objects.

use kernel::alloc::{self, Live};
use rcu_routes::rcu;

/// Waits until all retired objects are reclaimed. Returns the live allocations; the bytes of each
/// include the rounding of `malloc()`, up to 8.
pub fn settled() -> Live {
    rcu::barrier();
    alloc::live()
}

/// Excludes other tests that allocate: allocations are counted for the whole process.
#[cfg(test)]
pub fn test_lock() -> std::sync::MutexGuard<'static, ()> {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    LOCK.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
