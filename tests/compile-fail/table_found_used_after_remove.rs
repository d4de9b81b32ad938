// SPDX-License-Identifier: GPL-2.0

// An entry that the updater has removed may be freed, so its reference ends before.

fn remove(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) -> u32 {
    let found = table.get(&1);
    drop(table.remove(&1));                              // VIOLATION: E0502
    let limit = found.map_or(0, |found| found.limit);
    drop(table.remove(&1));                              // TWIN
    limit
}
