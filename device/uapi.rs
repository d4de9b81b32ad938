// SPDX-License-Identifier: GPL-2.0

//! The structures and numbers of the ioctls. The header documents them.
//!
//! The checks below ensure that no structure has padding and that 32-bit callers use the same
//! layout.
//!
//! C header: `include/uapi/rust_rcu_demo.h`

use core::mem::{offset_of, size_of};

/// `RUST_RCU_DEMO_VERSION`.
pub(crate) const VERSION: u32 = 3;

/// `RUST_RCU_DEMO_FEATURE_*`: lookup, update, stats, transaction, reload, poll, types, monitor,
/// wait, unchanged, dump, numbers, objects, flows.
pub(crate) const FEATURES: u64 = (1 << 14) - 1;

/// `RUST_RCU_DEMO_IOC_MAGIC`.
pub(crate) const MAGIC: u32 = 0xd2;

/// The numbers of the ioctls.
pub(crate) mod number {
    pub(crate) const INFO: u32 = 0;
    pub(crate) const LOOKUP: u32 = 1;
    pub(crate) const UPDATE: u32 = 2;
    pub(crate) const STATS: u32 = 3;
    pub(crate) const BEGIN: u32 = 4;
    pub(crate) const COMMIT: u32 = 5;
    pub(crate) const ABORT: u32 = 6;
    pub(crate) const WAIT: u32 = 7;
    pub(crate) const DUMP: u32 = 8;
    pub(crate) const GET: u32 = 9;
    pub(crate) const ANSWERS: u32 = 10;
    pub(crate) const FILE_STATS: u32 = 11;
    pub(crate) const FLOWS: u32 = 12;
}

/// Address families, as in `AF_*`.
pub(crate) mod family {
    pub(crate) const UNSPEC: u8 = 0;
    pub(crate) const INET: u8 = 2;
    pub(crate) const INET6: u8 = 10;
}

/// Route types, as in `RTN_*`.
pub(crate) mod route_type {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const UNICAST: u8 = 1;
    pub(crate) const LOCAL: u8 = 2;
    pub(crate) const BLACKHOLE: u8 = 6;
    pub(crate) const UNREACHABLE: u8 = 7;
    pub(crate) const PROHIBIT: u8 = 8;
    pub(crate) const THROW: u8 = 9;
    pub(crate) const OBJECT: u8 = 128;
}

/// Verbs of operations.
pub(crate) mod verb {
    pub(crate) const ADD: u32 = 1;
    pub(crate) const CHANGE: u32 = 2;
    pub(crate) const REPLACE: u32 = 3;
    pub(crate) const DEL: u32 = 4;
    pub(crate) const FLUSH: u32 = 5;
}

/// `RUST_RCU_DEMO_DEL_METRIC`.
pub(crate) const DEL_METRIC: u32 = 1 << 0;
/// `RUST_RCU_DEMO_UPDATE_ATOMIC`.
pub(crate) const UPDATE_ATOMIC: u32 = 1 << 0;
/// `RUST_RCU_DEMO_BEGIN_RELOAD`.
pub(crate) const BEGIN_RELOAD: u32 = 1 << 0;

/// `RUST_RCU_DEMO_LOOKUP_NUMBERS`.
pub(crate) const LOOKUP_NUMBERS: u32 = 1 << 0;
/// `RUST_RCU_DEMO_KEY_METRIC`.
pub(crate) const KEY_METRIC: u8 = 1 << 0;
/// `RUST_RCU_DEMO_DUMP_PREFIX`.
pub(crate) const DUMP_PREFIX: u32 = 1 << 0;

/// `RUST_RCU_DEMO_WAIT_TIMEOUT`.
pub(crate) const WAIT_TIMEOUT: u32 = 1 << 0;

/// `struct rust_rcu_demo_address`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Address {
    pub(crate) family: u8,
    pub(crate) reserved: [u8; 3],
    pub(crate) bytes: [u8; 16],
}

/// `struct rust_rcu_demo_route`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Route {
    pub(crate) dst: Address,
    pub(crate) prefix_len: u8,
    pub(crate) route_type: u8,
    pub(crate) reserved: u16,
    pub(crate) metric: u32,
    pub(crate) gateway: Address,
    pub(crate) dev: [u8; 16],
}

/// `struct rust_rcu_demo_info`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Info {
    pub(crate) version: u32,
    pub(crate) reserved: u32,
    pub(crate) features: u64,
    pub(crate) max_lookups: u32,
    pub(crate) max_operations: u32,
    pub(crate) max_transaction: u32,
    pub(crate) reserved2: u32,
}

