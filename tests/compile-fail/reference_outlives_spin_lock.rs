// SPDX-License-Identifier: GPL-2.0

// Preemption is off as long as the spin lock is held, and so is the reference good.

fn read(current: &Rcu<Config>, lock: &SpinLock<u32>) -> u32 {
    let held = lock.lock();
    let config = current.dereference(&held);
    drop(held);                                          // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    drop(held);                                          // TWIN
    limit
}
