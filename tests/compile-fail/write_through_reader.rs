// SPDX-License-Identifier: GPL-2.0

// Readers cannot write: a published object does not change.
// ERROR SAYS: which is behind a `&` reference

fn write(current: &Rcu<Config>) {
    let guard = read_lock();
    if let Some(config) = current.dereference(&guard) {
        config.limit = 2;                                // VIOLATION: E0594
        let _ = config.limit;                            // TWIN
    }
}
