// SPDX-License-Identifier: GPL-2.0

// The value of an entry does not leave the memory that RCU frees.

fn take(entry: UniqueRcuBox<Entry<Config>>) -> Config {
    **entry                                              // VIOLATION: E0507
    Config { limit: entry.limit }                        // TWIN
}
