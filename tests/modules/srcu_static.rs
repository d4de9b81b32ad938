// SPDX-License-Identifier: GPL-2.0

//! The domain of `srcu.rs` belongs to a `static`. Unload waits for the callbacks.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
mod srcu;
pub use project::rcu;

use kernel::prelude::*;
// A module may import the macro into its root.
use rcu::{new_srcu, Rcu};

rcu::drained_module! {
    type: SrcuStatic,
    name: "srcu_static",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: an SRCU domain that is never dropped",
    license: "GPL",
}

static HOLDER: Rcu<srcu::Holder> = Rcu::null();

struct SrcuStatic;

impl kernel::Module for SrcuStatic {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        drop(HOLDER.replace(Some(srcu::Holder::new()?)));
        Ok(Self)
    }
}

impl Drop for SrcuStatic {
    fn drop(&mut self) {
        if srcu::queue(&HOLDER).is_err() {
            pr_err!("no memory\n");
        }
    }
}
