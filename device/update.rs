// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_UPDATE`: makes many changes in one call.

use super::{
    open_file::{OpenFile, State},
    signal, uapi,
    user::ArrayReader,
};
use crate::{kernel_ext::sched, rcu_table::Transaction};
use kernel::prelude::*;

/// The maximum number of operations in one call: the limit of a transaction.
pub(super) const MAX_COUNT: u32 = Transaction::MAX_OPERATIONS as u32;

/// Makes changes in order until one fails or a signal is pending. With `UPDATE_ATOMIC`, makes all
/// of them or none.
///
/// Errors: that of the operation that failed; `EINVAL`, `EFAULT`, `ENOMEM`, `EPERM`, `EBUSY`.
/// Context: may sleep.
pub(super) fn update(file: &OpenFile, args: &mut uapi::Update) -> Result {
    let unknown = args.flags & !uapi::UPDATE_ATOMIC;
    if unknown != 0 || args.reserved != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    (args.done, args.failed, args.error) = (0, 0, 0);
    file.check_may_change()?;
    let mut state = file.state.lock();
    if args.flags & uapi::UPDATE_ATOMIC == 0 {
        return update_in_order(file, &mut state, args);
    }
    if state.pending.is_some() {
        return Err(EBUSY);
    }
    // An atomic update uses nothing of the file, so other callers need not wait for it.
    drop(state);
    update_atomically(file, args)
}

/// Makes the changes in order, one batch for each piece of the array.
fn update_in_order(file: &OpenFile, state: &mut State, args: &mut uapi::Update) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut piece = KVVec::new();
    loop {
        let mut invalid = None;
        for operation in operations.next()? {
            match operation.to_operation() {
                Ok(operation) => piece.push(operation, GFP_KERNEL)?,
                Err(error) => {
                    invalid = Some(error);
                    break;
                }
            }
        }
        let applied = match &mut state.pending {
            None => file.table().apply(&piece),
            Some(pending) => pending.apply_all(&piece),
        };
        let done = applied.map_or_else(|failure| failure.index, |()| piece.len());
        args.done += done as u32;
        let failed = applied.map_err(|failure| failure.error).err().or(invalid);
        let index = args.done;
        failed.map_or(Ok(()), |error| Err(set_failed(args, index, error)))?;
        piece.clear();
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}

/// Makes all changes or none.
fn update_atomically(file: &OpenFile, args: &mut uapi::Update) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut transaction = Transaction::new();
    while transaction.len() < args.count as usize {
        for operation in operations.next()? {
            let index = transaction.len() as u32;
            operation
                .to_operation()
                .and_then(|operation| transaction.push(operation))
                .map_err(|error| set_failed(args, index, error))?;
        }
        // A signal does not end the call: the next call would have to start from the beginning.
        sched::yield_now();
    }
    transaction
        .commit(file.table())
        .map_err(|failure| set_failed(args, failure.index as u32, failure.error))?;
    args.done = args.count;
    Ok(())
}

/// Stores the operation that failed and its errno. Returns `error`.
fn set_failed(args: &mut uapi::Update, index: u32, error: Error) -> Error {
    args.failed = index;
    args.error = error.to_errno().unsigned_abs();
    error
}
