// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_DUMP`: copies the table into an array, in pieces.

use super::{lookup::MAX_COUNT, open_file::OpenFile, signal, uapi, user::ArrayWriter};
use crate::rcu_table::{Key, Route};
use kernel::prelude::*;

/// The number of routes for which the table's mutex is held once.
const PIECE: usize = 128;

/// Copies routes until the array is full, none follows, or a signal is pending.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`; `EINTR` if a fatal signal ends the wait for updaters. The
/// structure names the last route that was copied. Context: may sleep.
pub(super) fn dump(file: &OpenFile, args: &mut uapi::Dump) -> Result {
    (args.done, args.more, args.latest) = (0, 1, 0);
    if args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    let (selector, mut after) = (args.selector()?, args.after()?);
    let mut routes = ArrayWriter::<uapi::Route>::new(args.routes, args.count as usize)?;
    loop {
        // The table fills a vector up to its capacity.
        let room = ((args.count - args.done) as usize).min(PIECE);
        let mut piece: KVec<Route> = KVec::with_capacity(room, GFP_KERNEL_ACCOUNT)?;
        let read = file.table().dump_piece(selector, after, &mut piece)?;
        for route in &piece {
            // The push cannot fail, because the writer has room for a whole piece.
            let _ = routes.piece().push_within_capacity(route.into());
        }
        routes.flush()?;
        file.stats().routes.add(piece.len());
        if after.is_none() {
            args.generation = read.generation;
        }
        if let Some(last) = piece.last().map(Key::from) {
            (args.after, after) = ((&last).into(), Some(last));
        }
        args.done += piece.len() as u32;
        args.latest = read.generation;
        args.more = u32::from(!read.is_last);
        if read.is_last || args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}
