// SPDX-License-Identifier: GPL-2.0

// The section passes from one lock to the next and ends with the last one.

fn read(current: &Rcu<Config>, lock: &SpinLock<u32>) -> u32 {
    let section = Overlap::new();
    let config = current.dereference(&section);
    section.lock(lock);
    drop(section);                                       // VIOLATION: E0505
    let limit = config.map_or(0, |config| config.limit);
    drop(section);                                       // TWIN
    limit
}
