// SPDX-License-Identifier: GPL-2.0

//! Runs the test of `drain.rs`.

#![deny(unsafe_code)]

mod drain;
#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use drain::DrainTest;
use kernel::prelude::*;

/// The step after which init fails; 0 for none.
const FAILS_AFTER_STEP: usize = 1;

module! {
    type: DrainTest,
    name: "drain_fails_1",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: unloading with callbacks in flight",
    license: "GPL",
}
