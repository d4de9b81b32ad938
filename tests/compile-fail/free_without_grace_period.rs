// SPDX-License-Identifier: GPL-2.0

// Old readers may still be there: a retired object is not owned yet.

fn retire(old: Retired<Config>) {
    let config: RcuBox<Config> = old;                    // VIOLATION: E0308
    let config: RcuBox<Config> = old.synchronize();      // TWIN
}
