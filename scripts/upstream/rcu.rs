// SPDX-License-Identifier: GPL-2.0

//! The library of a kernel that has the series of `scripts/upstream`.
//!
//! It takes the place of `rcu.rs` and of the files in `rcu/` except `drained.rs`, so that the module
//! builds on the kernel's copy of the library.

#[cfg(MODULE)]
mod drained;

#[cfg(MODULE)]
pub use drained::{drained_module, Drain, Drained, DrainedModule};
pub use kernel::sync::{
    rcu::{
        rcu_barrier as barrier, synchronize_rcu as synchronize,
        synchronize_rcu_expedited as synchronize_expedited, *,
    },
    srcu::{new_srcu, Guard as SrcuGuard, Srcu},
};

/// The kernel waits for the callbacks of each module.
#[cfg(MODULE)]
#[expect(unsafe_code, reason = "has the functions of rcu/drain.rs")]
mod drain {
    use kernel::prelude::*;

    /// Does nothing.
    ///
    /// # Safety
    ///
    /// None.
    pub(super) unsafe fn open() -> Result {
        Ok(())
    }

    /// Does nothing.
    ///
    /// # Safety
    ///
    /// None.
    pub(super) unsafe fn close() {}
}
