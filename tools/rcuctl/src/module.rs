// SPDX-License-Identifier: GPL-2.0

//! Loading the module, as tools of the kernel do for their users.

use std::path::Path;
use std::process::{Command, Stdio};

/// Where the kernel shows a module that is loaded, or built in.
const LOADED: &str = "/sys/module/rust_rcu_demo";

/// Has modprobe load the module, unless it is there. Whether that worked turns out when it is used: it may
/// not be installed, or the caller may not be root.
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
