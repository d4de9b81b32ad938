// SPDX-License-Identifier: GPL-2.0

//! Threads whose owners are never dropped. They run code of this module: if they run after it is
//! unloaded, the kernel crashes.

#![deny(unsafe_code)]

#[path = "../../kernel_ext"]
/// Threads.
pub mod kernel_ext {
    pub mod cpu;
    pub mod kthread;
}
#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    prelude::*,
    time::{delay::fsleep, Delta},
};
use kernel_ext::kthread::{should_stop, Attributes, Kthread};
use rcu::{Rcu, Reclaim, UniqueRcuBox, Workqueue};

rcu::drained_module! {
    type: ThreadStatic,
    // Unload must not wait twice for a drain that is named twice.
    drains: [kernel_ext::kthread, kernel_ext::kthread],
    name: "thread_static",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the threads: owners that are never dropped",
    license: "GPL",
}

/// A thread, in a box that a static can own.
struct Owner(#[allow(dead_code, reason = "it is only owned")] Kthread);

impl Reclaim for Owner {
    type Context = Workqueue;
}

static OWNER: Rcu<Owner> = Rcu::null();
static ENDED: AtomicUsize = AtomicUsize::new(0);

fn spawn() -> Result<Kthread> {
    Kthread::spawn(c"thread_static", Attributes::default(), || {
        while !should_stop() {
            fsleep(Delta::from_millis(10));
        }
        // The module must remain loaded during this sleep, too.
        fsleep(Delta::from_millis(300));
        let ended = ENDED.fetch_add(1, Ordering::Relaxed) + 1;
        pr_info!("{ended} of 2 threads have ended\n");
    })
}

struct ThreadStatic;

impl kernel::Module for ThreadStatic {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        drop(OWNER.replace(Some(UniqueRcuBox::new(Owner(spawn()?), GFP_KERNEL)?)));
        core::mem::forget(spawn()?);
        // Unload must not wait for a thread that did not start.
        let attributes = Attributes {
            cpu: Some(u32::MAX),
            ..Attributes::default()
        };
        if Kthread::spawn(c"no_such_cpu", attributes, || {}).is_ok() {
            pr_err!("a thread started on a CPU that does not exist\n");
        }
        Ok(Self)
    }
}
