// SPDX-License-Identifier: GPL-2.0

// A retired object may be freed at any time.

fn retire(current: &Rcu<Config>) -> u32 {
    match current.replace(None) {
        Some(old) => old.limit,                          // VIOLATION: E0609
        Some(old) => old.synchronize().limit,            // TWIN
        None => 0,
    }
}
