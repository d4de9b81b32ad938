// SPDX-License-Identifier: GPL-2.0

//! The route table and the device of the main module, with a kfunc for XDP programs, and without
//! torture, stalls and scale. Both modules create the same device node, so only one of them can be
//! loaded.

#![deny(unsafe_code)]

use kernel::{prelude::*, sync::Arc};
use rcu_table::{Settings, Table};

mod device;
/// The wrappers that the device uses.
mod kernel_ext {
    pub(crate) mod mutex;
    pub(crate) mod poll_queue;
    pub(crate) mod sched;
    pub(crate) mod signal;
    pub(crate) mod wakeup;
}
#[expect(unsafe_code, reason = "C calls it with pointers")]
mod kfunc;
pub mod rcu;
pub mod rcu_table;

rcu::drained_module! {
    type: RouteXdp,
    name: "route_xdp",
    authors: ["The rust_rcu_demo maintainers"],
    description: "A route table that XDP programs ask",
    license: "GPL",
}

/// The table's settings: the defaults.
static SETTINGS: Settings = Settings::new();

/// The module. Unload drops the fields in order.
#[pin_data]
struct RouteXdp {
    kfunc: kfunc::Registration,
    #[pin]
    device: device::Registration,
}

impl kernel::InPlaceModule for RouteXdp {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
        try_pin_init!(Self {
            kfunc: kfunc::Registration::new(table.clone()?)?,
            device <- device::Registration::new(module, table?),
        })
    }
}
