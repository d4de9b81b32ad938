// SPDX-License-Identifier: GPL-2.0

//! DPDK's tables, by way of `c/dpdk.c`.

use std::ffi::{c_char, c_int, CString};
use std::marker::PhantomData;
use std::ptr::NonNull;

use anyhow::{ensure, Context, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::address::Address;
use crate::crew;
use crate::input::{Entry, Input};
use crate::peer::{Peer, Way};

/// Places for what is added later.
const SPARE: usize = 1024;

/// One of DPDK's tables; only C looks inside.
#[repr(C)]
struct Table {
    opaque: [u8; 0],
}

/// Defines a kind of table by its functions' names in C.
macro_rules! functions {
    ($name:ident: $text:literal, $address:ty, $blocks:ident $new:ident $free:ident $add:ident $delete:ident
     $one:ident $bulk:ident $answers:ident $ticks:ident) => {
        extern "C" {
            fn $new(routes: u32, tbl8s: u32) -> *mut Table;
            fn $free(table: *mut Table);
            fn $add(table: *mut Table, address: *const $address, len: u8, hop: u32) -> c_int;
            fn $delete(table: *mut Table, address: *const $address, len: u8) -> c_int;
            fn $one(
                table: *mut Table,
                addresses: *const $address,
                count: usize,
                chained: c_int,
            ) -> u64;
            fn $bulk(table: *mut Table, addresses: *const $address, count: usize) -> u64;
            fn $answers(
                table: *mut Table,
                addresses: *const $address,
                count: usize,
                hops: *mut u32,
            );
            fn $ticks(table: *mut Table, addresses: *const $address, count: usize, ticks: *mut u32);
        }

        #[doc = concat!("`", $text, "`.")]
        pub static $name: Functions<$address> = Functions {
            name: $text,
            blocks: Input::$blocks,
            new: $new,
            free: $free,
            add: $add,
            delete: $delete,
            one: $one,
            bulk: $bulk,
            answers: $answers,
            ticks: $ticks,
        };
    };
}

/// What C has for a kind of table.
pub struct Functions<A> {
    name: &'static str,
    /// How many blocks of 256 it needs behind the first level.
    blocks: fn(&Input<A>) -> usize,
    new: unsafe extern "C" fn(u32, u32) -> *mut Table,
    free: unsafe extern "C" fn(*mut Table),
    add: unsafe extern "C" fn(*mut Table, *const A, u8, u32) -> c_int,
    delete: unsafe extern "C" fn(*mut Table, *const A, u8) -> c_int,
    one: unsafe extern "C" fn(*mut Table, *const A, usize, c_int) -> u64,
    bulk: unsafe extern "C" fn(*mut Table, *const A, usize) -> u64,
    answers: unsafe extern "C" fn(*mut Table, *const A, usize, *mut u32),
    ticks: unsafe extern "C" fn(*mut Table, *const A, usize, *mut u32),
}

functions!(RTE_LPM: "rte_lpm", u32, blocks peers_lpm_new peers_lpm_free peers_lpm_add peers_lpm_delete
    peers_lpm_one peers_lpm_bulk peers_lpm_answers peers_lpm_ticks);
functions!(RTE_FIB: "rte_fib", u32, blocks peers_fib_new peers_fib_free peers_fib_add peers_fib_delete
    peers_fib_one peers_fib_bulk peers_fib_answers peers_fib_ticks);
functions!(RTE_FIB6: "rte_fib6", [u8; 16], reserved_blocks peers_fib6_new peers_fib6_free peers_fib6_add peers_fib6_delete
    peers_fib6_one peers_fib6_bulk peers_fib6_answers peers_fib6_ticks);

extern "C" {
    fn peers_eal_init(cpu: *const c_char) -> c_int;
    fn peers_heap_bytes() -> u64;
}

/// Starts DPDK, once and before any of its tables.
pub fn start() -> Result<()> {
    let cpu = *crew::processors()?.first().context("no processor")?;
    let cpu = CString::new(cpu.to_string())?;
    // DPDK binds the thread that starts it to a processor.
    let before = sched_getaffinity(Pid::from_raw(0))?;
    // SAFETY: A string of C that DPDK copies, and no other thread uses DPDK.
    let status = unsafe { peers_eal_init(cpu.as_ptr()) };
    sched_setaffinity(Pid::from_raw(0), &before)?;
    ensure!(status == 0, "DPDK does not start: error {}", -status);
    Ok(())
}

/// Bytes in use of DPDK's heap.
pub fn heap_bytes() -> u64 {
    // SAFETY: It only asks.
    unsafe { peers_heap_bytes() }
}

/// A table.
///
/// # Invariants
///
/// `table` is one that `functions.new` made and that nobody else has.
pub struct Dpdk<A: 'static> {
    functions: &'static Functions<A>,
    table: NonNull<Table>,
    addresses: PhantomData<fn(A)>,
}

