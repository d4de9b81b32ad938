// SPDX-License-Identifier: GPL-2.0

//! Memory, when no callback holds any that is no longer needed.

use kernel::alloc::{self, Live};
use rcu_routes::rcu;

/// What is allocated once all that is retired has been reclaimed. The bytes are what `malloc()` made
/// of those asked for: up to 8 more.
pub fn settled() -> Live {
    rcu::barrier();
    alloc::live()
}

/// Held by tests that use memory, as it is counted for the whole process.
#[cfg(test)]
pub fn my_turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
