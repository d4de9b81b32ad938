// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_UPDATE`: many changes a call.

use super::{
    file::{self, OpenFile, State},
    uapi,
    user::ArrayReader,
};
use crate::rcu_table::Transaction;
use kernel::prelude::*;

/// The most operations a call: what a transaction takes.
pub(super) const MAX_COUNT: u32 = Transaction::MAX_OPERATIONS as u32;

/// Makes changes in their order until one fails or a signal comes; or all or none of them.
///
/// Errors: of the operation that failed; `EINVAL`, `EFAULT`, `ENOMEM`, `EPERM`, `EBUSY`. Context: may
/// sleep.
pub(super) fn update(file: &OpenFile, args: &mut uapi::Update) -> Result {
    let unknown = args.flags & !uapi::UPDATE_ATOMIC;
    if unknown != 0 || args.reserved != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    (args.done, args.failed, args.error) = (0, 0, 0);
    file.check_may_change()?;
    let mut state = file.state.lock();
    if args.flags & uapi::UPDATE_ATOMIC == 0 {
        return in_order(file, &mut state, args);
    }
    if state.pending.is_some() {
        return Err(EBUSY);
    }
    // Others may use the file meanwhile.
    drop(state);
    all_or_none(file, args)
}

/// Makes changes in their order, those of a piece at once.
fn in_order(file: &OpenFile, state: &mut State, args: &mut uapi::Update) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut piece = KVVec::new();
    loop {
        let mut bad = None;
        for operation in operations.next()? {
            match operation.to_operation() {
                Ok(operation) => piece.push(operation, GFP_KERNEL)?,
                Err(error) => {
                    bad = Some(error);
                    break;
                }
            }
        }
        let made = match &mut state.pending {
            None => file.table().apply(&piece),
            Some(pending) => pending.apply_all(&piece),
        };
        let done = made.map_or_else(|failure| failure.index, |()| piece.len());
        args.done += done as u32;
        let failed = made.map_err(|failure| failure.error).err().or(bad);
        let index = args.done;
        failed.map_or(Ok(()), |error| Err(failed_at(args, index, error)))?;
        piece.clear();
        if args.done == args.count || file::interrupted() {
            return Ok(());
        }
    }
}

fn all_or_none(file: &OpenFile, args: &mut uapi::Update) -> Result {
    let mut operations = ArrayReader::<uapi::Operation>::new(args.operations, args.count as usize)?;
    let mut transaction = Transaction::new();
    while transaction.len() < args.count as usize {
        for operation in operations.next()? {
            let index = transaction.len() as u32;
            operation
                .to_operation()
                .and_then(|operation| transaction.push(operation))
                .map_err(|error| failed_at(args, index, error))?;
        }
        // A signal waits: what was collected so far would be lost, and the next call get no further.
        file::interrupted();
    }
    transaction
        .commit(file.table())
        .map_err(|failure| failed_at(args, failure.index as u32, failure.error))?;
    args.done = args.count;
    Ok(())
}

/// Says which operation failed.
fn failed_at(args: &mut uapi::Update, index: u32, error: Error) -> Error {
    args.failed = index;
    args.error = error.to_errno().unsigned_abs();
    error
}
