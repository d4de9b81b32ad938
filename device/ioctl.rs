// SPDX-License-Identifier: GPL-2.0

//! The dispatch of the ioctls, and the small ones.
//!
//! An ioctl is identified by type, direction and number. The size in its code is that of the
//! caller's structure, and may differ from the kernel's.
//!
//! C header: `include/uapi/rust_rcu_demo.h`

use super::{
    lookup,
    open_file::OpenFile,
    uapi,
    uapi::number,
    update,
    user::{Argument, UserStruct},
};
use crate::rcu_table::Transaction;
use kernel::{
    ioctl::{_IOC_DIR, _IOC_NR, _IOC_SIZE, _IOC_TYPE},
    prelude::*,
    uapi::{_IOC_NONE, _IOC_READ, _IOC_WRITE},
};

const READ_WRITE: u32 = _IOC_READ | _IOC_WRITE;

/// Performs an ioctl.
///
/// Errors: `ENOTTY` for an unknown ioctl; otherwise see the header. Context: may sleep.
pub(super) fn ioctl(file: &OpenFile, cmd: u32, arg: usize) -> Result {
    if _IOC_TYPE(cmd) != uapi::MAGIC {
        return Err(ENOTTY);
    }
    let user = UserStruct::new(arg, _IOC_SIZE(cmd));
    match (_IOC_DIR(cmd), _IOC_NR(cmd)) {
        (_IOC_READ, number::INFO) => user.write(&info()),
        (_IOC_READ, number::STATS) => user.write(&uapi::Stats::from(&file.table().stats())),
        (READ_WRITE, number::LOOKUP) => read_write(&user, |args| lookup::lookup(file, args)),
        (READ_WRITE, number::UPDATE) => read_write(&user, |args| update::update(file, args)),
        (_IOC_WRITE, number::BEGIN) => begin(file, &user.read()?),
        (READ_WRITE, number::COMMIT) => read_write(&user, |args| commit(file, args)),
        (_IOC_NONE, number::ABORT) => abort(file),
        _ => Err(ENOTTY),
    }
}

/// Copies the structure in, calls `run`, and copies the structure out, even if `run` fails.
fn read_write<T: Argument>(user: &UserStruct, run: impl FnOnce(&mut T) -> Result) -> Result {
    let mut args = user.read()?;
    let done = run(&mut args);
    user.write(&args)?;
    done
}

fn info() -> uapi::Info {
    uapi::Info {
        version: uapi::VERSION,
        features: uapi::FEATURES,
        max_lookups: lookup::MAX_COUNT,
        max_operations: update::MAX_COUNT,
        max_transaction: Transaction::MAX_OPERATIONS as u32,
        ..uapi::Info::default()
    }
}

fn begin(file: &OpenFile, args: &uapi::Begin) -> Result {
    if args.flags & !uapi::BEGIN_RELOAD != 0 || args.reserved != 0 {
        return Err(EINVAL);
    }
    file.check_may_change()?;
    let mut state = file.state.lock();
    if state.pending.is_some() {
        return Err(EBUSY);
    }
    state.pending = Some(file.begin(args.flags & uapi::BEGIN_RELOAD != 0, None)?);
    Ok(())
}

fn commit(file: &OpenFile, args: &mut uapi::Commit) -> Result {
    if args.flags != 0 || args.reserved != 0 {
        return Err(EINVAL);
    }
    (args.failed, args.error) = (0, 0);
    file.check_may_change()?;
    let mut state = file.state.lock();
    let pending = state.pending.take().ok_or(EINVAL)?;
    pending.commit(file.table()).map_err(|failure| {
        if let Some(operation) = failure.operation {
            args.failed = operation.index as u32;
            args.error = failure.error.to_errno().unsigned_abs();
        }
        failure.error
    })
}

fn abort(file: &OpenFile) -> Result {
    let aborted = file.state.lock().pending.take();
    // The transaction is freed outside the lock.
    aborted.map(drop).ok_or(EINVAL)
}
