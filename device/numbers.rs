// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_ANSWERS`: the next hops and metrics of the numbers that a lookup returns.

use super::{
    lookup::MAX_COUNT,
    open_file::OpenFile,
    signal, uapi,
    user::{ArrayReader, ArrayWriter},
};
use core::mem;
use kernel::prelude::*;

/// Answers numbers until all are done, the numbering changes, or a signal is pending.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`; `EINTR` if a fatal signal ends the wait for updaters.
/// Context: may sleep.
pub(super) fn answers(file: &OpenFile, args: &mut uapi::Answers) -> Result {
    (args.done, args.numbering) = (0, 0);
    if mem::take(&mut args.reserved) != 0 || args.flags != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    let mut numbers = ArrayReader::<u32>::new(args.numbers, args.count as usize)?;
    let mut routes = ArrayWriter::<uapi::Route>::new(args.routes, args.count as usize)?;
    loop {
        let piece = numbers.next()?;
        let numbering = file.table().answers(piece, |found| {
            let route = found.map(|(next_hop, metric)| uapi::Route::of_answer(next_hop, metric));
            // The push cannot fail, as both pieces have the same capacity.
            let _ = routes
                .piece()
                .push_within_capacity(route.unwrap_or_default());
        })?;
        if args.done > 0 && numbering != args.numbering {
            return Ok(());
        }
        let answered = piece.len();
        routes.flush()?;
        file.stats().routes.add(answered);
        args.numbering = numbering;
        args.done += answered as u32;
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}
