// SPDX-License-Identifier: GPL-2.0

// A retired object may be freed at any time.

fn retire(old: Retired<Config, &Srcu>) -> u32 {
    old.limit                                            // VIOLATION: E0609
    old.synchronize().limit                              // TWIN
}
