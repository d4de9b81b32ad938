// SPDX-License-Identifier: GPL-2.0

//! Leaks a guard in insmod: grace periods wait until that task ends.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use kernel::prelude::*;

module! {
    type: GuardLeaked,
    name: "guard_leaked",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: a leaked guard",
    license: "GPL",
}

struct GuardLeaked;

impl kernel::Module for GuardLeaked {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        core::mem::forget(rcu::read_lock());
        pr_info!("leaked a guard\n");
        Ok(Self)
    }
}

impl Drop for GuardLeaked {
    fn drop(&mut self) {
        rcu::synchronize();
        pr_info!("a grace period has passed since\n");
    }
}
