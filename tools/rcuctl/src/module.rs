// SPDX-License-Identifier: GPL-2.0

//! Loads the module.

use std::path::Path;
use std::process::{Command, Stdio};

/// The folder of a module that is loaded or built in.
const LOADED: &str = "/sys/module/rust_rcu_demo";

/// Runs modprobe, unless the module is loaded. Ignores failure: the next access to the module
/// reports the missing module.
pub fn load_if_absent() {
    if Path::new(LOADED).exists() {
        return;
    }
    let _ = Command::new("modprobe")
        .args(["--quiet", "rust_rcu_demo"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
