// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

mod arc;
mod mutex;
pub mod rcu;
mod spinlock;

pub use crate::{new_mutex, new_spinlock};
pub use arc::Arc;
pub use mutex::{Mutex, MutexGuard};
pub use spinlock::{SpinLock, SpinLockGuard};
