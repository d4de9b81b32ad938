// SPDX-License-Identifier: GPL-2.0

// Preemption is off, and the reference valid, while the spin lock is held.

fn read(current: &Rcu<Config>, lock: &SpinLock<u32>) -> u32 {
    let held = lock.lock();
    let config = current.dereference(&held);
    drop(held);                                          // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    drop(held);                                          // TWIN
    limit
}
