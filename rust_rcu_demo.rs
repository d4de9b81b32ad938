// SPDX-License-Identifier: GPL-2.0

//! RCU in safe Rust, and a route table that lives by it.
//!
//! - [`rcu`]: safe abstractions over the kernel's RCU.
//! - [`rcu_table`]: a longest-prefix-match table on top of them.
//! - [`device`]: the table as `/dev/rust_rcu_demo`.

use kernel::{prelude::*, sync::Arc};

mod device;
pub mod rcu;
pub mod rcu_table;
mod sched;

module! {
    type: RustRcuDemo,
    name: "rust_rcu_demo",
    authors: ["The rust_rcu_demo maintainers"],
    description: "RCU in safe Rust: abstractions and a route table that lives by them",
    license: "GPL",
}

/// The module. Fields are dropped in order: no new users, then the table, then its callbacks.
#[pin_data]
struct RustRcuDemo {
    #[pin]
    device: device::Registration,
    drain: rcu::CallbackDrain,
}

impl kernel::InPlaceModule for RustRcuDemo {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // The drain comes first, so that it is passed as well when a later step fails.
        try_pin_init!(Self {
            drain: rcu::CallbackDrain::new(),
            device <- {
                let table = Arc::pin_init(rcu_table::Table::new(), GFP_KERNEL)?;
                device::Registration::new(module, table)
            },
        })
    }
}
