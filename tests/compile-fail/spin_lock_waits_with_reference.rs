// SPDX-License-Identifier: GPL-2.0

// Waiting for a condition releases the spin lock meanwhile, and so ends the critical section.

fn read(current: &Rcu<Config>, held: &mut SpinLockGuard<'_, u32>, changed: &CondVar) -> u32 {
    let config = current.dereference(held);
    changed.wait(held);                                  // VIOLATION: E0502
    let limit = config.map_or(0, |config| config.limit);
    changed.wait(held);                                  // TWIN
    limit
}
