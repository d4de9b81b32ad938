// SPDX-License-Identifier: GPL-2.0

//! Tests that run over each flavour of liburcu.

use crate::flavour::Flavour;
use std::{
    env,
    process::{Command, Stdio},
};

/// Names the flavour to a process that runs one test.
const VARIABLE: &str = "RCU_ROUTES_TEST_FLAVOUR";

/// Runs `body` over each included flavour, each in a process of its own, because a process has one
/// flavour. `test` is the path of the calling test.
///
/// # Panics
///
/// If `body` panics over a flavour.
pub fn in_each_flavour(test: &str, body: impl FnOnce(Flavour)) {
    if let Ok(name) = env::var(VARIABLE) {
        let flavour: Flavour = name.parse().expect("a flavour");
        flavour.select().expect("the first use of RCU");
        return body(flavour);
    }
    let program = env::current_exe().expect("the path of the tests");
    let start = |flavour: Flavour| {
        let child = Command::new(&program)
            .args(["--exact", test, "--nocapture"])
            .env(VARIABLE, flavour.name())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        (flavour, child.expect("the tests start"))
    };
    // All run at once: most of the time they wait.
    let children: Vec<_> = Flavour::included().map(start).collect();
    for (flavour, child) in children {
        let output = child.wait_with_output().expect("the output of the tests");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success(), "flavour {flavour}: {text}");
        assert!(text.contains("1 passed"), "no test is named {test}");
    }
}
