// SPDX-License-Identifier: GPL-2.0

// A guard that nobody keeps ends its section at once.
// ERROR SAYS: does not live long enough

fn read(current: &Rcu<Config>) -> u32 {
    let config = { let guard = read_lock(); current.dereference(&guard) }; // VIOLATION: E0597
    let guard = read_lock();                             // TWIN
    let config = current.dereference(&guard);            // TWIN
    config.map_or(0, |config| config.limit)
}
