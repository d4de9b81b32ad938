// SPDX-License-Identifier: GPL-2.0

// Readers may still find entries that were cleared.

fn clear(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>) {
    table.clear(|old| {
        let entry: UniqueRcuBox<Entry<Config>> = old;          // VIOLATION: E0308
        let entry: UniqueRcuBox<Entry<Config>> = old.synchronize(); // TWIN
    });
}
