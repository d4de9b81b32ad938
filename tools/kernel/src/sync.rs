// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

mod arc;
mod mutex;
pub mod rcu;

pub use crate::new_mutex;
pub use arc::Arc;
pub use mutex::{Mutex, MutexGuard};
