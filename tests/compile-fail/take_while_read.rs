// SPDX-License-Identifier: GPL-2.0

// A reader's reference borrows the pointer, so take() is not available meanwhile.

fn take(mut current: Rcu<Config>) -> u32 {
    let guard = read_lock();
    let config = current.dereference(&guard);
    drop(current.take());                                // VIOLATION: E0502
    let limit = config.map_or(0, |config| config.limit);
    drop(current.take());                                // TWIN
    limit
}
