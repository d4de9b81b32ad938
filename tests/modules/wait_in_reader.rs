// SPDX-License-Identifier: GPL-2.0

//! Calls each waiting function inside a reader: each logs an error with its name.
//!
//! A real reader would wait for itself for ever. So the readers here exist for lockdep only.

#![deny(unsafe_code)]

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
        // Last, because it locks a mutex: lockdep warns of that once and then turns itself off.
        as_reader(|| rcu::barrier());
        Ok(Self)
    }
}

/// Runs `call` while lockdep believes that this is a reader.
#[expect(unsafe_code, reason = "changes lockdep's records")]
fn as_reader(call: impl FnOnce()) {
    // SAFETY: The map is one of RCU's static maps. The arguments are those of `rcu_read_lock()`,
    // and `lock_release()` follows.
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
    // SAFETY: `lock_acquire()` has acquired the map in this function.
    unsafe { bindings::lock_release(ptr::addr_of_mut!(bindings::rcu_lock_map), 0) };
}
