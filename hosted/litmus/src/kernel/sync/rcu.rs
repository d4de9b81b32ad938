// SPDX-License-Identifier: GPL-2.0

//! RCU.

pub use crate::kernel::bindings::{rcu_barrier, synchronize_rcu};

use crate::kernel::{domain::Reader, this_execution};

/// A read-side critical section.
#[must_use = "the critical section ends when this is dropped"]
pub struct Guard {
    _section: Reader,
}

/// Begins a read-side critical section.
pub fn read_lock() -> Guard {
    Guard {
        _section: this_execution().rcu.read_lock(),
    }
}
