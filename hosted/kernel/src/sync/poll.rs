// SPDX-License-Identifier: GPL-2.0

//! Condition variables for `poll()`. In user space no thread waits for one.

use super::LockClassKey;
use core::{ffi::CStr, pin::Pin};
use pinned_init::PinInit;

/// Returns an initialiser for a [`PollCondVar`].
#[macro_export]
macro_rules! new_poll_condvar {
    ($($name:literal)?) => {
        $crate::sync::poll::PollCondVar::new(
            $crate::optional_name!($($name)?), $crate::static_lock_class!()
        )
    };
}

/// A condition variable without waiters.
pub struct PollCondVar(());

impl PollCondVar {
    /// Returns an initialiser. Use [`new_poll_condvar!`](crate::new_poll_condvar).
    pub fn new(_name: &'static CStr, _key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        Self(())
    }

    /// Wakes all waiters: none.
    pub fn notify_all(&self) {}
}
