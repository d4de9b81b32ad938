// SPDX-License-Identifier: GPL-2.0

// A reference requires a critical section.
// ERROR SAYS: this method takes 1 argument but 0 arguments were supplied

fn read(current: &Rcu<Config>) -> u32 {
    let guard = read_lock();                             // TWIN
    let config = current.dereference();                  // VIOLATION: E0061
    let config = current.dereference(&guard);            // TWIN
    config.map_or(0, |config| config.limit)
}
