// SPDX-License-Identifier: GPL-2.0

//! Telling threads to stop, also when the test fails.

use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the threads of a test; tells the others to stop when one ends or panics.
#[derive(Default)]
pub struct StopFlag(AtomicBool);

/// Tells to stop when dropped.
pub struct StopOnDrop<'a>(&'a StopFlag);

impl StopFlag {
    /// Nobody is told yet.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        // ORDERING: Only a flag; threads are joined before anything is compared.
        self.0.load(Ordering::Relaxed)
    }

    /// Tells to stop at the end of a scope, by panic or not.
    #[must_use = "it tells to stop when it is dropped"]
    pub fn on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0 .0.store(true, Ordering::Relaxed);
    }
}
