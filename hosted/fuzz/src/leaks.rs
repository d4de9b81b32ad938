// SPDX-License-Identifier: GPL-2.0

//! Detection of leaks. RCU callbacks free memory, and waiting for them is slower than an input. So
//! many inputs are checked together, and one by one only if they leak.

use kernel::alloc::{live, Live};
use rcu_routes::rcu;
use std::{cell::RefCell, env, fs, path::PathBuf};

/// The number of inputs that are checked together.
const BATCH: usize = 128;

/// The first inputs are checked one by one, so that a run of a single input checks it.
const CHECKED_ALONE: usize = 3;

/// The environment variable with the folder for an input that leaks.
const FOLDER: &str = "FUZZ_ARTIFACTS";

/// The inputs since the last check, and the live memory at that time.
#[derive(Default)]
struct Recent {
    inputs: Vec<Vec<u8>>,
    before: Option<Live>,
    /// The number of all inputs.
    count: usize,
}

thread_local! {
    static RECENT: RefCell<Recent> = RefCell::default();
}

fn live_after_callbacks() -> Live {
    rcu::barrier();
    live()
}

/// Runs `target` on an input.
///
/// # Panics
///
/// If the target leaks memory. The message and a file have the input that leaked.
pub(crate) fn run_checked(bytes: &[u8], target: impl Fn(&[u8])) {
    let mut recent = RECENT.take();
    let before = *recent.before.get_or_insert_with(live_after_callbacks);
    target(bytes);
    recent.inputs.push(bytes.to_vec());
    recent.count += 1;
    if recent.count <= CHECKED_ALONE || recent.inputs.len() == BATCH {
        if live_after_callbacks() != before {
            find_leak(&recent.inputs, target);
        }
        recent.inputs.clear();
    }
    RECENT.set(recent);
}

/// Runs the inputs one by one, and panics with the first that leaks.
fn find_leak(inputs: &[Vec<u8>], target: impl Fn(&[u8])) -> ! {
    for input in inputs {
        let before = live_after_callbacks();
        target(input);
        let after = live_after_callbacks();
        if after != before {
            let file = save(input);
            panic!(
                "a leak: {before:?} became {after:?} after the input {input:?}, saved in {file:?}"
            );
        }
    }
    panic!("a leak that no single input repeats; the inputs are {inputs:?}");
}

fn save(input: &[u8]) -> Option<PathBuf> {
    let file = PathBuf::from(env::var_os(FOLDER)?).join("leak");
    fs::write(&file, input).ok().map(|()| file)
}
