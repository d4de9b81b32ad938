// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_GET`: the routes of keys.

use super::{
    lookup::MAX_COUNT,
    open_file::OpenFile,
    signal, uapi,
    user::{ArrayReader, ArrayWriter},
};
use crate::rcu_table::Prefix;
use core::mem;
use kernel::prelude::*;

/// Gets routes until all are done, a key is invalid, or a signal is pending.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`; `EINTR` if a fatal signal ends the wait for updaters.
/// Context: may sleep.
pub(super) fn get(file: &OpenFile, args: &mut uapi::Get) -> Result {
    args.done = 0;
    if mem::take(&mut args.reserved) != 0 || args.flags != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    let mut keys = ArrayReader::<uapi::Key>::new(args.keys, args.count as usize)?;
    let mut routes = ArrayWriter::<uapi::Route>::new(args.routes, args.count as usize)?;
    let mut piece: KVec<(Prefix, Option<u32>)> = KVec::new();
    loop {
        let mut invalid = Ok(());
        piece.clear();
        for key in keys.next()? {
            match key.to_key() {
                Ok(key) => piece.push(key, GFP_KERNEL_ACCOUNT)?,
                Err(error) => {
                    invalid = Err(error);
                    break;
                }
            }
        }
        file.table().exact(&piece, |found| {
            let route = found.as_ref().map(uapi::Route::from).unwrap_or_default();
            // The push cannot fail, as both pieces have the same capacity.
            let _ = routes.piece().push_within_capacity(route);
        })?;
        routes.flush()?;
        file.stats().routes.add(piece.len());
        args.done += piece.len() as u32;
        invalid?;
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}
