// SPDX-License-Identifier: GPL-2.0

//! Who may change the table: `CAP_NET_ADMIN` in the initial user namespace.
//!
//! C header: [`include/linux/capability.h`](srctree/include/linux/capability.h)

use kernel::{bindings, prelude::*};

/// Whether the current task has the capability. Asking counts as use: it is audited.
pub(super) fn may_change() -> bool {
    // SAFETY: No requirement; the argument is a valid capability.
    unsafe { bindings::capable(bindings::CAP_NET_ADMIN as c_int) }
}

/// Whether the current task has the capability, without counting as use: for `open()`, which does
/// not tell what the file is opened for.
pub(super) fn could_change() -> bool {
    let initial = &raw mut bindings::init_user_ns;
    // SAFETY: The namespace is a static of the kernel; the capability is a valid one.
    unsafe { bindings::ns_capable_noaudit(initial, bindings::CAP_NET_ADMIN as c_int) }
}