/// `struct rust_rcu_demo_lookup`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Lookup {
    pub(crate) addresses: u64,
    pub(crate) routes: u64,
    pub(crate) count: u32,
    pub(crate) done: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
    pub(crate) generation: u64,
    pub(crate) numbering: u64,
}

/// `struct rust_rcu_demo_answers`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Answers {
    pub(crate) numbers: u64,
    pub(crate) routes: u64,
    pub(crate) count: u32,
    pub(crate) done: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
    pub(crate) numbering: u64,
}

/// `struct rust_rcu_demo_key`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Key {
    pub(crate) dst: Address,
    pub(crate) prefix_len: u8,
    pub(crate) flags: u8,
    pub(crate) reserved: u16,
    pub(crate) metric: u32,
}

/// `struct rust_rcu_demo_dump`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Dump {
    pub(crate) routes: u64,
    pub(crate) count: u32,
    pub(crate) done: u32,
    pub(crate) flags: u32,
    pub(crate) more: u32,
    pub(crate) select: Key,
    pub(crate) after: Key,
    pub(crate) generation: u64,
    pub(crate) latest: u64,
}

/// `struct rust_rcu_demo_get`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Get {
    pub(crate) keys: u64,
    pub(crate) routes: u64,
    pub(crate) count: u32,
    pub(crate) done: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
}

/// `struct rust_rcu_demo_file_stats`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct FileStats {
    pub(crate) lookups: u64,
    pub(crate) routes: u64,
    pub(crate) changes: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
}

/// `struct rust_rcu_demo_operation`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Operation {
    pub(crate) verb: u32,
    pub(crate) flags: u32,
    pub(crate) route: Route,
}

/// `struct rust_rcu_demo_update`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Update {
    pub(crate) operations: u64,
    pub(crate) count: u32,
    pub(crate) flags: u32,
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) error: u32,
    pub(crate) reserved: u32,
}

/// `struct rust_rcu_demo_begin`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Begin {
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
}

/// `struct rust_rcu_demo_commit`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Commit {
    pub(crate) flags: u32,
    pub(crate) failed: u32,
    pub(crate) error: u32,
    pub(crate) reserved: u32,
}

/// `struct rust_rcu_demo_stats`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Stats {
    pub(crate) routes_inet: u64,
    pub(crate) routes_inet6: u64,
    pub(crate) next_hops: u64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) generation: u64,
    pub(crate) retired_objects: u64,
    pub(crate) retired_bytes: u64,
    pub(crate) reclaimed_objects: u64,
    pub(crate) next_hop_bytes: u64,
    pub(crate) copied_bytes: u64,
    pub(crate) unchanged: u64,
    pub(crate) nexthop_objects: u64,
}

/// `struct rust_rcu_demo_wait`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Wait {
    pub(crate) generation: u64,
    pub(crate) timeout_ms: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: u64,
}

/// `struct rust_rcu_demo_flow`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Flow {
    pub(crate) address: Address,
    pub(crate) hash: u32,
}

/// `struct rust_rcu_demo_flows`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Flows {
    pub(crate) flows: u64,
    pub(crate) routes: u64,
    pub(crate) count: u32,
    pub(crate) done: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
}

// The layout of the header.
const _: () = {
    assert!(size_of::<Address>() == 20);
    assert!(offset_of!(Address, bytes) == 4);
    assert!(size_of::<Route>() == 64);
    assert!(offset_of!(Route, metric) == 24);
    assert!(offset_of!(Route, dev) == 48);
    assert!(size_of::<Info>() == 32);
    assert!(offset_of!(Info, features) == 8);
    assert!(size_of::<Lookup>() == 48);
    assert!(offset_of!(Lookup, flags) == 24);
    assert!(size_of::<Answers>() == 40);
    assert!(size_of::<Key>() == 28);
    assert!(offset_of!(Key, metric) == 24);
    assert!(size_of::<Dump>() == 96);
    assert!(offset_of!(Dump, after) == 52);
    assert!(size_of::<Get>() == 32);
    assert!(size_of::<FileStats>() == 40);
    assert!(size_of::<Operation>() == 72);
    assert!(offset_of!(Operation, route) == 8);
    assert!(size_of::<Update>() == 32);
    assert!(offset_of!(Update, error) == 24);
    assert!(size_of::<Begin>() == 8);
    assert!(size_of::<Commit>() == 16);
    assert!(size_of::<Stats>() == 104);
    assert!(size_of::<Wait>() == 24);
    assert!(size_of::<Flow>() == 24);
    assert!(offset_of!(Flow, hash) == 20);
    assert!(size_of::<Flows>() == 32);
    assert!(offset_of!(Flows, flags) == 24);
    assert!(offset_of!(Wait, flags) == 12);
};
