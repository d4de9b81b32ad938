// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_UPDATE`: makes many changes in one call.

use super::{ioctl::Call, signal, uapi, user::ArrayReader};
use crate::rcu_table::{Failure, Operation, Table, Transaction};
use core::mem;
use kernel::prelude::*;

/// The maximum number of operations in one call: the limit of a transaction.
pub(super) const MAX_COUNT: u32 = Transaction::MAX_OPERATIONS as u32;

/// Makes changes in order until one fails or a signal is pending. With `UPDATE_ATOMIC`, makes all
/// of them or none.
///
/// Errors: that of the operation that failed; `EINVAL`, `EFAULT`, `ENOMEM`, `EPERM`, `EBUSY`,
/// `EINTR`; `ERESTARTSYS` and `EAGAIN` as [`OpenFile::turn`](super::open_file::OpenFile::turn).
/// Context: may sleep.
pub(super) fn update(call: &Call<'_>, args: &mut uapi::Update) -> Result {
    let updated = update_uncounted(call, args);
    call.file.stats().changes.add(args.done as usize);
    updated
}

fn update_uncounted(call: &Call<'_>, args: &mut uapi::Update) -> Result {
    let unknown = args.flags & !uapi::UPDATE_ATOMIC;
    args.done = 0;
    if mem::take(&mut args.reserved) != 0 || unknown != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    (args.failed, args.error) = (0, 0);
    call.file.check_may_change()?;
    let table = call.file.table();
    let is_atomic = args.flags & uapi::UPDATE_ATOMIC != 0;
    let mut turn = call.turn()?;
    match &mut turn.state()?.pending {
        Some(_) if is_atomic => return Err(EBUSY),
        Some(pending) => return update_in_order(args, |piece| pending.apply_all(piece)),
        None => (),
    }
    // Without a transaction the update uses nothing of the file, so other calls need not wait.
    drop(turn);
    if is_atomic {
        return update_atomically(table, args);
    }
    update_in_order(args, |piece| table.apply(piece))
}

/// Makes the changes in order. `apply` makes those of one piece of the array.
fn update_in_order(
    args: &mut uapi::Update,
    mut apply: impl FnMut(&[Operation]) -> Result<(), Failure>,
) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut piece = KVVec::new();
    loop {
        let mut invalid = None;
        for operation in operations.next()? {
            match operation.to_operation() {
                Ok(operation) => piece.push(operation, GFP_KERNEL_ACCOUNT)?,
                Err(error) => {
                    invalid = Some(error);
                    break;
                }
            }
        }
        let applied = apply(&piece);
        let done = applied.map_or_else(|failure| failure.index.unwrap_or(0), |()| piece.len());
        let start = args.done;
        args.done += done as u32;
        applied.map_err(|failure| set_failed(args, start, failure))?;
        let invalid = invalid.map(|error| Failure::of_operation(done, error));
        invalid.map_or(Ok(()), |failure| Err(set_failed(args, start, failure)))?;
        piece.clear();
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}

/// Makes all changes or none.
fn update_atomically(table: &Table, args: &mut uapi::Update) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut transaction = Transaction::new();
    while transaction.len() < args.count as usize {
        for operation in operations.next()? {
            let index = transaction.len();
            let operation = operation
                .to_operation()
                .map_err(|error| set_failed(args, 0, Failure::of_operation(index, error)))?;
            transaction.push(operation)?;
        }
        // Another signal does not end the call: the next call would start from the beginning.
        if signal::yield_and_check_fatal() {
            return Err(EINTR);
        }
    }
    transaction
        .commit(table)
        .map_err(|failure| set_failed(args, 0, failure))?;
    args.done = args.count;
    Ok(())
}

/// Stores the operation that failed, counted from `start`, and its errno. If the call failed as a
/// whole, the fields stay zero. Returns the error.
fn set_failed(args: &mut uapi::Update, start: u32, failure: Failure) -> Error {
    if let Some(index) = failure.index {
        args.failed = start + index as u32;
        args.error = failure.error.to_errno().unsigned_abs();
    }
    failure.error
}
