// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_LOOKUP`: looks up many addresses in one call.

use super::{
    open_file::OpenFile,
    signal, uapi,
    user::{ArrayReader, ArrayWriter},
};
use crate::rcu_table::{read_lock, Route, Table};
use core::{
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use kernel::prelude::*;

/// The maximum number of addresses in one call.
pub(super) const MAX_COUNT: u32 = 1 << 20;

/// Looks up addresses until all are done, one is invalid, or a signal is pending.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`. Context: may sleep.
pub(super) fn lookup(file: &OpenFile, args: &mut uapi::Lookup) -> Result {
    if mem::take(&mut args.reserved) != 0 || args.flags != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    args.done = 0;
    let count = args.count as usize;
    let mut addresses = ArrayReader::new(args.addresses, count)?;
    let mut routes = ArrayWriter::new(args.routes, count)?;
    loop {
        // User memory may fault, and a reader must not sleep: each piece is copied in before its
        // read-side critical section, and copied out after it.
        let piece = addresses.next()?;
        let found = look_up_piece(file.table(), piece, routes.piece());
        let looked_up = routes.piece().len() as u32;
        routes.flush()?;
        args.done += looked_up;
        found?;
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}

/// The addresses of one family that are looked up together. They are on the stack.
const RUN: usize = 32;

/// Looks up one piece in one read-side critical section, and appends the routes.
fn look_up_piece(
    table: &Table,
    addresses: &[uapi::Address],
    routes: &mut KVec<uapi::Route>,
) -> Result {
    let guard = read_lock();
    let table = table.snapshot(&guard);
    let mut append = |found: Option<Route>| {
        let route = found
            .as_ref()
            .map_or_else(uapi::Route::default, uapi::Route::from);
        // A reader must not allocate. The push cannot fail, as both pieces have the same capacity.
        let _ = routes.push_within_capacity(route);
    };
    let (mut inet, mut inet6) = ([Ipv4Addr::UNSPECIFIED; RUN], [Ipv6Addr::UNSPECIFIED; RUN]);
    let (mut rest, mut result) = (addresses, Ok(()));
    while !rest.is_empty() && result.is_ok() {
        let (mut v4, mut v6) = (0, 0);
        for address in rest.iter().take(RUN) {
            match address.to_ip() {
                Ok(IpAddr::V4(address)) if v6 == 0 => {
                    inet[v4] = address;
                    v4 += 1;
                }
                Ok(IpAddr::V6(address)) if v4 == 0 => {
                    inet6[v6] = address;
                    v6 += 1;
                }
                Ok(_) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        table.routes(&inet[..v4], &mut append);
        table.routes(&inet6[..v6], &mut append);
        rest = &rest[v4 + v6..];
    }
    result
}
