// SPDX-License-Identifier: GPL-2.0

//! Sequences of changes, done to a table and to the tests' oracle, with allocations that fail.

mod model;
mod play;
mod steps;
pub(crate) mod universe;

use crate::leaks;
use arbitrary::Unstructured;

/// Steps that are taken from one input.
const MOST_STEPS: usize = 200;

/// Set to have each step printed before it is done.
const TRACE: &str = "FUZZ_TRACE";

/// Does what the bytes mean to an empty table.
///
/// # Panics
///
/// If an answer of the table is not the oracle's, a failed change has changed something, or memory is
/// not freed.
pub fn run(bytes: &[u8]) {
    leaks::checked(bytes, play_bytes);
}

fn play_bytes(bytes: &[u8]) {
    let trace = std::env::var_os(TRACE).is_some();
    let mut bytes = Unstructured::new(bytes);
    let mut game = play::Game::new();
    for number in 1..=MOST_STEPS {
        if bytes.is_empty() {
            break;
        }
        // Only an impossible demand on the bytes is an error, and none is made.
        let Ok(step) = steps::Step::decode(&mut bytes) else {
            break;
        };
        if trace {
            eprintln!("{number}: {step}");
        }
        game.play(&step);
    }
    game.finish();
}
