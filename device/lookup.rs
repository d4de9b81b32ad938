// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_LOOKUP`: many addresses a call.

use super::{
    file::{self, OpenFile},
    uapi,
    user::{ArrayReader, ArrayWriter},
};
use crate::rcu_table::{read_lock, Table};
use kernel::prelude::*;

/// The most addresses a call.
pub(super) const MAX_COUNT: u32 = 1 << 20;

/// Looks up addresses until there are no more, one is none, or a signal comes.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`. Context: may sleep.
pub(super) fn lookup(file: &OpenFile, args: &mut uapi::Lookup) -> Result {
    if args.flags != 0 || args.reserved != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    args.done = 0;
    let count = args.count as usize;
    let mut addresses = ArrayReader::new(args.addresses, count)?;
    let mut routes = ArrayWriter::new(args.routes, count)?;
    loop {
        let piece = addresses.next()?;
        // User memory is read before and written after, never under the guard: it may have to be
        // brought in first.
        let found = look_up_piece(file.table(), piece, routes.piece());
        let looked_up = routes.piece().len() as u32;
        routes.flush()?;
        args.done += looked_up;
        found?;
        if args.done == args.count || file::interrupted() {
            return Ok(());
        }
    }
}

/// Appends the answers, up to the capacity, within one read-side critical section.
fn look_up_piece(
    table: &Table,
    addresses: &[uapi::Address],
    routes: &mut KVec<uapi::Route>,
) -> Result {
    let guard = read_lock();
    let table = table.snapshot(&guard);
    for address in addresses {
        let found = table.lookup(address.to_ip()?);
        let route = found
            .as_ref()
            .map_or(uapi::Route::default(), uapi::Route::from);
        // There is room, as both pieces are of one size; and nothing may be allocated here.
        routes.push_within_capacity(route).map_err(|_| EINVAL)?;
    }
    Ok(())
}
