// SPDX-License-Identifier: GPL-2.0

//! A page shows what the example prints.

use rcu_routes::testing::assert_page_shows;
use std::{env, process::Command};

#[test]
fn a_page_shows_the_output_of_reclamation() {
    // Cargo builds examples beside the folder of the tests.
    let tests = env::current_exe().expect("the path of the tests");
    let builds = tests.ancestors().nth(2).expect("a folder of builds");
    let output = Command::new(builds.join("examples/reclamation"))
        .args(["--duration-ms", "10", "--updates", "1500", "--readers", "2"])
        .output()
        .expect("cargo test without --test has built the example");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_page_shows("reclamation.md", "reclamation", &printed);
}
