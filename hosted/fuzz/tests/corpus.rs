// SPDX-License-Identifier: GPL-2.0

//! The inputs that are kept in `corpus/`: seeds, and what the fuzzer found once.

use std::{env, fs, path::Path};

/// Runs a target on each input of its folder.
fn run_all(target: &str, run: fn(&[u8])) {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo says"))
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
fn kernel_logs() {
    run_all("decode", fuzz::decode::run);
}

#[test]
fn structures_of_ioctls() {
    run_all("ioctl", fuzz::ioctl::run);
}

#[test]
fn lines_and_commands() {
    run_all("line", fuzz::line::run);
}

#[test]
fn operations_agree_with_the_oracle() {
    run_all("operations", fuzz::operations::run);
}
