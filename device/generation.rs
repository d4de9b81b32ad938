// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_WAIT`: waits until the table has another generation.

use super::{ioctl::Call, uapi};
use crate::rcu_table::Watch;
use core::mem;
use kernel::{
    bindings,
    prelude::*,
    sync::CondVarTimeoutResult,
    time::{msecs_to_jiffies, Jiffies},
};

/// Waits until the table's generation differs from the caller's.
///
/// Errors: `EINVAL` for unknown flags, for a timeout without its flag, and for a reserved field
/// that is not zero; `ETIMEDOUT`; `EINTR` if a signal ends the wait; `EAGAIN` instead of a wait if
/// the file has `O_NONBLOCK`. Context: may sleep.
pub(super) fn wait(call: &Call<'_>, args: &mut uapi::Wait) -> Result {
    if mem::take(&mut args.reserved) != 0 || args.flags & !uapi::WAIT_TIMEOUT != 0 {
        return Err(EINVAL);
    }
    let has_timeout = args.flags & uapi::WAIT_TIMEOUT != 0;
    if !has_timeout && args.timeout_ms != 0 {
        return Err(EINVAL);
    }
    let known = mem::replace(&mut args.generation, call.file.table().generation());
    if args.generation != known {
        return Ok(());
    }
    if call.is_nonblocking() {
        return Err(EAGAIN);
    }
    // Only a call that may wait comes here: a watch waits for the updaters' mutex, which a commit
    // holds for long.
    let watch = Watch::new(call.file.shared_table())?;
    args.generation = watch.generation();
    if args.generation != known {
        return Ok(());
    }
    let mut rest = match has_timeout {
        true => msecs_to_jiffies(args.timeout_ms),
        false => Jiffies::MAX,
    };
    let monitor = call.file.table().monitor();
    let mut log = monitor.log().lock();
    while log.generation() == known {
        match monitor
            .changed()
            .tasks()
            .wait_interruptible_timeout(&mut log, rest)
        {
            CondVarTimeoutResult::Woken { jiffies } => rest = jiffies,
            CondVarTimeoutResult::Timeout => {
                return Err(Error::from_errno(-(bindings::ETIMEDOUT as c_int)))
            }
            CondVarTimeoutResult::Signal { .. } => return Err(EINTR),
        }
    }
    args.generation = log.generation();
    Ok(())
}
