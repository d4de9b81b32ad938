// SPDX-License-Identifier: GPL-2.0

//! RCU in safe Rust, and a route table built on it.
//!
//! | module | content |
//! |---|---|
//! | [`rcu`] | safe abstractions over the kernel's RCU |
//! | [`rcu_table`] | a longest-prefix-match route table built on them |
//! | [`device`] | the table as `/dev/rust_rcu_demo` |
//! | [`torture`] | tests that grace periods wait for all readers |
//! | [`stall`] | provokes RCU stalls and misuse on demand |
//! | [`scale`] | measures readers, lookups, updates and grace periods |
//! | [`lab`] | the job control and the knobs that torture, stall and scale share |
//! | [`kernel_ext`] | wrappers that the kernel crate lacks |

#![deny(unsafe_code)]

use kernel::{prelude::*, sync::Arc};
use kernel_ext::params::{names, parameter, Choice};
use lab::control::Registration;
use rcu_table::{ReclaimMode, Settings, Table};

mod device;
pub mod kernel_ext;
mod lab;
pub mod rcu;
pub mod rcu_table;
mod scale;
mod stall;
mod torture;

rcu::drained_module! {
    type: RustRcuDemo,
    drains: [kernel_ext::kthread],
    name: "rust_rcu_demo",
    authors: ["The rust_rcu_demo maintainers"],
    description: "RCU in safe Rust: abstractions, and a route table built on them",
    license: "GPL",
}
kernel_ext::version::module_version!("0.1.0");

/// The table's settings, which the parameters below change.
static SETTINGS: Settings = Settings::new();

impl Choice for ReclaimMode {
    const ALL: &'static [Self] = &Self::ALL;
    const NAMES: &'static [&'static str] = &names!(ReclaimMode::ALL, |mode| mode.name());

    fn name(self) -> &'static str {
        self.name()
    }
}

parameter! {
    reclaim: ReclaimMode, default "call", "How replaced memory is reclaimed",
    show: SETTINGS.reclaim().name(),
    set: |mode| {
        SETTINGS.set_reclaim(mode);
        Ok(())
    },
}

parameter! {
    reclaim_max_kb: u32, unit "KiB", default "65536",
    "Retired memory at which updaters wait for reclaim; 0: they wait after each change",
    show: SETTINGS.reclaim_max_kb(),
    set: |kb| {
        SETTINGS.set_reclaim_max_kb(kb);
        Ok(())
    },
}

parameter! {
    max_routes: usize, default "16777216",
    "Maximum number of routes; a lower value keeps the present routes",
    show: SETTINGS.max_routes(),
    set: |routes| {
        SETTINGS.set_max_routes(routes);
        Ok(())
    },
}

/// The module. Unload drops the fields in order. It ends a stall first, because dropping the other
/// fields may wait for the stall. Then it waits for all threads, then for all callbacks.
#[pin_data]
struct RustRcuDemo {
    stall: Registration<stall::Stall>,
    scale: scale::Registration,
    #[pin]
    device: device::Registration,
    torture: Registration<torture::Run>,
}

impl kernel::InPlaceModule for RustRcuDemo {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let table = Arc::pin_init(Table::with_settings(&SETTINGS), GFP_KERNEL);
        try_pin_init!(Self {
            stall: stall::CONTROL.register()?,
            torture: torture::CONTROL.register()?,
            scale: scale::Registration::new(table.clone()?)?,
            device <- device::Registration::new(module, table?),
        })
    }
}
