// SPDX-License-Identifier: GPL-2.0

//! Every difference between the kernels that the library is built for, 6.18 to 7.3.
//!
//! `Kbuild` passes `--cfg kernel_7_3` for kernels from 7.3 on.

#[cfg(not(kernel_7_3))]
use kernel::bindings;

#[cfg(kernel_7_3)]
pub(super) use kernel::{
    bindings::rcu_gp_seq as rcu_gp_oldstate,
    sync::rcu::{rcu_barrier, synchronize_rcu},
};

#[cfg(not(kernel_7_3))]
pub(super) use bindings::rcu_gp_oldstate;

/// Context: may sleep; not inside a read-side critical section.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn synchronize_rcu() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::synchronize_rcu() };
}

/// Context: may sleep; neither inside a read-side critical section nor in a callback.
#[cfg(not(kernel_7_3))]
#[track_caller]
pub(super) fn rcu_barrier() {
    // SAFETY: No memory safety requirement.
    unsafe { bindings::rcu_barrier() };
}
