// SPDX-License-Identifier: GPL-2.0

//! Compiles the C files, which use inline functions of DPDK (in the folder DPDK_DIR) and of liburcu
//! (of the system).

use std::{env, path::PathBuf};

/// The linker finds the dependencies of these libraries in the same folder.
const DPDK: [&str; 4] = ["rte_lpm", "rte_fib", "rte_rib", "rte_eal"];

const LIBURCU: [&str; 5] = [
    "urcu-memb",
    "urcu-mb",
    "urcu-qsbr",
    "urcu-bp",
    "urcu-common",
];

fn main() {
    println!("cargo::rerun-if-env-changed=DPDK_DIR");
    println!("cargo::rerun-if-changed=src/c");
    // Clippy does not link, so it needs no DPDK.
    let Some(folder) = env::var_os("DPDK_DIR") else {
        println!("cargo::warning=DPDK_DIR is not set; build by scripts/lab/bench-user");
        return;
    };
    let usr = PathBuf::from(folder).join("usr");

    // The flags are those of DPDK's pkg-config file.
    cc::Build::new()
        .file("src/c/dpdk.c")
        .include(usr.join("include/x86_64-linux-gnu/dpdk"))
        .include(usr.join("include/dpdk"))
        // libbsd, which DPDK's headers include.
        .include(usr.join("include/x86_64-linux-gnu"))
        .flag("-include")
        .flag("rte_config.h")
        .flag("-march=corei7")
        .flag("-mrtm")
        .warnings(true)
        .opt_level(3)
        .compile("peers_dpdk");
    cc::Build::new()
        .file("src/c/sections.c")
        .warnings(true)
        .opt_level(3)
        .compile("peers_sections");

    let libraries = usr.join("lib/x86_64-linux-gnu");
    println!("cargo::rustc-link-search=native={}", libraries.display());
    println!(
        "cargo::rustc-link-arg=-Wl,-rpath-link,{}",
        libraries.display()
    );
    for library in DPDK.iter().chain(&LIBURCU) {
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}
