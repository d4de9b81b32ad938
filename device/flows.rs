// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_FLOWS`: looks up many flows in one call. The caller's hash of a flow selects
//! one of the next hops of a group or of a multipath route.

use super::{
    open_file::OpenFile,
    signal, uapi,
    user::{ArrayReader, ArrayWriter},
};
use crate::rcu_table::{read_lock, Table};
use core::mem;
use kernel::prelude::*;

/// Looks up flows until all are done, one is invalid, or a signal is pending.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`. Context: may sleep.
pub(super) fn look_up(file: &OpenFile, args: &mut uapi::Flows) -> Result {
    let reserved = mem::take(&mut args.reserved);
    if reserved != 0 || args.flags != 0 || args.count > super::lookup::MAX_COUNT {
        return Err(EINVAL);
    }
    args.done = 0;
    let count = args.count as usize;
    let mut flows = ArrayReader::new(args.flows, count)?;
    let mut routes = ArrayWriter::new(args.routes, count)?;
    loop {
        // User memory may fault, and a reader must not sleep: each piece is copied in before its
        // read-side critical section, and copied out after it.
        let found = look_up_piece(file.table(), flows.next()?, routes.piece());
        let looked_up = routes.piece().len();
        routes.flush()?;
        file.stats().lookups.add(looked_up);
        args.done += looked_up as u32;
        found?;
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}

/// Looks up one piece in one read-side critical section, and appends the routes.
fn look_up_piece(table: &Table, flows: &[uapi::Flow], routes: &mut KVec<uapi::Route>) -> Result {
    let guard = read_lock();
    let table = table.snapshot(&guard);
    for flow in flows {
        let found = table.lookup_flow(flow.address.to_ip()?, flow.hash);
        let route = found
            .as_ref()
            .map_or_else(uapi::Route::default, uapi::Route::from);
        // A reader must not allocate. The push cannot fail, as both pieces have the same capacity.
        let _ = routes.push_within_capacity(route);
    }
    Ok(())
}
