// SPDX-License-Identifier: GPL-2.0

//! The permission to disturb the whole machine: `CAP_SYS_ADMIN` in the initial user namespace,
//! unless the kernel is locked down.
//!
//! C headers: [`include/linux/capability.h`](srctree/include/linux/capability.h),
//! [`include/linux/security.h`](srctree/include/linux/security.h)

#![expect(unsafe_code, reason = "calls C functions")]

use kernel::{bindings, prelude::*};

/// Checks whether the current task may set `parameter`, which disturbs the whole machine.
///
/// Errors: `EPERM`, with the reason in the log. Context: may sleep.
pub(crate) fn check(parameter: &str) -> Result {
    // SAFETY: Any context may call it, and `CAP_SYS_ADMIN` is a valid capability.
    if !unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) } {
        pr_err!("parameter {parameter}: needs CAP_SYS_ADMIN in the initial user namespace\n");
        return Err(EPERM);
    }
    if is_locked_down() {
        pr_err!("parameter {parameter}: cannot be set, because the kernel is locked down\n");
        return Err(EPERM);
    }
    Ok(())
}

/// Returns whether lockdown restricts root. The reason is that of C's unsafe module parameters.
#[cfg(CONFIG_SECURITY)]
fn is_locked_down() -> bool {
    const REASON: bindings::lockdown_reason = bindings::lockdown_reason_LOCKDOWN_MODULE_PARAMETERS;
    // SAFETY: Process context may call it, and `REASON` is a valid reason.
    unsafe { bindings::security_locked_down(REASON) != 0 }
}

#[cfg(not(CONFIG_SECURITY))]
fn is_locked_down() -> bool {
    false
}
