// SPDX-License-Identifier: GPL-2.0

//! DPDK's tables, called through `c/dpdk.c`.

use std::ffi::{c_char, c_int, CString};
use std::marker::PhantomData;
use std::ptr::NonNull;

use anyhow::{ensure, Context, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::address::Address;
use crate::input::{Entry, Input};
use crate::peer::{LookupMode, Peer};
use crate::readers;

/// The spare capacity of a table, for updates.
const SPARE: usize = 1024;

/// A table of DPDK, opaque in Rust.
#[repr(C)]
struct Table {
    opaque: [u8; 0],
}

/// Defines a kind of table by the names of its C functions.
macro_rules! functions {
    ($name:ident: $text:literal, $address:ty, $tbl8s:ident $new:ident $free:ident $add:ident $delete:ident
     $single:ident $bulk:ident $next_hops:ident $ticks:ident) => {
        extern "C" {
            fn $new(routes: u32, tbl8s: u32) -> *mut Table;
            fn $free(table: *mut Table);
            fn $add(table: *mut Table, address: *const $address, len: u8, hop: u32) -> c_int;
            fn $delete(table: *mut Table, address: *const $address, len: u8) -> c_int;
            fn $single(
                table: *mut Table,
                addresses: *const $address,
                count: usize,
                is_dependent: c_int,
            ) -> u64;
            fn $bulk(table: *mut Table, addresses: *const $address, count: usize) -> u64;
            fn $next_hops(
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
            tbl8s: Input::$tbl8s,
            new: $new,
            free: $free,
            add: $add,
            delete: $delete,
            single: $single,
            bulk: $bulk,
            next_hops: $next_hops,
            ticks: $ticks,
        };
    };
}

/// The C functions of a kind of table.
pub struct Functions<A> {
    name: &'static str,
    /// The number of tbl8s that the table needs.
    tbl8s: fn(&Input<A>) -> usize,
    new: unsafe extern "C" fn(u32, u32) -> *mut Table,
    free: unsafe extern "C" fn(*mut Table),
    add: unsafe extern "C" fn(*mut Table, *const A, u8, u32) -> c_int,
    delete: unsafe extern "C" fn(*mut Table, *const A, u8) -> c_int,
    single: unsafe extern "C" fn(*mut Table, *const A, usize, c_int) -> u64,
    bulk: unsafe extern "C" fn(*mut Table, *const A, usize) -> u64,
    next_hops: unsafe extern "C" fn(*mut Table, *const A, usize, *mut u32),
    ticks: unsafe extern "C" fn(*mut Table, *const A, usize, *mut u32),
}

functions!(RTE_LPM: "rte_lpm", u32, tbl8s peers_lpm_new peers_lpm_free peers_lpm_add peers_lpm_delete
    peers_lpm_single peers_lpm_bulk peers_lpm_next_hops peers_lpm_ticks);
functions!(RTE_FIB: "rte_fib", u32, tbl8s peers_fib_new peers_fib_free peers_fib_add peers_fib_delete
    peers_fib_single peers_fib_bulk peers_fib_next_hops peers_fib_ticks);
functions!(RTE_FIB6: "rte_fib6", [u8; 16], reserved_tbl8s peers_fib6_new peers_fib6_free peers_fib6_add peers_fib6_delete
    peers_fib6_single peers_fib6_bulk peers_fib6_next_hops peers_fib6_ticks);

extern "C" {
    fn peers_eal_init(cpu: *const c_char) -> c_int;
    fn peers_heap_bytes() -> u64;
}

/// Starts DPDK. Call it once, before any other function of DPDK.
pub fn start() -> Result<()> {
    let cpu = *readers::cpus()?.first().context("no CPU")?;
    let cpu = CString::new(cpu.to_string())?;
    // DPDK binds the calling thread to a CPU.
    let before = sched_getaffinity(Pid::from_raw(0))?;
    // SAFETY: `cpu` is a C string, which DPDK copies. No other thread uses DPDK.
    let status = unsafe { peers_eal_init(cpu.as_ptr()) };
    sched_setaffinity(Pid::from_raw(0), &before)?;
    ensure!(status == 0, "DPDK does not start: error {}", -status);
    Ok(())
}

/// The bytes in use of DPDK's heap.
pub fn heap_bytes() -> u64 {
    // SAFETY: The function has no arguments and only reads DPDK's statistics.
    unsafe { peers_heap_bytes() }
}

/// A table of DPDK.
///
/// # Invariants
///
/// `functions.new` returned `table`, and this object owns it.
pub struct Dpdk<A: 'static> {
    functions: &'static Functions<A>,
    table: NonNull<Table>,
    addresses: PhantomData<fn(A)>,
}

// SAFETY: Functions that take `&self` only read the table, which DPDK allows from any thread.
unsafe impl<A> Sync for Dpdk<A> {}

impl<A: Address> Dpdk<A> {
    pub fn new(functions: &'static Functions<A>, input: &Input<A>) -> Result<Self> {
        let routes = input.entries.len() + SPARE;
        let tbl8s = (functions.tbl8s)(input);
        // The number that DPDK reserves depends on the order of updates.
        let tbl8s = tbl8s + tbl8s / 16 + SPARE;
        // SAFETY: The arguments are numbers. Before `start()`, DPDK returns an error.
        let table = unsafe { (functions.new)(routes as u32, tbl8s as u32) };
        let table =
            NonNull::new(table).with_context(|| format!("no memory for {}", functions.name))?;
        // INVARIANT: `functions.new` has just returned `table`.
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
        // SAFETY: By the invariant, `table` is valid for `functions`, and this object owns it.
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

    fn supports_concurrent_readers(&self) -> bool {
        // rte_lpm has the data structure of rte_fib, so one of them is enough.
        self.functions.name != RTE_LPM.name
    }

    fn add(&mut self, entry: &Entry<A>) -> Result<()> {
        let Entry { address, len, hop } = entry;
        // SAFETY: By the invariant, `table` is valid for `functions`. C only reads the address,
        // which is valid.
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
        // SAFETY: By the invariant, `table` is valid for `functions`. C only reads the address,
        // which is valid.
        let status = unsafe { (self.functions.delete)(self.table.as_ptr(), address, *len) };
        ensure!(
            status == 0,
            "{}: deleting {entry}: {status}",
            self.functions.name
        );
        Ok(())
    }

    fn next_hops(&self, addresses: &[A], hops: &mut [u32]) {
        let count = addresses.len().min(hops.len());
        let (table, functions) = (self.table.as_ptr(), self.functions);
        // SAFETY: By the invariant, `table` is valid for `functions`. Both slices have at least
        // `count` elements.
        unsafe { (functions.next_hops)(table, addresses.as_ptr(), count, hops.as_mut_ptr()) };
    }

    fn pass(&self, mode: LookupMode, addresses: &[A]) -> u64 {
        let (table, functions) = (self.table.as_ptr(), self.functions);
        let (first, count) = (addresses.as_ptr(), addresses.len());
        if mode == LookupMode::Bulk {
            // SAFETY: By the invariant, `table` is valid for `functions`. `addresses` has `count`
            // elements.
            return unsafe { (functions.bulk)(table, first, count) };
        }
        let is_dependent = c_int::from(mode == LookupMode::Dependent);
        // SAFETY: By the invariant, `table` is valid for `functions`. `addresses` has `count`
        // elements.
        unsafe { (functions.single)(table, first, count, is_dependent) }
    }

    fn ticks(&self, addresses: &[A], ticks: &mut [u32]) {
        let count = addresses.len().min(ticks.len());
        let (table, functions) = (self.table.as_ptr(), self.functions);
        // SAFETY: By the invariant, `table` is valid for `functions`. Both slices have at least
        // `count` elements.
        unsafe { (functions.ticks)(table, addresses.as_ptr(), count, ticks.as_mut_ptr()) };
    }
}
