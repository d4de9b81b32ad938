// SPDX-License-Identifier: GPL-2.0

//! Stands in for `kernel_ext/wakeup.rs`. In user space no thread waits.

use super::poll_queue::PollQueue;
use kernel::{prelude::*, sync::Arc};

/// A wakeup without waiters.
pub struct Wakeup(());

impl Wakeup {
    /// Creates a wakeup.
    pub fn new() -> impl PinInit<Self> {
        Self(())
    }

    /// Wakes all waiters: none.
    pub fn request(&self) {}

    /// Registers the pollers of a file.
    ///
    /// Errors: none.
    pub fn add(&self, _queue: Arc<PollQueue>) -> Result {
        Ok(())
    }

    /// Removes the pollers of a file.
    pub fn remove(&self, _queue: &Arc<PollQueue>) {}
}
