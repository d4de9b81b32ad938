// SPDX-License-Identifier: GPL-2.0

//! The part of `include/uapi/rust_rcu_demo.h` that this program uses. The header documents it.

use std::mem::{offset_of, size_of};

use nix::libc;

pub const AF_UNSPEC: u8 = libc::AF_UNSPEC as u8;
pub const AF_INET: u8 = libc::AF_INET as u8;
pub const AF_INET6: u8 = libc::AF_INET6 as u8;

pub const TYPE_NONE: u8 = 0;
pub const TYPE_UNICAST: u8 = 1;
pub const TYPE_BLACKHOLE: u8 = 6;
pub const TYPE_UNREACHABLE: u8 = 7;
pub const TYPE_PROHIBIT: u8 = 8;
pub const TYPE_THROW: u8 = 9;
pub const TYPE_LOCAL: u8 = 2;

pub const FEATURE_LOOKUP: u64 = 1 << 0;
pub const FEATURE_UPDATE: u64 = 1 << 1;
pub const FEATURE_DUMP: u64 = 1 << 10;

pub const ADD: u32 = 1;
pub const CHANGE: u32 = 2;
pub const REPLACE: u32 = 3;
pub const DEL: u32 = 4;
pub const FLUSH: u32 = 5;

pub const DEL_METRIC: u32 = 1 << 0;

pub const DEV_SIZE: usize = 16;
pub const IOC_MAGIC: u8 = 0xD2;
pub const IOC_INFO: u8 = 0;
pub const IOC_LOOKUP: u8 = 1;
pub const IOC_UPDATE: u8 = 2;
pub const IOC_COMMIT: u8 = 5;
pub const IOC_DUMP: u8 = 8;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub family: u8,
    pub reserved: [u8; 3],
    pub bytes: [u8; 16],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    pub dst: Address,
    pub prefix_len: u8,
    pub kind: u8,
    pub reserved: u16,
    pub metric: u32,
    pub gateway: Address,
    pub dev: [u8; DEV_SIZE],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    pub version: u32,
    pub reserved: u32,
    pub features: u64,
    pub max_lookups: u32,
    pub max_operations: u32,
    pub max_transaction: u32,
    pub reserved2: u32,
}

#[repr(C)]
#[derive(Debug, Default)]
pub struct Lookup {
    pub addresses: u64,
    pub routes: u64,
    pub count: u32,
    pub done: u32,
    pub flags: u32,
    pub reserved: u32,
    pub generation: u64,
    pub numbering: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    pub verb: u32,
    pub flags: u32,
    pub route: Route,
}

#[repr(C)]
#[derive(Debug, Default)]
pub struct Update {
    pub operations: u64,
    pub count: u32,
    pub flags: u32,
    pub done: u32,
    pub failed: u32,
    pub error: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Debug, Default)]
pub struct Commit {
    pub flags: u32,
    pub failed: u32,
    pub error: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    pub dst: Address,
    pub prefix_len: u8,
    pub flags: u8,
    pub reserved: u16,
    pub metric: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Dump {
    pub routes: u64,
    pub count: u32,
    pub done: u32,
    pub flags: u32,
    pub more: u32,
    pub select: Key,
    pub after: Key,
    pub generation: u64,
    pub latest: u64,
}

// As in the header, all padding is explicit.
const _: () = assert!(size_of::<Address>() == 20);
const _: () = assert!(size_of::<Route>() == 64);
const _: () = assert!(offset_of!(Route, metric) == 24 && offset_of!(Route, dev) == 48);
const _: () = assert!(size_of::<Info>() == 32 && offset_of!(Info, max_lookups) == 16);
const _: () = assert!(size_of::<Lookup>() == 48 && offset_of!(Lookup, count) == 16);
const _: () = assert!(size_of::<Operation>() == 72 && offset_of!(Operation, route) == 8);
const _: () = assert!(size_of::<Update>() == 32 && offset_of!(Update, count) == 8);
const _: () = assert!(size_of::<Commit>() == 16);
const _: () = assert!(size_of::<Key>() == 28 && offset_of!(Key, metric) == 24);
const _: () = assert!(size_of::<Dump>() == 96 && offset_of!(Dump, after) == 52);
