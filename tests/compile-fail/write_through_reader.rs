// SPDX-License-Identifier: GPL-2.0

// Readers read: what is published does not change under the others.

fn write(current: &Rcu<Config>) {
    let guard = read_lock();
    if let Some(config) = current.dereference(&guard) {
        config.limit = 2;                                // VIOLATION: E0594
        let _ = config.limit;                            // TWIN
    }
}
