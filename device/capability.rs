// SPDX-License-Identifier: GPL-2.0

//! The permission to change the table: `CAP_NET_ADMIN` in the initial user namespace.
//!
//! C header: [`include/linux/capability.h`](srctree/include/linux/capability.h)

use kernel::{bindings, prelude::*};

/// The permission of the task that opened a file.
pub(super) struct OpenerPermission {
    may_change: bool,
}

impl OpenerPermission {
    /// Records the permission of the current task.
    ///
    /// The audit log gets no record, because `open()` does not know whether the file will be used
    /// for changes.
    pub(super) fn of_current() -> Self {
        let initial = &raw mut bindings::init_user_ns;
        // SAFETY: `initial` is a static of the kernel, and the capability is a valid one.
        let may_change =
            unsafe { bindings::ns_capable_noaudit(initial, bindings::CAP_NET_ADMIN as c_int) };
        Self { may_change }
    }

    /// Returns whether the opener had the permission.
    pub(super) fn may_change(&self) -> bool {
        self.may_change
    }

    /// Checks that both the opener and the current task may change the table. An unprivileged
    /// opener could otherwise hand the file to a privileged program that writes to it.
    ///
    /// Errors: `EPERM`.
    pub(super) fn check_may_change(&self) -> Result {
        // SAFETY: `capable()` has no requirement, and the capability is a valid one.
        if self.may_change && unsafe { bindings::capable(bindings::CAP_NET_ADMIN as c_int) } {
            return Ok(());
        }
        Err(EPERM)
    }
}
