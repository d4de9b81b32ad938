// SPDX-License-Identifier: GPL-2.0

// A reader cannot use a reference after it has unlocked.

fn read(current: &Rcu<Config>) -> u32 {
    let guard = read_lock();
    let config = current.dereference(&guard);
    guard.unlock();                                      // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    guard.unlock();                                      // TWIN
    limit
}
