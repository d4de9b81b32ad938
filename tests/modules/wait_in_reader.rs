// SPDX-License-Identifier: GPL-2.0

//! Calls what waits where lockdep takes it for a reader: each names itself in the log.
//!
//! A real reader would wait for itself for ever, so only lockdep is told of one.

#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use core::ptr;
use kernel::{bindings, prelude::*};

module! {
    type: WaitInReader,
    name: "wait_in_reader",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: waiting inside a reader",
    license: "GPL",
}

struct WaitInReader;

impl kernel::Module for WaitInReader {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let cookie = rcu::GracePeriod::completed();
        let full = rcu::FullGracePeriod::completed();
        as_reader(|| rcu::synchronize());
        as_reader(|| rcu::synchronize_expedited());
        as_reader(|| cookie.wait());
        as_reader(|| cookie.wait_expedited());
        as_reader(|| full.wait());
        // Last, since it takes a mutex, and lockdep goes off after its first complaint.
        as_reader(|| rcu::barrier());
        Ok(Self)
    }
}

/// Runs `call` as a reader, in the eyes of lockdep.
fn as_reader(call: impl FnOnce()) {
    // SAFETY: The map is RCU's own; the arguments are those of `rcu_read_lock()`, and `lock_release()`
    // follows.
    unsafe {
        bindings::lock_acquire(
            ptr::addr_of_mut!(bindings::rcu_lock_map),
            0,
            0,
            2,
            0,
            ptr::null_mut(),
            0,
        );
    }
    call();
    // SAFETY: Acquired above.
    unsafe { bindings::lock_release(ptr::addr_of_mut!(bindings::rcu_lock_map), 0) };
}
