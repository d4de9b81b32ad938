// SPDX-License-Identifier: GPL-2.0

// The updater's own walk takes no critical section, so nothing may be freed under it.

fn remove(list: &mut UpdateSide<'_, List<Config, State>>) -> usize {
    let rest = list.iter();
    drop(list.pop_front());                              // VIOLATION: E0502
    let count = rest.count();
    drop(list.pop_front());                              // TWIN
    count
}
