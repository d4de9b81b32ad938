// SPDX-License-Identifier: GPL-2.0

//! RCU in safe Rust, and a route table that lives by it.
//!
//! - [`rcu`]: safe abstractions over the kernel's RCU.
//! - [`rcu_table`]: a longest-prefix-match table on top of them.
//! - [`device`]: the table as `/dev/rust_rcu_demo`.
//! - [`scale`]: measures what readers, lookups, updates and grace periods cost.
//! - [`stall`]: stalls RCU, and misuses it, on demand.
//! - [`torture`]: proves that grace periods hold.
//! - [`params`]: what an administrator sets, as module parameters.

use kernel::{prelude::*, sync::Arc};
use kernel_ext::params::parameter;
use rcu_table::{ReclaimMode, Settings, Table};

mod device;
pub mod kernel_ext;
mod lab;
pub mod rcu;
pub mod rcu_table;
mod scale;
mod stall;
mod torture;

module! {
    type: RustRcuDemo,
    name: "rust_rcu_demo",
    authors: ["The rust_rcu_demo maintainers"],
    description: "RCU in safe Rust: abstractions and a route table that lives by them",
    license: "GPL",
}

/// What the table heeds, as the parameters below have set it.
static SETTINGS: Settings = Settings::new();

parameter! {
    reclaim: "charp", 0o644,
    "How replaced memory is reclaimed: synchronize, expedited, call (default) or kvfree",
    show: SETTINGS.reclaim().name(),
    set: |argument| {
        let mode = argument.choice(&ReclaimMode::ALL, ReclaimMode::name)?;
        SETTINGS.set_reclaim(mode);
        Ok(())
    },
}

parameter! {
    reclaim_max_kb: "uint", 0o644,
    "KiB that may await reclaim before updaters wait for it; 0: for each change (default 65536)",
    show: SETTINGS.reclaim_max_kb(),
    set: |argument| {
        let kb = argument.number(0..=u32::MAX)?;
        SETTINGS.set_reclaim_max_kb(kb);
        Ok(())
    },
}

parameter! {
    max_routes: "ulong", 0o644,
    "Routes that the table may hold; those present stay (default 16777216)",
    show: SETTINGS.max_routes(),
    set: |argument| {
        let routes = argument.number(0..=usize::MAX)?;
        SETTINGS.set_max_routes(routes);
        Ok(())
    },
}

/// The module. Fields are dropped in order: no stall that the rest would wait for, no measurement, no new users, then
/// the table, no threads, then no callbacks.
#[pin_data]
struct RustRcuDemo {
    stall: stall::Registration,
    scale: scale::Registration,
    #[pin]
    device: device::Registration,
    torture: torture::Registration,
    drain: rcu::CallbackDrain,
}

impl kernel::InPlaceModule for RustRcuDemo {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // Nothing is in it that the drain would wait for, if a step fails.
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
        // The drain comes first, so that it is passed as well when a later step fails.
        try_pin_init!(Self {
            drain: rcu::CallbackDrain::new(),
            stall: stall::Registration::new()?,
            torture: torture::Registration::new()?,
            scale: scale::Registration::new(table.clone()?)?,
            device <- device::Registration::new(module, table?),
        })
    }
}
