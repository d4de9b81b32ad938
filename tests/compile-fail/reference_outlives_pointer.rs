// SPDX-License-Identifier: GPL-2.0

// Dropping a pointer frees its object at once, so no reader may borrow it.

fn read(current: Rcu<Config>) -> u32 {
    let guard = read_lock();
    let config = current.dereference(&guard);
    drop(current);                                       // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    drop(current);                                       // TWIN
    limit
}
