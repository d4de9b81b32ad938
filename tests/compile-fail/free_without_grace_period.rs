// SPDX-License-Identifier: GPL-2.0

// Old readers may remain: a retired object is not owned before its grace period has ended.

fn retire(old: Retired<Config>) {
    let config: UniqueRcuBox<Config> = old;                    // VIOLATION: E0308
    let config: UniqueRcuBox<Config> = old.synchronize();      // TWIN
}
