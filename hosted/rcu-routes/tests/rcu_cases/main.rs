// SPDX-License-Identifier: GPL-2.0

//! The test cases that the guest runs in the kernel, here over each flavour of liburcu.

#[path = "../../../../tests/modules"]
mod modules {
    pub mod cases;
}
mod platform;

use modules::cases;
use rcu_routes::{rcu, testing::in_each_flavour};

#[test]
fn all_cases_pass() {
    in_each_flavour("all_cases_pass", |_| run_cases());
}

fn run_cases() {
    let _drain = rcu::CallbackDrain::new().unwrap();
    let mut failures = Vec::new();
    for (name, case) in cases::CASES {
        println!("{name}");
        if let Err(cases::Failure { line, condition }) = case() {
            failures.push(format!("{name}: line {line}: {condition}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
