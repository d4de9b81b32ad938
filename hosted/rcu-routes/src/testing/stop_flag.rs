// SPDX-License-Identifier: GPL-2.0

//! A flag that stops the threads of a test, also when the test fails.

use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the threads that share it when one of them ends or panics.
#[derive(Default)]
pub struct StopFlag(AtomicBool);

/// Sets the flag when dropped.
pub struct StopOnDrop<'a>(&'a StopFlag);

impl StopFlag {
    /// Creates a flag that is not set.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Returns whether the threads must stop.
    pub fn is_set(&self) -> bool {
        // ORDERING: Joining the threads orders everything that the test compares.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag at the end of a scope, also on panic.
    #[must_use = "the flag is set when this is dropped"]
    pub fn on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0 .0.store(true, Ordering::Relaxed);
    }
}
