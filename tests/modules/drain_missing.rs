// SPDX-License-Identifier: GPL-2.0

//! A module that `module!` declares: its objects are leaked, and unloading it is safe.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use kernel::prelude::*;
use rcu::{Anywhere, CallbackDrain, Rcu, Reclaim, Retired, UniqueRcuBox};

module! {
    type: DrainMissing,
    name: "drain_missing",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: callbacks that nothing waits for",
    license: "GPL",
}

struct Forgotten;

impl Drop for Forgotten {
    fn drop(&mut self) {
        pr_err!("reclaimed, though nothing waits for callbacks\n");
    }
}

impl Reclaim for Forgotten {
    type Context = Anywhere;
}

struct DrainMissing;

impl kernel::Module for DrainMissing {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for end in [Retired::call_rcu, Retired::queue_work, drop] {
            let pointer = Rcu::new(UniqueRcuBox::new(Forgotten, GFP_KERNEL)?);
            if let Some(old) = pointer.replace(None) {
                end(old);
            }
        }
        if CallbackDrain::new().is_ok() {
            pr_err!("reclaimed, though the drain may be forgotten\n");
        }
        Ok(Self)
    }
}
