// SPDX-License-Identifier: GPL-2.0

//! Runs the targets on the inputs in `corpus/`: seeds, and inputs of earlier failures.

use std::{env, fs, path::Path};

/// Runs a target on each input of its folder.
fn run_all(target: &str, run: fn(&[u8])) {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the target has a corpus") {
        let file = entry.expect("the folder can be read").path();
        println!("{}", file.display());
        run(&fs::read(file).expect("the input can be read"));
        count += 1;
    }
    assert_ne!(count, 0, "{target} has no inputs");
}

#[test]
fn corpus_of_decode_passes() {
    run_all("decode", fuzz::decode::run);
}

#[test]
fn corpus_of_ioctl_passes() {
    run_all("ioctl", fuzz::ioctl::run);
}

#[test]
fn corpus_of_line_passes() {
    run_all("line", fuzz::line::run);
}

#[test]
fn corpus_of_operations_passes() {
    run_all("operations", fuzz::operations::run);
}
