// SPDX-License-Identifier: GPL-2.0

//! Runs the test of `drain.rs`.

#![deny(unsafe_code)]

mod drain;
#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

drain::drain_test!("drain_ok", fails_after_step: 0);
