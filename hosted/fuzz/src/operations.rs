// SPDX-License-Identifier: GPL-2.0

//! Sequences of steps on a table, with failing allocations, compared with the tests' oracle.

mod model;
mod runner;
mod steps;
pub(crate) mod universe;

use crate::leaks;
use arbitrary::Unstructured;

/// The maximum number of steps of an input.
const MAX_STEPS: usize = 200;

/// The environment variable that prints each step before it runs.
const TRACE: &str = "FUZZ_TRACE";

/// Decodes steps from the bytes, and runs them on an empty table.
///
/// # Panics
///
/// If the table differs from the oracle, a failed change has an effect, or memory leaks.
pub fn run(bytes: &[u8]) {
    leaks::run_checked(bytes, run_steps);
}

fn run_steps(bytes: &[u8]) {
    let trace = std::env::var_os(TRACE).is_some();
    let mut bytes = Unstructured::new(bytes);
    let mut runner = runner::Runner::new();
    for number in 1..=MAX_STEPS {
        if bytes.is_empty() {
            break;
        }
        // Decoding fails only if it chooses from an empty range, and no range is empty.
        let Ok(step) = steps::Step::decode(&mut bytes) else {
            break;
        };
        if trace {
            eprintln!("{number}: {step}");
        }
        runner.run(&step);
    }
    runner.finish();
}
