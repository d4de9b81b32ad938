// SPDX-License-Identifier: GPL-2.0

//! Who may stall the kernel: `CAP_SYS_ADMIN` in the initial user namespace, unless the kernel is locked down.
//!
//! C headers: [`include/linux/capability.h`](srctree/include/linux/capability.h),
//! [`include/linux/security.h`](srctree/include/linux/security.h)

use kernel::{bindings, prelude::*};

/// Refuses whoever may not stall the kernel.
///
/// Errors: `EPERM`, and the log says why. Context: may sleep.
pub(super) fn check() -> Result {
    // SAFETY: No requirement; the argument is a valid capability.
    if !unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) } {
        pr_err!("parameters stall*: want CAP_SYS_ADMIN\n");
        return Err(EPERM);
    }
    if is_locked_down() {
        pr_err!("parameters stall*: the kernel is locked down\n");
        return Err(EPERM);
    }
    Ok(())
}

/// Whether the kernel protects itself against who administers it: lockdown's reason is that of other module
/// parameters with which a kernel can be made unfit.
#[cfg(CONFIG_SECURITY)]
fn is_locked_down() -> bool {
    const REASON: bindings::lockdown_reason = bindings::lockdown_reason_LOCKDOWN_MODULE_PARAMETERS;
    // SAFETY: No requirement.
    unsafe { bindings::security_locked_down(REASON) != 0 }
}

#[cfg(not(CONFIG_SECURITY))]
fn is_locked_down() -> bool {
    false
}
