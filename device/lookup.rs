// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_LOOKUP`: looks up many addresses in one call.

use super::{
    open_file::OpenFile,
    signal, uapi,
    user::{ArrayReader, ArrayWriter},
};
use crate::rcu_table::{read_lock, BulkAddress, Snapshot, Table};
use core::{
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use kernel::{prelude::*, transmute::AsBytes};

/// The maximum number of addresses in one call.
pub(super) const MAX_COUNT: u32 = 1 << 20;

/// The answer to an address, in the form that user space reads.
trait Answer: AsBytes + Clone + Default {
    /// Passes to `found`, in order, the answers to addresses of one family.
    fn find<A: BulkAddress>(table: &Snapshot<'_>, addresses: &[A], found: impl FnMut(Self));
}

impl Answer for uapi::Route {
    fn find<A: BulkAddress>(table: &Snapshot<'_>, addresses: &[A], mut found: impl FnMut(Self)) {
        table.routes(addresses, |route| {
            found(route.as_ref().map_or_else(Self::default, Self::from));
        });
    }
}

/// The number of a next hop and a metric.
impl Answer for u32 {
    fn find<A: BulkAddress>(table: &Snapshot<'_>, addresses: &[A], found: impl FnMut(Self)) {
        table.numbers(addresses, found);
    }
}

/// Looks up addresses until all are done, one is invalid, or a signal is pending. A lookup of
/// numbers also ends if the numbering changes.
///
/// Errors: `EINVAL`, `EFAULT`, `ENOMEM`. Context: may sleep.
pub(super) fn lookup(file: &OpenFile, args: &mut uapi::Lookup) -> Result {
    let unknown = args.flags & !uapi::LOOKUP_NUMBERS;
    if mem::take(&mut args.reserved) != 0 || unknown != 0 || args.count > MAX_COUNT {
        return Err(EINVAL);
    }
    args.done = 0;
    args.generation = file.table().generation();
    match args.flags & uapi::LOOKUP_NUMBERS {
        0 => look_up::<uapi::Route>(file, args),
        _ => look_up::<u32>(file, args),
    }
}

fn look_up<T: Answer>(file: &OpenFile, args: &mut uapi::Lookup) -> Result {
    let count = args.count as usize;
    let mut addresses = ArrayReader::new(args.addresses, count)?;
    let mut answers = ArrayWriter::<T>::new(args.routes, count)?;
    loop {
        // User memory may fault, and a reader must not sleep: each piece is copied in before its
        // read-side critical section, and copied out after it.
        let piece = addresses.next()?;
        let (found, numbering) = look_up_piece(file.table(), piece, answers.piece());
        let has_numbers = args.flags & uapi::LOOKUP_NUMBERS != 0;
        if has_numbers && args.done > 0 && numbering != args.numbering {
            return Ok(());
        }
        args.numbering = numbering;
        let looked_up = answers.piece().len();
        answers.flush()?;
        file.stats().lookups.add(looked_up);
        args.done += looked_up as u32;
        found?;
        if args.done == args.count || signal::yield_and_check() {
            return Ok(());
        }
    }
}

/// The addresses of one family that are looked up together. They are on the stack.
const RUN: usize = 32;

/// Looks up one piece in one read-side critical section, and appends the answers. Returns the
/// numbering of the answers, too.
fn look_up_piece<T: Answer>(
    table: &Table,
    addresses: &[uapi::Address],
    answers: &mut KVec<T>,
) -> (Result, u64) {
    let guard = read_lock();
    let table = table.snapshot(&guard);
    let mut append = |answer: T| {
        // A reader must not allocate. The push cannot fail, as both pieces have the same capacity.
        let _ = answers.push_within_capacity(answer);
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
        T::find(&table, &inet[..v4], &mut append);
        T::find(&table, &inet6[..v6], &mut append);
        rest = &rest[v4 + v6..];
    }
    // This read follows the lookups, as `Snapshot::numbering()` requires.
    (result, table.numbering())
}
