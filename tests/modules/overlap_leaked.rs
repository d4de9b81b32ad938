// SPDX-License-Identifier: GPL-2.0

//! Leaks an `Overlap` that holds a spin lock: the borrow of the section never ends, and the kernel
//! reports the lock after insmod.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use rcu::{Overlap, ReadSide};

module! {
    type: OverlapLeaked,
    name: "overlap_leaked",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: a leaked spin lock",
    license: "GPL",
}

struct OverlapLeaked;

/// Takes a section that lasts for ever, in the opinion of the compiler.
fn leaked(_section: &'static impl ReadSide) {
    pr_info!("leaked a spin lock\n");
}

impl kernel::Module for OverlapLeaked {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let lock: &'static Arc<SpinLock<()>> = KBox::leak(KBox::new(
            Arc::pin_init(new_spinlock!(()), GFP_KERNEL)?,
            GFP_KERNEL,
        )?);
        let section: &'static Overlap<'static, ()> =
            KBox::leak(KBox::new(Overlap::new(), GFP_ATOMIC)?);
        section.lock(lock);
        leaked(section);
        Ok(Self)
    }
}
