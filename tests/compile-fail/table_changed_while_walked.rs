// SPDX-License-Identifier: GPL-2.0

// An updater walks the table without a critical section, so it cannot remove entries meanwhile.

fn remove(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) -> usize {
    let rest = table.iter();
    drop(table.remove(&1));                              // VIOLATION: E0502
    let count = rest.count();
    drop(table.remove(&1));                              // TWIN
    count
}
