// SPDX-License-Identifier: GPL-2.0

// An updater walks the list without a critical section, so it cannot remove entries meanwhile.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) -> usize {
    let rest = list.iter();
    drop(list.pop_front());                              // VIOLATION: E0502
    let count = rest.count();
    drop(list.pop_front());                              // TWIN
    count
}
