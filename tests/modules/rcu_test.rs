// SPDX-License-Identifier: GPL-2.0

//! Runs the RCU library's tests at insmod and logs their results as TAP.

#![deny(unsafe_code)]

mod cases;
#[path = "../../kernel_ext"]
/// Threads for the tests.
pub mod kernel_ext {
    pub mod cpu;
    pub mod kthread;
}
mod platform;
#[path = "../.."]
mod project {
    pub mod rcu;
}

pub use project::rcu;

use kernel::prelude::*;

rcu::drained_module! {
    type: RcuTest,
    drains: [kernel_ext::kthread],
    name: "rcu_test",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Tests of the RCU library",
    license: "GPL",
}

struct RcuTest;

impl kernel::Module for RcuTest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for (number, (name, case)) in cases::CASES.iter().enumerate() {
            match case() {
                Ok(()) => pr_info!("ok {} - {name}\n", number + 1),
                Err(cases::Failure { line, condition }) => {
                    pr_info!("not ok {} - {name}: line {line}: {condition}\n", number + 1);
                }
            }
        }
        pr_info!("1..{}\n", cases::CASES.len());
        Ok(Self)
    }
}
