// SPDX-License-Identifier: GPL-2.0

// Dropping a list drops its entries at once: nobody may still be walking.

fn read(list: List<Config, State>) -> usize {
    let guard = read_lock();
    let rest = list.iter(&guard);
    drop(list);                                          // VIOLATION: E0505
    let count = rest.count();
    drop(list);                                          // TWIN
    count
}
