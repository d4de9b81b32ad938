// SPDX-License-Identifier: GPL-2.0

//! The dispatch of the ioctls, and the small ones.
//!
//! An ioctl is identified by type, direction and number. The size in its code is that of the
//! caller's structure, and may differ from the kernel's.
//!
//! C header: `include/uapi/rust_rcu_demo.h`

use super::{
    dump, flows, generation, get, lookup, numbers,
    open_file::OpenFile,
    turn::Turn,
    uapi,
    uapi::number,
    update,
    user::{Argument, UserStruct},
};
use crate::rcu_table::Transaction;
use core::mem;
use kernel::{
    ioctl::{_IOC_DIR, _IOC_NR, _IOC_SIZE, _IOC_TYPE},
    prelude::*,
    uapi::{_IOC_NONE, _IOC_READ, _IOC_WRITE},
};

/// An ioctl that may change the state of its file.
pub(super) struct Call<'a> {
    pub(super) file: &'a OpenFile,
    is_nonblocking: bool,
}

impl<'a> Call<'a> {
    /// Waits for the file's state, as [`OpenFile::turn`] does.
    pub(super) fn turn(&self) -> Result<Turn<'a>> {
        self.file.turn(self.is_nonblocking)
    }

    /// Returns whether the call must not wait.
    pub(super) fn is_nonblocking(&self) -> bool {
        self.is_nonblocking
    }
}

const READ_WRITE: u32 = _IOC_READ | _IOC_WRITE;

/// Performs an ioctl.
///
/// Errors: `ENOTTY` for an unknown ioctl; otherwise see the header. Context: may sleep.
pub(super) fn ioctl(file: &OpenFile, is_nonblocking: bool, cmd: u32, arg: usize) -> Result {
    if _IOC_TYPE(cmd) != uapi::MAGIC {
        return Err(ENOTTY);
    }
    let user = UserStruct::new(arg, _IOC_SIZE(cmd));
    let call = Call {
        file,
        is_nonblocking,
    };
    match (_IOC_DIR(cmd), _IOC_NR(cmd)) {
        (_IOC_READ, number::INFO) => user.write(&info()),
        (_IOC_READ, number::STATS) => user.write(&uapi::Stats::from(&file.table().stats()?)),
        (READ_WRITE, number::LOOKUP) => read_write(&user, |args| lookup::lookup(file, args)),
        (READ_WRITE, number::UPDATE) => read_write(&user, |args| update::update(&call, args)),
        (_IOC_WRITE, number::BEGIN) => begin(&call, &user.read()?),
        (READ_WRITE, number::COMMIT) => read_write(&user, |args| commit(&call, args)),
        (READ_WRITE, number::WAIT) => read_write(&user, |args| generation::wait(&call, args)),
        (READ_WRITE, number::DUMP) => read_write(&user, |args| dump::dump(file, args)),
        (READ_WRITE, number::GET) => read_write(&user, |args| get::get(file, args)),
        (READ_WRITE, number::ANSWERS) => read_write(&user, |args| numbers::answers(file, args)),
        (_IOC_READ, number::FILE_STATS) => user.write(&uapi::FileStats::from(file.stats())),
        (READ_WRITE, number::FLOWS) => read_write(&user, |args| flows::look_up(file, args)),
        (_IOC_NONE, number::ABORT) if _IOC_SIZE(cmd) == 0 => abort(&call),
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

fn begin(call: &Call<'_>, args: &uapi::Begin) -> Result {
    if args.flags & !uapi::BEGIN_RELOAD != 0 || args.reserved != 0 {
        return Err(EINVAL);
    }
    call.file.check_may_change()?;
    let mut turn = call.turn()?;
    let pending = &mut turn.state()?.pending;
    if pending.is_some() {
        return Err(EBUSY);
    }
    let is_reload = args.flags & uapi::BEGIN_RELOAD != 0;
    *pending = Some(call.file.begin(is_reload, None)?);
    Ok(())
}

fn commit(call: &Call<'_>, args: &mut uapi::Commit) -> Result {
    // The kernel returns reserved fields as zero, also with an error.
    if mem::take(&mut args.reserved) != 0 || args.flags != 0 {
        return Err(EINVAL);
    }
    (args.failed, args.error) = (0, 0);
    call.file.check_may_change()?;
    let pending = call.turn()?.state()?.pending.take().ok_or(EINVAL)?;
    pending.commit(call.file.table()).map_err(|failure| {
        if let Some(operation) = failure.operation {
            args.failed = operation.index as u32;
            args.error = failure.error.to_errno().unsigned_abs();
        }
        failure.error
    })
}

fn abort(call: &Call<'_>) -> Result {
    let aborted = call.turn()?.state()?.pending.take();
    // The transaction is freed after the turn.
    aborted.map(drop).ok_or(EINVAL)
}
