// SPDX-License-Identifier: GPL-2.0

// A guard without a name ends with its statement, so the reference cannot be used in the next.
// ERROR SAYS: temporary value dropped while borrowed

fn read(current: &Rcu<Config>) -> u32 {
    let config = current.dereference(&read_lock());      // VIOLATION: E0716
    let limit = config.map_or(0, |config| config.limit); // VIOLATION
    let limit = current.dereference(&read_lock()).map_or(0, |config| config.limit); // TWIN
    limit
}
