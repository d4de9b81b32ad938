// SPDX-License-Identifier: GPL-2.0

// Retiring an object gives up its ownership.

fn retire(config: UniqueRcuBox<Config>) -> u32 {
    let limit = config.limit;                            // TWIN
    config.retire().call_rcu();
    let limit = config.limit;                            // VIOLATION: E0382
    limit
}
