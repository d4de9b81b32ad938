// SPDX-License-Identifier: GPL-2.0

// A reader keeps a reference past the end of its critical section: a use after free in waiting.

fn read(current: &Rcu<Config>) -> u32 {
    let config;
    let guard;                                           // TWIN
    {
        let guard = read_lock();                         // VIOLATION
        guard = read_lock();                             // TWIN
        config = current.dereference(&guard);            // VIOLATION: E0597
        config = current.dereference(&guard);            // TWIN
    }
    config.map_or(0, |config| config.limit)
}
