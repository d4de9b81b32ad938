// SPDX-License-Identifier: GPL-2.0

//! Links the flavours of liburcu whose features are on.

fn main() {
    for flavour in ["memb", "mb", "bp", "qsbr"] {
        if std::env::var_os(format!("CARGO_FEATURE_{}", flavour.to_uppercase())).is_none() {
            continue;
        }
        // 0.14 is the first version with polled grace periods.
        if let Err(error) = pkg_config::Config::new()
            .atleast_version("0.14")
            .probe(&format!("liburcu-{flavour}"))
        {
            panic!("liburcu 0.14 or newer is required (Debian: liburcu-dev, Fedora: userspace-rcu-devel): {error}");
        }
    }
}
