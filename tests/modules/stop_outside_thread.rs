// SPDX-License-Identifier: GPL-2.0

//! Asks in insmod, which is no kernel thread, whether the current thread should stop.

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

use kernel::prelude::*;

module! {
    type: StopOutsideThread,
    name: "stop_outside_thread",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the threads: should_stop() outside of a thread",
    license: "GPL",
}

struct StopOutsideThread;

impl kernel::Module for StopOutsideThread {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!(
            "insmod should stop: {}\n",
            kernel_ext::kthread::should_stop()
        );
        let attributes = kernel_ext::kthread::Attributes::default();
        for _ in 0..1000 {
            if kernel_ext::kthread::Kthread::spawn(c"no_drain", attributes, || {}).is_ok() {
                pr_err!("a thread started, though nothing waits for it\n");
            }
        }
        Ok(Self)
    }
}
