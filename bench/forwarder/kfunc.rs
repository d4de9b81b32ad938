// SPDX-License-Identifier: GPL-2.0

//! The lookup behind the kfunc of `kfunc.c`.

use crate::rcu_table::{read_lock, NextHop, Table};
use core::{
    ffi::c_int,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{bindings, error::to_result, prelude::*, sync::Arc};

/// The table that the kfunc asks. Null before the registration and after its drop.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// `struct route_xdp_hop` of `kfunc.h`.
#[repr(C)]
pub(crate) struct Hop {
    gateway: [u8; 16],
    name: [u8; 16],
    ifindex: u32,
    family: u32,
}

extern "C" {
    fn route_xdp_register() -> c_int;
}

/// The registered kfunc. Drop takes the table from it; the kernel itself removes the kfunc.
pub(crate) struct Registration {
    _table: Arc<Table>,
}

impl Registration {
    /// Registers the kfunc for XDP programs, which then search `table`.
    ///
    /// Errors: those of `register_btf_kfunc_id_set()`, such as `ENOMEM`. It succeeds in a module
    /// without BTF and logs "missing module BTF": then programs that call the kfunc do not load.
    pub(crate) fn new(table: Arc<Table>) -> Result<Self> {
        TABLE.store(ptr::from_ref(&*table).cast_mut(), Ordering::Release);
        let this = Self { _table: table };
        // SAFETY: The function takes no arguments, and this is the module's init. It registers a
        // static of this module.
        to_result(unsafe { route_xdp_register() })?;
        Ok(this)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // A loaded program that calls the kfunc holds a reference to the module, so none runs now.
        // ORDERING: Relaxed, because no reader is left.
        TABLE.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

impl Hop {
    /// Returns the answer for a next hop; `None` if it does not forward packets.
    fn of(next_hop: NextHop) -> Option<Self> {
        let (gateway, device) = match next_hop {
            NextHop::Via(gateway, device) => (Some(gateway), device),
            NextHop::Dev(device) => (None, Some(device)),
            _ => return None,
        };
        let mut hop = Self {
            gateway: [0; 16],
            name: [0; 16],
            ifindex: 0,
            family: 0,
        };
        match gateway {
            Some(IpAddr::V4(gateway)) => {
                hop.gateway[..4].copy_from_slice(&gateway.octets());
                hop.family = AF_INET;
            }
            Some(IpAddr::V6(gateway)) => {
                hop.gateway = gateway.octets();
                hop.family = AF_INET6;
            }
            None => (),
        }
        if let Some(device) = device {
            // A name has at most 15 bytes, so a zero follows it.
            let name = device.as_str().as_bytes();
            hop.name[..name.len()].copy_from_slice(name);
        }
        Some(hop)
    }
}

fn unreachable() -> Error {
    Error::from_errno(-(bindings::ENETUNREACH as c_int))
}

fn find(bytes: &[u8]) -> Result<Hop> {
    let address = address(bytes).ok_or(EINVAL)?;
    let guard = read_lock();
    let table = TABLE.load(Ordering::Acquire);
    // SAFETY: The pointer is null or that of a live table: a `Registration` owns the table. The
    // calling program holds a reference to the module, and only the module's exit drops the
    // `Registration`.
    let table = unsafe { table.as_ref() }.ok_or(ENODEV)?;
    let next_hop = table.next_hop(address, &guard);
    next_hop.and_then(Hop::of).ok_or_else(unreachable)
}

/// Finds the next hop for packets to an address of `size` bytes. `kfunc.c` calls it.
///
/// # Safety
///
/// `address` is valid for reads of `size` bytes if `size` is 4 or 16. `hop` is valid for a write.
#[no_mangle]
unsafe extern "C" fn route_xdp_find(address: *const u8, size: u32, hop: *mut Hop) -> c_int {
    // The verifier accepts a null pointer if the size is zero, but a slice must not be null.
    if !matches!(size, 4 | 16) {
        return EINVAL.to_errno();
    }
    // SAFETY: By this function's requirement.
    let bytes = unsafe { slice::from_raw_parts(address, size as usize) };
    match find(bytes) {
        Ok(found) => {
            // SAFETY: By this function's requirement.
            unsafe { hop.write(found) };
            0
        }
        Err(error) => error.to_errno(),
    }
}
