// SPDX-License-Identifier: GPL-2.0

//! The domain of `srcu.rs` belongs to an object that is leaked, because this module does not wait for
//! callbacks.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
mod srcu;
pub use project::rcu;

use kernel::prelude::*;
use rcu::{new_srcu, Rcu};

module! {
    type: SrcuNoDrain,
    name: "srcu_no_drain",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: callbacks of SRCU that nothing waits for",
    license: "GPL",
}

struct SrcuNoDrain {
    holder: Rcu<srcu::Holder>,
}

impl kernel::Module for SrcuNoDrain {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            holder: Rcu::new(srcu::Holder::new()?),
        })
    }
}

impl Drop for SrcuNoDrain {
    fn drop(&mut self) {
        if srcu::queue(&self.holder).is_err() {
            pr_err!("no memory\n");
        }
        drop(self.holder.replace(None));
    }
}
