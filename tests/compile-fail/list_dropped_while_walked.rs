// SPDX-License-Identifier: GPL-2.0

// Dropping a list frees its entries at once, so no reader may borrow it.

fn read(list: List<Config, State>) -> usize {
    let guard = read_lock();
    let rest = list.iter(&guard);
    drop(list);                                          // VIOLATION: E0505
    let count = rest.count();
    drop(list);                                          // TWIN
    count
}
