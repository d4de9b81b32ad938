// SPDX-License-Identifier: GPL-2.0

// A reference that outlives the critical section is a use after free.
// ERROR SAYS: `guard` does not live long enough

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