// SAFETY: Functions that take `&self` only read the table; any thread may do that.
unsafe impl<A> Sync for Dpdk<A> {}

impl<A: Address> Dpdk<A> {
    /// One with these prefixes.
    pub fn new(functions: &'static Functions<A>, input: &Input<A>) -> Result<Self> {
        let routes = input.entries.len() + SPARE;
        let blocks = (functions.blocks)(input);
        // What is reserved depends on the order of changes.
        let blocks = blocks + blocks / 16 + SPARE;
        // SAFETY: DPDK was started, or it says that it was not.
        let table = unsafe { (functions.new)(routes as u32, blocks as u32) };
        let table =
            NonNull::new(table).with_context(|| format!("no memory for {}", functions.name))?;
        // INVARIANT: Just made.
        let mut dpdk = Self {
            functions,
            table,
            addresses: PhantomData,
        };
        for entry in &input.entries {
            dpdk.add(entry)?;
        }
        Ok(dpdk)
    }
}

impl<A> Drop for Dpdk<A> {
    fn drop(&mut self) {
        // SAFETY: By the invariant it is a table of this kind, and nobody else has it.
        unsafe { (self.functions.free)(self.table.as_ptr()) };
    }
}

impl<A: Address> Peer<A> for Dpdk<A> {
    fn name(&self) -> &'static str {
        self.functions.name
    }

    fn has_bulk(&self) -> bool {
        true
    }

    fn has_crowds(&self) -> bool {
        // The first level and the blocks of rte_lpm are those of rte_fib.
        self.functions.name != RTE_LPM.name
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let Entry { address, len, hop } = entry;
        // SAFETY: By the invariant it is a table of this kind; the address is only read.
        let status = unsafe { (self.functions.add)(self.table.as_ptr(), address, *len, *hop) };
        ensure!(
            status == 0,
            "{}: adding {entry}: {status}",
            self.functions.name
        );
        Ok(())
    }

    fn delete(&mut self, entry: &Entry<A>) -> Result<()> {
        let Entry { address, len, .. } = entry;
        // SAFETY: As in `add()`.
        let status = unsafe { (self.functions.delete)(self.table.as_ptr(), address, *len) };
        ensure!(
            status == 0,
            "{}: deleting {entry}: {status}",
            self.functions.name
        );
        Ok(())
    }

    fn answers(&self, addresses: &[A], hops: &mut [u32]) {
        let count = addresses.len().min(hops.len());
        let (table, functions) = (self.table.as_ptr(), self.functions);
        // SAFETY: By the invariant it is a table of this kind; both have at least so many elements.
        unsafe { (functions.answers)(table, addresses.as_ptr(), count, hops.as_mut_ptr()) };
    }

    fn pass(&self, way: Way, addresses: &[A]) -> u64 {
        let (table, functions) = (self.table.as_ptr(), self.functions);
        let (first, count) = (addresses.as_ptr(), addresses.len());
        match way {
            // SAFETY: By the invariant it is a table of this kind; there are so many addresses.
            Way::One | Way::Chained => unsafe {
                (functions.one)(table, first, count, c_int::from(way == Way::Chained))
            },
            // SAFETY: As above.
            Way::Bulk => unsafe { (functions.bulk)(table, first, count) },
        }
    }

    fn ticks(&self, addresses: &[A], ticks: &mut [u32]) {
        let count = addresses.len().min(ticks.len());
        let (table, functions) = (self.table.as_ptr(), self.functions);
        // SAFETY: By the invariant it is a table of this kind; both have at least so many elements.
        unsafe { (functions.ticks)(table, addresses.as_ptr(), count, ticks.as_mut_ptr()) };
    }
}
