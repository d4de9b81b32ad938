// SPDX-License-Identifier: GPL-2.0

// Waiting for a condition lets go of the spin lock for a while, and of what it protects.

fn read(current: &Rcu<Config>, held: &mut SpinLockGuard<'_, u32>, changed: &CondVar) -> u32 {
    let config = current.dereference(held);
    changed.wait(held);                                  // VIOLATION: E0502
    let limit = config.map_or(0, |config| config.limit);
    changed.wait(held);                                  // TWIN
    limit
}
