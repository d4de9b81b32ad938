// SPDX-License-Identifier: GPL-2.0

//! Memory that is not freed. Callbacks free it, and waiting for them takes longer than an input does: so
//! several inputs are looked at together, and again one by one when something is missing.

use kernel::alloc::{live, Live};
use rcu_routes::rcu;
use std::{cell::RefCell, env, fs, path::PathBuf};

/// Inputs that are looked at together.
const TOGETHER: usize = 128;

/// Where to put an input that leaks.
const FOLDER: &str = "FUZZ_ARTIFACTS";

/// The inputs since the last look, and what was live then.
#[derive(Default)]
struct Recent {
    inputs: Vec<Vec<u8>>,
    before: Option<Live>,
    /// All inputs so far: of the first ones each is looked at, so that an input that is run alone is.
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
/// If memory that the target allocated is not freed. Which input was to blame is then in the message and
/// in a file.
pub(crate) fn checked(bytes: &[u8], target: impl Fn(&[u8])) {
    let mut recent = RECENT.take();
    let before = *recent.before.get_or_insert_with(live_after_callbacks);
    target(bytes);
    recent.inputs.push(bytes.to_vec());
    recent.count += 1;
    if recent.count < 4 || recent.inputs.len() == TOGETHER {
        if live_after_callbacks() != before {
            blame(&recent.inputs, target);
        }
        recent.inputs.clear();
    }
    RECENT.set(recent);
}

/// Finds which of some inputs leaks.
fn blame(inputs: &[Vec<u8>], target: impl Fn(&[u8])) -> ! {
    for input in inputs {
        let before = live_after_callbacks();
        target(input);
        let after = live_after_callbacks();
        if after != before {
            let file = keep(input);
            panic!("{before:?} became {after:?} by {input:?}, kept in {file:?}");
        }
    }
    panic!("memory was not freed, but by no single one of {inputs:?}");
}

fn keep(input: &[u8]) -> Option<PathBuf> {
    let file = PathBuf::from(env::var_os(FOLDER)?).join("leak");
    fs::write(&file, input).ok().map(|()| file)
}
